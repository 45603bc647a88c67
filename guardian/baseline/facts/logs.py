"""Where log lines go, how long they stay, and whether they leave the host."""

import re

from guardian.baseline.facts.reading import Host, Tree, attempt
from guardian.baseline.facts.text import lines, number, seconds, sections, words

_JOURNALD = ("/etc/systemd/journald.conf.d", "/run/systemd/journald.conf.d", "/usr/local/lib/systemd/journald.conf.d",
             "/usr/lib/systemd/journald.conf.d", "/lib/systemd/journald.conf.d")  # fmt: skip
_REMOTE = re.compile(r"(?:^|\s)(@@?)(\(.*?\))?\[?([A-Za-z0-9.:_-]+)")
_ACTION = re.compile(
    r"(?:action\s*\(|\{)[^)}]*type\s*=\s*\"?om(fwd|relp|kafka|elasticsearch)\"?[^)}]*", re.IGNORECASE | re.DOTALL
)
_TARGET = re.compile(r"(?:target|server|broker)\s*=\s*\[?\s*\"([^\"]+)\"", re.IGNORECASE)
_PERIODS = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 30.0, "yearly": 365.0}
_IMPORTANT = re.compile(
    r"/var/log/(syslog|auth\.log|kern\.log|messages|secure|cron|maillog|user\.log|daemon\.log|\*|\*\.log|wtmp|btmp)\Z"
)


def collect(host: Host) -> Tree:
    """``logging``: ``journald``, ``rsyslog``, ``syslog_ng``, ``logrotate``, ``upload``."""
    return {
        "logging": {
            "journald": attempt(_journald, host),
            "rsyslog": attempt(_rsyslog, host),
            "syslog_ng": attempt(_syslog_ng, host),
            "upload": attempt(_upload, host),
            "logrotate": attempt(_logrotate, host),
        }
    }


def _journald(host: Host) -> Tree | None:
    """None where there is no journald."""
    if not host.exists("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"):
        return None
    said: dict[str, str] = {}
    for path in ("/etc/systemd/journald.conf", *host.drop_ins(_JOURNALD, ".conf")):
        said.update(sections(host.text(path) or "").get("journal", {}))
    storage = said.get("storage", "auto").lower()
    keep = seconds(said.get("maxretentionsec", "0"))
    return {
        "storage": storage,
        "persistent": storage == "persistent" or (storage == "auto" and host.exists("/var/log/journal")),
        "retention_days": keep // 86400 if keep else None,
        "max_use": said.get("systemmaxuse"),
        "to_syslog": said.get("forwardtosyslog", "no").lower() in ("yes", "true", "1", "on"),
        "compress": said.get("compress", "yes").lower() not in ("no", "false", "0", "off"),
    }


def parse_rsyslog(text: str) -> Tree:
    """Targets on other hosts, rules that write files, and the mode of new ones (None: not set)."""
    code = "\n".join(line for _number, line in lines(text))
    remote = [match[3] for line in code.split("\n") if (match := _REMOTE.search(re.sub(r"\".*?\"", "", line)))]
    for match in _ACTION.finditer(code):
        remote += _TARGET.findall(match[0]) or [f"om{match[1].lower()}"]
    modes = re.findall(r"(?:\$FileCreateMode\s+|fileCreateMode\s*=\s*\")([0-7]{3,4})", code, re.IGNORECASE)
    files = re.findall(r"^\S*(?:auth|authpriv|\*)\S*\s+-?(/\S+)", code, re.MULTILINE)
    return {
        "remote": sorted({_host_of(target) for target in remote} - {"127.0.0.1", "localhost", "::1", ""})[:50],
        "create_mode": f"{int(modes[-1], 8):04o}" if modes else None,
        "files": sorted(set(files))[:50],
        "listens": bool(re.search(r"\b(imtcp|imudp|imrelp|\$InputTCPServerRun|\$UDPServerRun)\b", code)),
        "tls": bool(re.search(r"StreamDriver(Mode)?[\"=\s]+\"?(1|gtls|ossl)", code, re.IGNORECASE)),
    }


