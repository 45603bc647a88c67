"""A configuration in force: what is found, put together and remembered."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from guardian.config.load import find, host_id, load, states_of
from guardian.config.problem import InvalidConfigError
from guardian.errors import ConfigError, UsageError
from guardian.model.backup import Target
from guardian.model.protection import FilesSource, SqliteSource

Write = Callable[..., Path]


def test_the_good_one_is_good(write: Write) -> None:
    loaded = load(write())
    assert loaded.config.tenant.id == "gz-hrss"
    assert loaded.host == loaded.config.host == "web-1"
    assert loaded.state_dir == loaded.base / "state"
    assert loaded.base == loaded.path.parent
    assert loaded.config.systems["social"].sources["docs"].kind == "files"
    assert loaded.config.restic.stall_timeout.total_seconds() == 120
    assert loaded.config.restic.compression == "auto"
    assert (loaded.config.verify.confidence, loaded.config.verify.max_loss) == (0.95, 0.01)


def test_targets_know_their_repository_and_its_key(write: Write) -> None:
    assert load(write()).targets() == (
        Target("social", "docs", "main", "main.social"),
        Target("social", "core", "main", "main.social"),
        Target("portal", "www", "offsite", "offsite"),
    )


def test_selectors_keep_their_order_and_name_each_target_once(write: Write) -> None:
    loaded = load(write())
    assert [t.ref for t in loaded.targets(["portal", "social/core", "social"])] == [
        "portal/www",
        "social/core",
        "social/docs",
    ]


@pytest.mark.parametrize(
    ("selector", "meant"), [("socal", "social"), ("social/doc", "social/docs"), ("socila/docs", "social/docs")]
)
def test_an_unknown_selector_is_a_usage_error_with_a_guess(write: Write, selector: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f'did you mean "{meant}"') as caught:
        load(write()).targets([selector])
    assert "social/core" in caught.value.hint


def test_repositories_are_concrete(write: Write) -> None:
    main, offsite = load(write()).repositories()
    assert (main.name, main.key, main.systems) == ("main", "main.social", ("social",))
    assert main.url == "s3:http://127.0.0.1:9000/guardian/gz-hrss/social"
    assert main.s3 is not None
    assert (main.s3.scheme, main.s3.host, main.s3.port) == ("http", "127.0.0.1", 9000)
    assert (main.s3.bucket, main.s3.prefix, main.s3.endpoint) == ("guardian", "gz-hrss/social", "http://127.0.0.1:9000")
    assert offsite.url == "s3:https://far.example/guardian-offsite/web-1"
    assert (offsite.key, offsite.systems) == ("offsite", ("social", "portal"))
    assert offsite.s3 is not None
    assert (offsite.s3.port, offsite.s3.location) == (443, offsite.url)


def test_a_repository_is_found_by_target_and_by_key(write: Write) -> None:
    loaded = load(write())
    target = loaded.targets(["social/docs"])[0]
    assert loaded.repository(target) == loaded.repository("main.social")
    assert loaded.copies(target) == (loaded.repository("offsite"),)
    with pytest.raises(UsageError, match=r'did you mean "main\.social"'):
        loaded.repository("main.socal")


def test_the_default_repository_is_the_only_one_that_is_no_copys_target(write: Write) -> None:
    path = write(("  main:", "  primary:"), ("    repository: offsite\n", ""))
    assert {t.key for t in load(path).targets()} == {"primary.social", "primary.portal"}


def test_relative_paths_are_relative_to_the_file(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write(
        ('url: "s3:https://far.example/guardian-offsite/{host}"', "url: '../store/{host}', cacert: ca.pem"),
        name="conf/guardian.yaml",
    )
    monkeypatch.chdir(tmp_path)
    loaded = load(Path("conf/guardian.yaml"))
    assert loaded.path == path
    offsite = loaded.repository("offsite")
    assert (offsite.kind, offsite.path, offsite.url) == (
        "local",
        tmp_path / "store/web-1",
        str(tmp_path / "store/web-1"),
    )
    assert offsite.cacert == tmp_path / "conf/ca.pem"


def test_a_source_may_lie_beside_the_file(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(("/srv/docs", "./docs"), ("/srv/core.db", "db/core.db"), name="conf/guardian.yaml")
    monkeypatch.chdir(tmp_path)
    social = load(Path("conf/guardian.yaml")).config.systems["social"].sources
    docs, core = social["docs"], social["core"]
    assert isinstance(docs, FilesSource)
    assert isinstance(core, SqliteSource)
    assert (docs.paths, core.path) == ((str(tmp_path / "conf/docs"),), str(tmp_path / "conf/db/core.db"))


def test_state_may_lie_elsewhere(write: Write, tmp_path: Path) -> None:
    assert load(write(("host: web-1", "state_dir: ../elsewhere"))).state_dir == tmp_path.parent / "elsewhere"


def test_state_inside_a_source_is_left_out_of_it(write: Write, tmp_path: Path) -> None:
    loaded = load(write(("/srv/www", str(tmp_path))))
    (target,) = loaded.targets(["portal"])
    assert loaded.excludes(target) == (str(tmp_path / "state"),)
    assert loaded.excludes(loaded.targets(["social/docs"])[0]) == ("*.tmp",)
    assert loaded.excludes(loaded.targets(["social/core"])[0]) == ()


def test_state_inside_a_source_by_way_of_a_link_is_left_out_too(write: Write, tmp_path: Path) -> None:
    real, link = tmp_path / "real [1]", tmp_path / "link"
    (real / "state").mkdir(parents=True)
    link.symlink_to(real)
    loaded = load(
        write(("host: web-1", f"state_dir: '{real}/state'"), ("/srv/www", str(link)), name="conf/guardian.yaml")
    )
    assert loaded.excludes(loaded.targets(["portal"])[0]) == (str(link / "state"),)
    loaded = load(
        write(("host: web-1", f"state_dir: '{link}/state'"), ("[/srv/www]", f'["{real}"]'), name="conf/guardian.yaml")
    )
    assert loaded.excludes(loaded.targets(["portal"])[0]) == (str(tmp_path / "real \\[1]/state"),)


def test_the_digest_is_of_what_is_in_force_not_of_how_it_is_written(write: Write) -> None:
    first = load(write()).sha256
    assert load(write(('"every 6h"', "every 6h"), ("host: web-1", "host: web-1 # here"))).sha256 == first
    assert load(write(("rpo: 6h", "rpo: 360m"))).sha256 == first
    assert load(write(("host: web-1", "host: web-1\nrestic: {compression: auto}"))).sha256 == first
    assert load(write(("D1: daily, D3: weekly", "D3: weekly, D1: daily"))).sha256 == first
    assert load(write(("rpo: 6h", "rpo: 7h"))).sha256 != first


def test_provenance_covers_every_value(write: Write) -> None:
    origin = load(write()).provenance
    assert origin["tenant.id"] == "guardian.yaml:1"
    assert origin["systems.social.sources.docs.exclude"] == "guardian.yaml:10"
    assert origin["systems.social.plan.drills.D3"] == "guardian.yaml:12"
    assert origin["systems.social.plan.jitter"] == "default"
    assert origin["restic.stall_timeout"] == "default"


def test_the_host_is_named_after_the_machine(write: Write) -> None:
    loaded = load(write(("host: web-1\n", "")))
    assert loaded.host == host_id(os.uname().nodename)
    assert loaded.provenance["host"] == "default"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Web01.gz.gov.cn", "web01-gz-gov-cn"),
        ("a_b", "a-b"),
        ("主机", "host"),
        ("", "host"),
        ("-x-", "x"),
        ("a" * 70, "a" * 63),
        ("a" * 62 + "..b", "a" * 62),
    ],
)
def test_a_host_name_becomes_an_id(name: str, expected: str) -> None:
    assert host_id(name) == expected


def test_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("guardian.config.load.SYSTEM_WIDE", tmp_path / "etc")
    with pytest.raises(ConfigError, match=r"there is no configuration at guardian\.yaml, ") as caught:
        find(None)
    assert "guardian init" in caught.value.hint
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/guardian.yaml").touch()
    assert find(None) == tmp_path / "etc/guardian.yaml"
    (tmp_path / "guardian.yaml").touch()
    assert find(None) == Path("guardian.yaml")
    with pytest.raises(ConfigError, match=r"other\.yaml"):
        find(Path("other.yaml"))


def test_state_of_the_whole_system_lies_in_var_lib(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("guardian.config.load.SYSTEM_WIDE", tmp_path)
    assert load(write()).state_dir == Path("/var/lib/guardian")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("tenant: [\nstate_dir: '/var/own state'   # ours\n", "/var/own state"),
        ("state_dir: kept # here\nx: {", "kept"),
        ("  state_dir: deeper\nx: {", "state"),
        ("systems: {state_dir: /x}\nrepositories: 3\n", "state"),
        (None, "state"),
    ],
)
def test_where_state_may_lie_is_known_of_any_file(text: str | None, state: str, tmp_path: Path) -> None:
    path = tmp_path / "guardian.yaml"
    if text is not None:
        path.write_text(text)
    assert states_of(path) == (tmp_path / state,)


def test_without_any_file_every_place_is_one_where_state_may_lie(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("guardian.config.load.SYSTEM_WIDE", tmp_path / "etc")
    assert states_of(None) == (tmp_path / "state", Path("/var/lib/guardian"))
    (tmp_path / "guardian.yaml").write_text("x: [")
    assert states_of(None) == (tmp_path / "state",), "an agent of another configuration is not asked instead"


# include


def problems(path: Path) -> list[str]:
    with pytest.raises(InvalidConfigError) as caught:
        load(path)
    return [str(problem) for problem in caught.value.problems]


def test_includes_lie_underneath_and_merge(write: Write) -> None:
    write("systems: {social: {owner: wang, objectives: {rpo: 1h, dr_level: 4}}}\n", name="common/a.yaml")
    write("scan: {every: 24h}\n", name="common/b.yaml")
    loaded = load(write(("tenant:", "include: [common/a.yaml, common/b.yaml]\ntenant:")))
    social = loaded.config.systems["social"]
    assert social.owner == "wang"
    assert social.objectives.dr_level == 4
    assert social.objectives.rpo is not None
    assert social.objectives.rpo.total_seconds() == 6 * 3600, "the including file wins"
    assert loaded.provenance["systems.social.owner"] == "common/a.yaml:1"
    assert loaded.provenance["systems.social.objectives.rpo"] == "guardian.yaml:9"
    assert loaded.provenance["scan.every"] == "common/b.yaml:1"


def test_two_included_files_may_not_contradict_each_other(write: Write) -> None:
    write("host: a\nscan: {every: 1h}\n", name="a.yaml")
    write("scan:\n  every: 2h\n", name="b.yaml")
    assert problems(write(("tenant:", "include: [a.yaml, b.yaml]\ntenant:"))) == [
        "b.yaml:2: scan.every: the key is set twice, here and in a.yaml:2"
    ]


def test_a_file_included_twice_does_not_contradict_itself(write: Write) -> None:
    write("scan: {every: 1h}\n", name="c.yaml")
    write("include: [c.yaml]\n", name="a.yaml")
    write("include: [c.yaml]\n", name="b.yaml")
    assert load(write(("tenant:", "include: [a.yaml, b.yaml]\ntenant:"))).provenance["scan.every"] == "c.yaml:1"


def test_includes_are_relative_to_the_file_that_includes(write: Write) -> None:
    write("include: [deeper/b.yaml]\n", name="conf.d/a.yaml")
    write("scan: {every: 1h}\n", name="conf.d/deeper/b.yaml")
    loaded = load(write(("tenant:", "include: [conf.d/a.yaml]\ntenant:")))
    assert loaded.provenance["scan.every"] == "conf.d/deeper/b.yaml:1"


def test_an_error_in_an_included_file_names_that_file(write: Write) -> None:
    write("\nsystems: {social: {ownr: wang}}\n", name="a.yaml")
    assert problems(write(("tenant:", "include: [a.yaml]\ntenant:"))) == [
        'a.yaml:2: systems.social.ownr: unknown key; did you mean "owner"?'
    ]


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("[guardian.yaml]", "guardian.yaml:1: include: guardian.yaml includes itself"),
        ("[gone.yaml]", "guardian.yaml:1: cannot read gone.yaml: No such file or directory"),
        ("[/etc/passwd]", "guardian.yaml:1: include: an included file is named relative to the file that includes it"),
        ("a.yaml", "guardian.yaml:1: include: a list of files is expected"),
        ("[1]", "guardian.yaml:1: include: the name of a file is expected"),
        ("[.]", "guardian.yaml:1: cannot read .: Is a directory"),
    ],
)
def test_includes_that_cannot_be(write: Write, include: str, message: str) -> None:
    assert problems(write(("tenant:", f"include: {include}\ntenant:"))) == [message]


def test_includes_end_at_a_depth(write: Write) -> None:
    for n in range(1, 7):
        write(f"include: [f{n + 1}.yaml]\n", name=f"f{n}.yaml")
    write("scan: {every: 1h}\n", name="f6.yaml")
    assert "too many included files" in problems(write(("tenant:", "include: [f1.yaml]\ntenant:")))[0]
    write("scan: {every: 1h}\n", name="f5.yaml")
    assert load(write(("tenant:", "include: [f1.yaml]\ntenant:"))).provenance["scan.every"] == "f5.yaml:1"


def test_many_includes_of_many_end(write: Write) -> None:
    for n in range(1, 5):
        write(f"include: [{', '.join([f'f{n + 1}.yaml'] * 20)}]\n", name=f"f{n}.yaml")
    write("host: a\n", name="f5.yaml")
    assert "too many included files" in problems(write(("tenant:", "include: [f1.yaml]\ntenant:")))[0]


def test_a_pipe_in_a_files_place_does_not_hold_us(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "guardian.yaml")
    assert problems(tmp_path / "guardian.yaml") == ["cannot read guardian.yaml: not a regular file"]


def test_the_written_schema_takes_the_good_one(write: Write) -> None:
    dumped = load(write()).config.model_dump(mode="json")
    assert json.loads(json.dumps(dumped)) == dumped
