"""The routes, the silence and the words of alerts, by the real Alertmanager and its tools."""

import importlib.util
import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

_HERE = Path(__file__).resolve().parents[1]


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}_of_alertmanager", _HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rulecases, programs, mailbox = _module("rulecases"), _module("monitoring"), _module("mailbox")
CONFIGURATION = programs.ALERTMANAGER / "alertmanager.yml"
SAID: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text("utf-8"))
RULES = str(programs.RULES / "*.yml")
ALERTS, CASES = rulecases.alerts(), rulecases.cases()
SEVERITY = {name: rule["labels"]["severity"] for name, (rule, _path) in ALERTS.items()}
RANK = ("none", "info", "warning", "critical")
ATTACKS = set(re.findall(r"\w+", SAID["route"]["routes"][1]["matchers"][0].partition("(")[2]))


def amtool(*words: str) -> str:
    found = programs.program("amtool", "prometheus-alertmanager")
    done = subprocess.run([found, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_amtool_and_amlint_accept_the_configuration() -> None:
    assert "SUCCESS" in amtool("check-config", str(CONFIGURATION))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("amlint")), "check", "--strict", "--rules", RULES, str(CONFIGURATION)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


# Who is told


def told(labels: Mapping[str, str]) -> list[str]:
    """Receivers as they are meant to be."""
    name, severity = labels["alertname"], labels.get("severity", "")
    if name == "GuardianWatchdog":
        return ["watcher"]
    who = ["security"] if name.removeprefix("Guardian") in ATTACKS else []
    if labels.get("tenant") == "gz-hrss" and severity in ("critical", "warning"):
        who.append("tenant-gz-hrss")
    in_city = labels.get("region", "").startswith("5201")
    by_severity = {"info": "digest", "warning": "office-5201" if in_city else "office"}
    return [*who, by_severity.get(severity, "duty-5201" if in_city and severity == "critical" else "duty")]


def label_sets() -> Iterator[dict[str, str]]:
    seen = set()
    for name, severity in SEVERITY.items():
        attack = name.removeprefix("Guardian") in ATTACKS
        if attack or severity not in seen:
            yield {"alertname": name, "severity": severity, "tenant": "other", "region": "520300"}
        seen.add(severity)
    for severity, region in itertools.product(("critical", "warning", "info", ""), ("", "520000", "520103")):
        yield {"alertname": "SomethingElse", "severity": severity, "region": region, "tenant": "gz-hrss"}
    yield {"alertname": "SomethingElse", "severity": "emergency", "region": "520100", "tenant": "gz-hrss-2"}
    yield {"alertname": "GuardianLedgerBroken", "severity": "critical", "region": "520103", "tenant": "gz-hrss"}


def test_every_alert_reaches_those_it_is_for() -> None:
    for labels in label_sets():
        words = [f"{name}={value}" for name, value in labels.items() if value]
        said = amtool("config", "routes", "test", f"--config.file={CONFIGURATION}", *words)
        assert said.split("\n")[0].split(",") == told(labels), labels


def test_what_is_critical_is_never_kept_for_later() -> None:
    def routes(route: Mapping[str, Any], above: tuple[Mapping[str, Any], ...] = ()) -> Iterator[tuple[Any, ...]]:
        yield (*above, route)
        for child in route.get("routes", ()):
            yield from routes(child, (*above, route))

    for path in routes(SAID["route"]):
        if any("active_time_intervals" in route or "mute_time_intervals" in route for route in path):
            said = [one for route in path for one in route.get("matchers", ())]
            assert 'severity="warning"' in said or 'severity="info"' in said, path[-1]
    assert SAID["route"]["receiver"] == "duty"


# What silences what


def pairs(rules: list[dict[str, Any]]) -> set[tuple[str, str, tuple[str, ...]]]:
    """Cause, what it silences, labels that must be equal; from the file."""
    return {
        (cause, silenced, tuple(rule["equal"]))
        for rule in rules
        for cause in _names(rule["source_matchers"])
        for silenced in _names(rule["target_matchers"])
        if cause != silenced
    }


def _names(matchers: list[str]) -> list[str]:
    (matcher,) = matchers
    pattern = re.compile(matcher.removeprefix("alertname").lstrip("=~").strip('"'))
    found = [name for name in ALERTS if pattern.fullmatch(name)]
    told_of = 1 + matcher.count("|")
    assert len(found) == told_of, f"{matcher} names what is no alert"
    return found


def labels_of(name: str) -> set[str]:
    """Labels that an alert has, as its cases expect them."""
    case = CASES[name][0]
    return {*rulecases.OF.get(case.get("of", ""), ()), *case.get("expect", ())}


INHIBITED = pairs(SAID["inhibit_rules"])


def test_nothing_is_silenced_by_what_is_less_severe_or_by_its_own_consequence() -> None:
    later: dict[str, set[str]] = {}
    for cause, silenced, equal in INHIBITED:
        assert RANK.index(SEVERITY[cause]) >= RANK.index(SEVERITY[silenced]), (cause, silenced)
        for label in set(equal) - {"cluster"}:
            assert label in labels_of(cause) & labels_of(silenced), f"{cause} → {silenced}: one of them has no {label}"
        later.setdefault(cause, set()).add(silenced)

    def reach(name: str, seen: frozenset[str]) -> None:
        assert name not in seen, f"{name} silences itself in the end"
        for silenced in later.get(name, ()):
            reach(silenced, seen | {name})

    for name in later:
        reach(name, frozenset())
    never = {"Ransomware", "SnapshotsDeleted", "LedgerBroken", "Watchdog", "ImmutabilityCanaryDeleted", "HubDown"}
    assert not [silenced for _cause, silenced, _equal in INHIBITED if any(word in silenced for word in never)]


@pytest.mark.parametrize("page", ["alerting.md", "alerting.zh-CN.md"])
def test_the_guide_says_what_the_file_does(page: str) -> None:
    text = (programs.ROOT / "docs" / "guide" / page).read_text("utf-8")
    rows = re.findall(r"(?m)^\| ([A-Z][\w, ]+) \| ([A-Z][\w, ]+) \| ([a-z, ]+) \|$", text)
    written = {
        (f"Guardian{cause}", f"Guardian{silenced}", tuple(equal.split(", ")))
        for causes, all_silenced, equal in rows
        for cause in causes.split(", ")
        for silenced in all_silenced.split(", ")
    }
    assert written == INHIBITED
    never = re.search(r"(?m)^(?:Never silenced: |从不被抑制：)([\w, ]+)", text)
    assert never is not None
    named = {f"Guardian{name}" for name in never[1].split(", ")} | {silenced for _c, silenced, _e in INHIBITED}
    assert named == set(ALERTS), "an alert has no row"


# The real thing


def installed(folder: Path, page: Any, letters: Any) -> Path:
    """The shipped configuration with receivers on loopback, no passwords, no office hours, and no waiting."""
    shutil.copytree(programs.ALERTMANAGER, folder / "am")
    text = CONFIGURATION.read_text("utf-8")
    text = re.sub(r"https://(watcher|guardian)\.example/", f"http://{page.address}/", text)
    text = text.replace("https://qyapi.weixin.qq.com/cgi-bin/", f"http://{page.address}/wechat/")
    text = re.sub(r"(?m)^  smtp_auth.*\n", "", text).replace("mail.example:587", letters.address)
    text = re.sub(r"(?m)^ +active_time_intervals:.*\n", "", text).replace(
        "smtp_from", "smtp_require_tls: false\n  smtp_from"
    )
    text = re.sub(r"group_wait: \w+", "group_wait: 2s", text)
    text = re.sub(r"group_interval: \w+", "group_interval: 2s", text)
    (folder / "am" / "alertmanager.yml").write_text(text, "utf-8")
    return folder / "am" / "alertmanager.yml"


def alert(name: str, **labels: str) -> dict[str, Any]:
    """One as Prometheus sends it, with the texts of its rule."""
    rule = ALERTS[f"Guardian{name}"][0]
    said = {"alertname": f"Guardian{name}", **rule["labels"], **labels}

    def filled(text: str) -> str:
        text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda m: said.get(m[1], ""), text)
        return re.sub(r"\{\{ \$value[^}]*\}\}", "3", text)

    return {"labels": said, "annotations": {key: filled(text) for key, text in rule["annotations"].items()}}