def _host_of(target: str) -> str:
    """``host:port`` without its port; an IPv6 address has more than one colon."""
    return target.partition(":")[0] if target.count(":") == 1 else target


def _rsyslog(host: Host) -> Tree | None:
    if not host.exists("/usr/sbin/rsyslogd", "/sbin/rsyslogd"):
        return None
    text = host.text("/etc/rsyslog.conf") or ""
    return parse_rsyslog(
        "\n".join([text, *(host.text(path) or "" for path in host.drop_ins(("/etc/rsyslog.d",), ".conf"))])
    )


def _syslog_ng(host: Host) -> Tree | None:
    if not host.exists("/usr/sbin/syslog-ng"):
        return None
    parts = [host.text(path) or "" for path in host.drop_ins(("/etc/syslog-ng/conf.d",), ".conf")]
    text = "\n".join([host.text("/etc/syslog-ng/syslog-ng.conf") or "", *parts])
    found = re.findall(r"\b(?:tcp6?|udp6?|network|syslog|relp)\s*\(\s*[\"']?([A-Za-z0-9.:-]+)", text)
    return {"remote": sorted(set(found) - {"127.0.0.1", "localhost"})[:50]}


def _upload(host: Host) -> bool:
    """Whether systemd-journal-upload, or a shipper of logs that is commonly used, is set up to start."""
    wanted = {unit for name in host.list("/etc/systemd/system") if name.endswith(".wants")
              for unit in host.list(f"/etc/systemd/system/{name}")}  # fmt: skip
    shippers = {"systemd-journal-upload", "filebeat", "fluent-bit", "fluentd", "td-agent", "vector", "promtail",
    "alloy", "ilogtaild",
                "logstash", "wazuh-agent"}  # fmt: skip
    return any(unit.removesuffix(".service") in shippers for unit in wanted)


def parse_logrotate(text: str, base: Tree | None = None) -> tuple[Tree, list[Tree]]:
    """The settings outside of blocks, and each block: its paths and for how many days what it writes is kept."""
    outside: Tree = dict(base or {"period": 7.0, "rotate": 0, "maxage": None})
    blocks: list[Tree] = []
    paths: list[str] = []
    current: Tree | None = None
    script = False
    for _number, line in lines(text):
        if script:
            script = line != "endscript"
        elif line in ("postrotate", "prerotate", "firstaction", "lastaction", "preremove"):
            script = True
        elif line.endswith("{"):
            paths += words(line[:-1])
            current = dict(outside)
        elif line == "}" and current is not None:
            blocks.append({"paths": paths[:50], **_kept(current), "important": any(map(_IMPORTANT.match, paths))})
            current, paths = None, []
        elif current is None and line.startswith(("/", '"')):
            paths += words(line)
        else:
            _set(outside if current is None else current, line)
    return outside, blocks


def _set(settings: Tree, line: str) -> None:
    word = line.replace("=", " ").split() or [""]
    if word[0] in _PERIODS:
        settings["period"] = _PERIODS[word[0]]
    elif word[0] in ("rotate", "maxage") and len(word) > 1 and number(word[1]) is not None:
        settings[word[0]] = number(word[1])
    elif word[0] in ("size", "maxsize") and len(word) > 1:
        settings["by_size"] = True


def _kept(settings: Tree) -> Tree:
    """``days``: how long lines stay at least; None where a size, and not time, decides."""
    days = settings["period"] * settings["rotate"] if settings["rotate"] >= 0 else 36500
    if settings["maxage"] is not None:
        days = min(days, settings["maxage"])
    return {
        "days": None if settings.get("by_size") else int(days),
        "rotate": settings["rotate"],
        "by_size": bool(settings.get("by_size")),
    }


def _logrotate(host: Host) -> Tree | None:
    if not host.exists("/usr/sbin/logrotate", "/etc/logrotate.conf"):
        return None
    outside, blocks = parse_logrotate(host.text("/etc/logrotate.conf") or "")
    for path in host.drop_ins(("/etc/logrotate.d",), ""):
        _ignored, more = parse_logrotate(host.text(path) or "", outside)
        blocks += [{**block, "file": path} for block in more]
    return {"default_days": _kept(outside)["days"], "blocks": blocks[:500]}
