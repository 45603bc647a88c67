"""``guardian verify --executor dask``: who does the reading of a drill."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from guardian.errors import UsageError
from guardian.i18n import _

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from guardian.node import Node

F = TypeVar("F", bound=Callable[..., Any])


def options(function: F) -> F:
    """Where the work is done."""
    for option in (
        click.option(
            "--worker-config", metavar="PATH", help=_("Farm: configuration on each worker; default: the path of ours.")
        ),
        click.option("--scheduler", metavar="ADDRESS", help=_("Farm: Dask's scheduler, such as tcp://HOST:8786.")),
        click.option(
            "--executor",
            type=click.Choice(["threads", "dask"]),
            default="threads",
            show_default=True,
            help=_("Who reads for D2 and D3: threads of this host, or a farm of Dask workers."),
        ),
    ):
        function = option(function)
    return function


def check(asked: Mapping[str, Any]) -> None:
    """Raises UsageError when the options do not go together."""
    if asked["executor"] == "dask":
        if asked["scheduler"] is None:
            raise UsageError(_("--executor dask needs a scheduler"), _("Give --scheduler tcp://HOST:8786 or tls://…."))
        if asked["keyless"] or asked["replay"] or asked["level"] == "K":
            raise UsageError(_("a farm has no part in this drill"), _("Leave --executor out."))
    elif asked["scheduler"] is not None or asked["worker_config"] is not None:
        raise UsageError(_("that option needs --executor dask"), _("Give --executor dask too."))


@contextmanager
def executor(node: "Node", asked: Mapping[str, Any]) -> "Iterator[Executor | None]":
    """The farm that was asked for; None: threads. Raises ToolMissing, Unavailable."""
    if asked["executor"] == "threads":
        yield None
        return
    from guardian.drill.farm import Farms, opened

    config = asked["worker_config"] or str(node.loaded.path)
    with opened(node, Farms(asked["scheduler"], config)) as farm:
        yield farm