WHERE = {"tenant": "gz-mca", "region": "520300"}


def site(region: str = "520300", hosts: int = 40) -> list[dict[str, Any]]:
    """A site that went dark: one line, its hosts, and all that their plans have to say."""
    found = [alert("SiteSilent", region=region, network="office-7")]
    for number in range(hosts):
        where = {"tenant": "gz-mca", "region": region, "host": f"h-{number}"}
        found.append(alert("HostSilent", **where, network="office-7"))
        found.append(alert("HostLost", **where, network="office-7"))
        for source in ("mail", "files"):
            plan = {**where, "system": "civil", "source": source}
            found += [alert(name, **plan) for name in ("BackupRpoBreached", "BackupFailing", "BackupsUnverified")]
    return found


@pytest.fixture
def letters() -> Iterator[Any]:
    box = mailbox.Mailbox()
    yield box
    box.stop()


def test_a_dark_site_is_one_page_and_what_burns_elsewhere_is_not_hidden(
    monitoring: ModuleType, letters: Any, tmp_path: Path
) -> None:
    page = monitoring.Receiver("{}")
    server = monitoring.Alertmanager.start(tmp_path, installed(tmp_path, page, letters))
    attack = alert("RansomwareSuspected", **WHERE, host="h-1", system="civil", source="mail")
    elsewhere = alert("BackupRpoBreached", tenant="gz-mca", region="520103", host="x", system="civil", source="mail")
    server.post([*site(), attack, elsewhere, alert("Watchdog")])
    names = ("GuardianSiteSilent", "GuardianRansomwareSuspected", "GuardianBackupRpoBreached", "GuardianWatchdog")
    for name in names:
        page.wait(name)
    firing = server.get("/api/v2/alerts", active="true", inhibited="false", silenced="false")
    assert sorted(one["labels"]["alertname"] for one in firing) == sorted(names)
    assert len(server.get("/api/v2/alerts", inhibited="true")) == 3 + 1 + 40 * 8
    told = [one["labels"] for said in page.notifications if "alerts" in said for one in said["alerts"]]
    assert {one["host"] for one in told if one["alertname"] == "GuardianBackupRpoBreached"} == {"x"}
    assert not {one["alertname"] for one in told} - set(names)


