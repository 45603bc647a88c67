"""Everything that is wrong is said at once: file, line, key, a sentence and a hint, and never a secret."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.config.load import load
from guardian.config.problem import InvalidConfigError, Problem
from guardian.errors import ExitCode

Write = Callable[..., Path]


def problems(path: Path) -> list[Problem]:
    with pytest.raises(InvalidConfigError) as caught:
        load(path)
    assert caught.value.message == str(caught.value.problems[0])
    assert caught.value.exit_code is ExitCode.USAGE
    return list(caught.value.problems)


def only(path: Path) -> str:
    (problem,) = problems(path)
    return str(problem)


DOCS = 'docs: {kind: files, paths: [/srv/docs], exclude: ["*.tmp"]}'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "paths: [/srv/docs]",
            "pathes: [/srv/docs], paths: [/srv/docs]",
            '10: systems.social.sources.docs.pathes: unknown key; did you mean "paths"?',
        ),
        (
            "plan: {schedule",
            "plan: {shedule: daily, schedule",
            '12: systems.social.plan.shedule: unknown key; did you mean "schedule"?',
        ),
        ("host: web-1", "hots: web-1", '2: hots: unknown key; did you mean "host"?'),
        ("paths: [/srv/docs], ", "", "10: systems.social.sources.docs.paths: this key is missing"),
        (
            "kind: files, paths: [/srv/docs]",
            "paths: [/srv/docs]",
            "10: systems.social.sources.docs.kind: this key is missing",
        ),
        (
            "docs: {kind: files",
            "docs: {kind: file",
            (
                "10: systems.social.sources.docs.kind: unknown kind; one of files, sqlite, command, postgresql, mysql; "
                'did you mean "files"?'
            ),
        ),
        (DOCS, "docs: 3", "10: systems.social.sources.docs: a mapping of keys to values is expected"),
        (DOCS, "docs:", "10: systems.social.sources.docs: this key has no value"),
        (DOCS, "docs: {kind: files, paths: []}", "10: systems.social.sources.docs.paths: at least 1 is needed"),
        (
            DOCS,
            "docs: {kind: files, paths: [../a]}",
            "10: systems.social.sources.docs.paths[0]: not a path without ..",
        ),
        (
            DOCS,
            "docs: {kind: files, paths: [/a/../b]}",
            "10: systems.social.sources.docs.paths[0]: not a path without ..",
        ),
        (DOCS, "docs: {kind: files, paths: /a}", "10: systems.social.sources.docs.paths: a list is expected"),
        (
            DOCS,
            "docs: {kind: files, paths: [/a], allow_empty: yes}",
            "10: systems.social.sources.docs.allow_empty: true or false is expected",
        ),
        (
            DOCS,
            "docs: {kind: files, paths: [/a], min_files: 0}",
            "10: systems.social.sources.docs.min_files: must be at least 1",
        ),
        (
            DOCS,
            "docs: {kind: files, paths: [/a], min_files: 1.5}",
            "10: systems.social.sources.docs.min_files: a whole number is expected",
        ),
        (DOCS, "Docs: {kind: files, paths: [/a]}", "10: systems.social.sources.Docs: not an id"),
        ('region: "520000"', "region: 520000", "1: tenant.region: text is expected"),
        ('region: "520000"', 'region: "52000"', "1: tenant.region: not a region code"),
        (
            "rpo: 6h",
            "rpo: 6",
            (
                "8: systems.social.objectives.rpo: not a duration: write a whole number and a unit, "
                "such as 90s, 10m, 6h, 2d or 1w"
            ),
        ),
        (
            "rpo: 6h",
            "rpo: -6h",
            (
                "8: systems.social.objectives.rpo: not a duration: write a whole number and a unit, "
                "such as 90s, 10m, 6h, 2d or 1w"
            ),
        ),
        ("rpo: 6h", "dr_level: 7", "8: systems.social.objectives.dr_level: must be at most 6"),
        ("D1: daily", "D9: daily", "12: systems.social.plan.drills.D9: must be one of K, D0, D1, D2, D3, D4, D5, D6"),
        ("copy_to: [offsite]", "retention: {daily: 0}", "12: systems.social.plan.retention.daily: must be at least 1"),
        ("host: web-1", "restic: {compression: fast}", "2: restic.compression: must be one of auto, off, max"),
        ("host: web-1", "verify: {confidence: 1}", "2: verify.confidence: must be less than 1.0"),
        ("host: web-1", "verify: {confidence: 95%}", "2: verify.confidence: a number is expected"),
        ("host: web-1", "state_dir: ''", "2: state_dir: too short: at least 1 characters"),
    ],
)
def test_a_value_that_cannot_be(write: Write, old: str, new: str, message: str) -> None:
    assert only(write((old, new))) == f"guardian.yaml:{message}"


SCHEDULE = (
    "not a schedule: write every 6h, hourly, daily at 02:30, weekly on sun at 03:00, monthly on last at 02:00, "
    "quarterly, yearly, or cron and five fields"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "repository: offsite",
            "repository: ofsite",
            '15: systems.portal.repository: there is no "ofsite"; did you mean "offsite"?',
        ),
        ("copy_to: [offsite]", "copy_to: [nowhere]", '12: systems.social.plan.copy_to[0]: there is no "nowhere"'),
        (
            "copy_to: [offsite]",
            "copy_to: [main]",
            "12: systems.social.plan.copy_to[0]: a copy goes to another repository than the backup itself",
        ),
        (
            "depends_on: [social]",
            "depends_on: [socal]",
            '14: systems.portal.depends_on[0]: there is no "socal"; did you mean "social"?',
        ),
        (
            "depends_on: [social]",
            "depends_on: [portal]",
            "14: systems.portal.depends_on: systems depend on each other in a ring: portal → portal",
        ),
        (
            "  social:\n",
            "  social:\n    depends_on: [portal]\n",
            "15: systems.portal.depends_on: systems depend on each other in a ring: social → portal → social",
        ),
        ("every 6h", "every 6 h", f"12: systems.social.plan.schedule: {SCHEDULE}"),
        ("every 6h", "every 0h", f"12: systems.social.plan.schedule: {SCHEDULE}"),
        ("every 6h", "0 2 * * *", f"12: systems.social.plan.schedule: {SCHEDULE}"),
        ("D3: weekly", "D3: often", f"12: systems.social.plan.drills.D3: {SCHEDULE}"),
        ("{tenant}/{system}", "{tennant}", "4: repositories.main.url: unknown placeholder in the address"),
        ("{tenant}/{system}", "{system", "4: repositories.main.url: unknown placeholder in the address"),
        (
            "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}",
            "ftp:host/x",
            "4: repositories.main.url: restic knows no such kind of address",
        ),
        (
            "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}",
            "s3:http://127.0.0.1:9000",
            "4: repositories.main.url: the S3 location cannot be used: it names no bucket",
        ),
        (
            "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}",
            "s3:http://127.0.0.1:99999/guardian",
            "4: repositories.main.url: the S3 location cannot be used: its port is not a number between 1 and 65535",
        ),
        (
            "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}",
            "s3:http://h/guardian/../x",
            "4: repositories.main.url: the S3 location cannot be used: its prefix holds //, a . or a .. part",
        ),
        (
            "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}",
            "s3:",
            "4: repositories.main.url: the address is not complete",
        ),
        (
            "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}",
            "~/backup",
            "4: repositories.main.url: ~ is not filled in",
        ),
        (
            "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}",
            " /backup",
            "4: repositories.main.url: the address has blanks at its ends or control characters, or is too long",
        ),
        (
            "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}",
            "rest:host/x",
            "4: repositories.main.url: the address of a REST server is not complete",
        ),
        (
            "https://far.example/guardian-offsite/{host}",
            "http://127.0.0.1:9000/guardian/gz-hrss/social",
            '5: repositories.offsite.url: the same place as repository "main"',
        ),
        (
            '{url: "s3:https://far.example/guardian-offsite/{host}"',
            "{url: /mnt/x, lock: {mode: governance, days: 1}",
            "5: repositories.offsite.lock: only S3 buckets can be locked",
        ),
        (
            '"s3:https://far.example/guardian-offsite/{host}"',
            "/srv/docs/deep/repo",
            '10: systems.social.sources.docs.paths[0]: repository "offsite" lies in this source',
        ),
        (
            '"s3:https://far.example/guardian-offsite/{host}"',
            "local:/srv/www/../www/x",
            '17: systems.portal.sources.www.paths[0]: repository "offsite" lies in this source',
        ),
    ],
)
def test_keys_that_do_not_go_together(write: Write, old: str, new: str, message: str) -> None:
    assert only(write((old, new))) == f"guardian.yaml:{message}"


def test_a_source_may_not_lie_in_a_repository(write: Write) -> None:
    found = [str(p) for p in problems(write(('"s3:https://far.example/guardian-offsite/{host}"', "/srv")))]
    assert found == [
        f'guardian.yaml:{line}: systems.{key}: this source lies in repository "offsite"'
        for line, key in (
            (10, "social.sources.docs.paths[0]"),
            (11, "social.sources.core.path"),
            (17, "portal.sources.www.paths[0]"),
        )
    ]


def test_nor_in_the_state_directory(write: Write) -> None:
    found = [str(p) for p in problems(write(("host: web-1", "state_dir: /srv/docs")))]
    assert found == [
        (
            "guardian.yaml:10: systems.social.sources.docs.paths[0]: "
            "this source lies in the state directory of Guardian itself"
        )
    ]


def test_overlap_is_seen_through_links(write: Write, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    path = write(
        ('"s3:https://far.example/guardian-offsite/{host}"', f"{tmp_path}/link/repo"), ("/srv/www", f"{tmp_path}/data")
    )
    assert 'repository "offsite" lies in this source' in only(path)


def test_overlap_is_seen_of_a_relative_source(write: Write, tmp_path: Path) -> None:
    change = ('"s3:https://far.example/guardian-offsite/{host}"', str(tmp_path / "data/repo"))
    assert 'repository "offsite" lies in this source' in only(write(change, ("/srv/www", "data")))


def test_a_repository_inside_a_source_is_fine_once_excluded(write: Write) -> None:
    change = ('"s3:https://far.example/guardian-offsite/{host}"', "/srv/docs/repo")
    assert "lies in this source" in only(write(change))
    assert load(write(change, ('["*.tmp"]', '["/srv/docs/repo"]'))).repository("offsite").kind == "local"


def test_which_repository_must_be_decidable(write: Write) -> None:
    path = write(("  main:", "  first:"), ("copy_to: [offsite], ", ""), ("    repository: offsite\n", ""))
    assert [str(p) for p in problems(path)] == [
        f"guardian.yaml:{line}: systems.{name}: it is not clear which repository this system is backed up to"
        for line, name in ((7, "social"), (13, "portal"))
    ]


@pytest.mark.parametrize(
    "secret",
    [
        "s3:http://key:S3CRET@h/bucket",
        "s3:http://h/b@S3CRET",
        "rest:https://u:S3CRET@h/",
        "sftp://u:S3CRET@h/x",
        "S3CRET:x",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(write: Write, secret: str) -> None:
    (problem,) = problems(write(("s3:http://127.0.0.1:9000/guardian/{tenant}/{system}", secret)))
    assert problem.key == "repositories.main.url"
    assert "S3CRET" not in f"{problem}{problem.hint}"


@pytest.mark.parametrize("value", ["hunter2", "1234567", '"file:"', "[hunter2]", "{a: hunter2}", "plain:hunter2"])
def test_a_secret_in_the_configuration_is_refused_and_not_repeated(write: Write, value: str) -> None:
    (problem,) = problems(write(("credentials: file:secrets/s3.env", f"password: {value}")))
    assert problem.key == "repositories.main.password"
    assert "hunter2" not in f"{problem}{problem.hint}"
    assert "1234567" not in f"{problem}{problem.hint}"


def test_everything_is_reported_together_in_the_order_of_the_file(write: Write) -> None:
    path = write(
        ("host: web-1", "host: WEB"),
        ("rpo: 6h", "rpo: x"),
        ("[offsite]", "[nowhere]"),
        ("depends_on: [social]", "depends_on: [x]"),
    )
    assert [p.key for p in problems(path)] == [
        "host",
        "systems.social.objectives.rpo",
        "systems.social.plan.copy_to[0]",
        "systems.portal.depends_on[0]",
    ]


def test_most_problems_come_with_a_hint(write: Write) -> None:
    (problem,) = problems(write(("host: web-1", "host: WEB")))
    assert problem.hint == "Use small letters a-z, digits and hyphens: at most 63, a letter or digit first."
    (problem,) = problems(write(("  offsite: {url", "  offsite: {lrl: x, url")))
    assert problem.hint.startswith("Known here: url, credentials, password")


def test_an_empty_mapping_misses_what_must_be_there(write: Write) -> None:
    assert [str(p) for p in problems(write("tenant: {id: a}\n"))] == [
        "guardian.yaml:1: repositories: this key is missing",
        "guardian.yaml:1: systems: this key is missing",
    ]


def test_a_long_chain_of_dependencies_is_no_ring(write: Write) -> None:
    systems = "".join(
        f"  s{n}: {{depends_on: [{f's{n + 1}' if n < 1999 else ''}], sources: {{f: {{kind: files, paths: [/srv]}}}}}}\n"
        for n in range(2000)
    )
    text = f"tenant: {{id: a}}\nrepositories: {{main: {{url: /mnt/r}}}}\nsystems:\n{systems}"
    assert "more than 20000 values" in only(write(text))
    from guardian.config.consistency import Surroundings, check

    tree = {"systems": {f"s{n}": {"depends_on": [f"s{n + 1}"] if n < 4999 else []} for n in range(5000)}}
    around = Surroundings(Path("/c"), "h", Path("/c/state"))
    assert check(tree, around) == []
    tree["systems"]["s4999"] = {"depends_on": ["s0"]}
    assert len(check(tree, around)) == 1


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(["main", "a", "/srv", "s3:h/bucket", "{x}", "every 6h"]),
)
keys = st.sampled_from(
    [
        "tenant",
        "id",
        "repositories",
        "main",
        "url",
        "lock",
        "systems",
        "a",
        "sources",
        "kind",
        "paths",
        "plan",
        "copy_to",
        "drills",
        "depends_on",
        "include",
    ]
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=25
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.dictionaries(keys, trees, max_size=6))
def test_no_tree_raises_anything_but_a_configuration_error(tmp_path: Path, tree: dict[str, object]) -> None:
    import json

    path = tmp_path / "guardian.yaml"
    path.write_text(json.dumps(tree), encoding="utf-8")
    try:
        load(path)
    except InvalidConfigError as error:
        assert error.problems  # noqa: PT017  most, not all, of them are wrong


def test_many_systems_are_not_compared_in_pairs(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    asked = 0
    real = os.path.realpath

    def counted(path: str | Path) -> str:
        nonlocal asked
        asked += 1
        return real(path)

    monkeypatch.setattr("os.path.realpath", counted)
    systems = "".join(f"  s{n}: {{sources: {{f: {{kind: files, paths: [/srv/{n}]}}}}}}\n" for n in range(300))
    load(write(f"tenant: {{id: a}}\nrepositories: {{main: {{url: '/mnt/r/{{system}}'}}}}\nsystems:\n{systems}"))
    assert 300 < asked < 10 * 300


def test_a_key_named_like_its_kind_is_still_named(write: Write) -> None:
    assert only(write((DOCS, "docs: {kind: files, paths: [/a], files: 1}"))) == (
        'guardian.yaml:10: systems.social.sources.docs.files: unknown key; did you mean "min_files"?'
    )
    found = {str(p) for p in problems(write("kind: a\na: 1\n'[key]': 1\n"))}
    assert {
        "guardian.yaml:1: kind: unknown key",
        "guardian.yaml:2: a: unknown key",
        "guardian.yaml:3: [key]: unknown key",
    } < found
