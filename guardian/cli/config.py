"""``guardian config``: is it right, what is in force and who said so, what may be written."""

from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Group, Session, common, verb
from guardian.cli.render import Report, show, table, visible
from guardian.errors import ExitCode
from guardian.i18n import _

if TYPE_CHECKING:
    from guardian.config.loaded import Loaded


@click.group(cls=Group, help=_("Check, show or describe the configuration."))
@common
def config(**_options: object) -> None:
    """The group; its common options are kept by :func:`common`."""


@config.command("check", help=_("Read the configuration and say everything that is wrong with it."))
@verb
def check(session: Session) -> int:
    """Exit 0 when it can be used, 2 with a line for each problem when it cannot. Touches nothing but the files."""
    from guardian.config.load import find, load

    loaded = load(find(session.config))
    targets = [{"target": t.ref, "repository": t.key} for t in loaded.targets()]
    addresses = {repository.key: repository.url for repository in loaded.repositories()}
    summary = _("{path} is good: {targets} sources in {systems} systems, {repositories} repositories").format(
        path=loaded.path, targets=len(targets), systems=len(loaded.config.systems), repositories=len(addresses)
    )
    header = (_("source"), _("repository"), _("address"))
    rows = [(t["target"], t["repository"], addresses[t["repository"]]) for t in targets]
    body = {**_identity(loaded), "targets": targets, "repositories": addresses}
    lines = (visible(summary), *table(header, rows))
    return show(session, Report("guardian.config.check/v1", "ok", ExitCode.OK, body, lines))


@config.command("show", help=_("Show the configuration in force, defaults included."))
@click.option("--provenance", is_flag=True, help=_("Say of every value which file and line set it."))
@verb
def show_config(session: Session, provenance: bool) -> int:
    """The effective configuration as YAML, or a line a value with its origin."""
    from guardian.config.load import find, load

    loaded = load(find(session.config))
    effective = loaded.config.model_dump(mode="json")
    body: dict[str, Any] = {**_identity(loaded), "configuration": effective}
    if provenance:
        body["provenance"] = dict(loaded.provenance)
        rows = [(key, _value(effective, key), origin) for key, origin in loaded.provenance.items()]
        lines = table((_("key"), _("value"), _("set by")), rows)
    else:
        import yaml

        text: str = yaml.safe_dump(effective, allow_unicode=True, sort_keys=False, width=10_000)
        lines = tuple(visible(line) for line in text.splitlines())
    return show(session, Report("guardian.config.show/v1", "ok", ExitCode.OK, body, lines))


@config.command("schema", help=_("Print the JSON Schema of the configuration, for editors."))
@verb
def schema(session: Session) -> int:
    """The schema itself is the document, with ``--json`` too: editors are given this output as it is."""
    from guardian.config.reference import schema_text

    if not session.quiet or session.as_json:
        click.echo(schema_text(), nl=False)
    return int(ExitCode.OK)


def _identity(loaded: "Loaded") -> dict[str, str]:
    return {
        "path": str(loaded.path),
        "sha256": loaded.sha256,
        "tenant": loaded.config.tenant.id,
        "host": loaded.host,
        "state_dir": str(loaded.state_dir),
    }


def _value(effective: dict[str, Any], dotted: str) -> str:
    """What stands at ``dotted``, on one line; names of variables may hold dots themselves, ids may not."""
    import json

    value: Any = effective
    rest = dotted
    while isinstance(value, dict) and rest:
        key = next((k for k in value if rest == k or rest.startswith(f"{k}.")), "")
        value, rest = value.get(key), rest[len(key) + 1 :]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