def test_people_read_chinese_first_and_english_after_it(monitoring: ModuleType, letters: Any, tmp_path: Path) -> None:
    page = monitoring.Receiver('{"errcode": 0, "access_token": "t", "errmsg": "ok"}')
    server = monitoring.Alertmanager.start(tmp_path, installed(tmp_path, page, letters))
    plan = {**WHERE, "system": "civil", "source": "mail"}
    hostile = 'h"><b>\n【严重】伪造'
    server.post([alert("BackupRpoBreached", **plan, host=f"h-{number}") for number in range(11)])
    server.post([alert("StorageNearlyFull", **WHERE, host=hostile, repository="main")])
    texts = monitoring.until(lambda: [w["text"]["content"] for w in page.notifications if "text" in w][1:] and [
        w["text"]["content"] for w in page.notifications if "text" in w
    ], "messages of WeChat", lambda: page.notifications)  # fmt: skip
    (many,) = (text for text in texts if "BackupRpoBreached" in text)
    (one,) = (text for text in texts if "StorageNearlyFull" in text)
    assert many.startswith(
        "【严重】gz-mca：11 条 GuardianBackupRpoBreached | 11 alerts\n单位 Tenant gz-mca 区划 Region 520300\n"
    )
    assert many.count("● ") == 8
    assert "其余未列出。 The others are not listed." in many
    assert "h-0 的 civil/mail：最新备份已超出 RPO\n  civil/mail on h-0: the newest backup is older than the RPO" in many
    assert many.rstrip().endswith("/runbooks/GuardianBackupRpoBreached")
    assert all(len(text.encode()) <= 2048 for text in texts)
    assert "\n【严重】伪造" not in one, "a label must not write a line of its own"
    monitoring.until(lambda: len(letters.letters) >= 2, "letters")
    (letter,) = (said for said in letters.letters if "11 条" in said["subject"])
    assert letter["subject"] == "【严重】gz-mca：11 条 GuardianBackupRpoBreached | 11 alerts"
    written = mailbox.parts(letter)
    assert written["text/plain"].startswith("【严重】")
    html = written["text/html"]
    assert html.index("最新备份已超出 RPO") < html.index("older than the RPO")
    assert html.count('<a href="https://guardian.example/runbooks/GuardianBackupRpoBreached">') == 11
    (letter,) = (said for said in letters.letters if "11 条" not in said["subject"])
    assert "<b>\n" not in mailbox.parts(letter)["text/html"]
    assert "&gt;&lt;b&gt;" in mailbox.parts(letter)["text/html"]


def test_warnings_wait_for_office_hours(monitoring: ModuleType, letters: Any, tmp_path: Path) -> None:
    """The interval is the real one's name with other hours: those of a year that is over."""
    page = monitoring.Receiver("{}")
    path = installed(tmp_path, page, letters)
    said = yaml.safe_load(path.read_text("utf-8"))
    for interval in said["time_intervals"]:
        interval["time_intervals"] = [{"years": ["2000"]}]
    for route, was in zip(said["route"]["routes"], SAID["route"]["routes"], strict=True):
        route |= {key: value for key, value in was.items() if key == "active_time_intervals"}
    path.write_text(yaml.safe_dump(said), "utf-8")
    server = monitoring.Alertmanager.start(tmp_path, path)
    server.post([alert("HostSilent", **WHERE, host="h-1", network="n"), alert("HubNotBackedUp", instance="hub")])
    page.wait("GuardianHubNotBackedUp")
    server.post([alert("JournalBroken", **WHERE, host="h-2")])
    page.wait("GuardianJournalBroken")
    assert not [one for one in page.alerts() if one["labels"]["severity"] == "warning"]
