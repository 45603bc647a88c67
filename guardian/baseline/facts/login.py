"""Rules for new accounts (login.defs) and what a login shell sets: time-out and umask."""

import re

from guardian.baseline.facts.reading import Host, Tree, attempt
from guardian.baseline.facts.text import assignments, number, settings

_NUMBERS = ("pass_max_days", "pass_min_days", "pass_min_len", "pass_warn_age", "uid_min", "login_retries",
"login_timeout",
            "fail_delay", "sha_crypt_min_rounds", "sys_uid_max")  # fmt: skip
_TEXTS = ("umask", "encrypt_method", "usergroups_enab", "home_mode", "su_name")
_TMOUT = re.compile(r"(?:^|[;\s])(?:(readonly|export|typeset\s+-\S+|declare\s+-\S+)\s+)?TMOUT=[\"']?([0-9]{1,9})")
_LOCKED = re.compile(r"(?:^|[;\s])(?:readonly|(?:typeset|declare)\s+-\S*r\S*)\s+(?:[A-Z]+\s+)*TMOUT\b")
_UMASK = re.compile(r"(?:^|[;&\s])umask\s+(?:-S\s+)?([0-7]{1,4})(?=[\s;&)]|$)")
_HISTORY = re.compile(r"(?:^|[;\s])HISTSIZE=[\"']?([0-9]{1,9})")
_FILES = ("/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/bash/bashrc")


def collect(host: Host) -> Tree:
    """``login``: ``defs``, ``useradd``, ``shell``."""
    return {
        "login": {
            "defs": attempt(lambda: parse_defs(host.text("/etc/login.defs") or "")),
            "useradd": attempt(_useradd, host),
            "shell": attempt(_shell, host),
            "banners": {name: attempt(_banner, host, f"/etc/{name}") for name in ("issue", "issue.net", "motd")},
        }
    }


def parse_defs(text: str) -> Tree:
    """The settings of login.defs(5) that matter here; None for one that is not set."""
    said = settings(text)
    found: Tree = {key: number(said.get(key, "")) for key in _NUMBERS}
    found.update({key: said[key].lower() if key in said else None for key in _TEXTS})
    return found


def parse_shell(text: str) -> Tree:
    """What a shell file sets, in whatever branch: every TMOUT (seconds) and umask in it."""
    code = "\n".join(re.sub(r"(?:^|\s)#.*", "", line) for line in text.split("\n"))
    return {
        "tmouts": [int(match[2]) for match in _TMOUT.finditer(code)],
        "readonly": bool(_LOCKED.search(code)) or any(match[1] == "readonly" for match in _TMOUT.finditer(code)),
        "umasks": [f"{int(mask, 8):04o}" for mask in _UMASK.findall(code)],
        "histsizes": [int(size) for size in _HISTORY.findall(code)],
    }


def _shell(host: Host) -> Tree:
    """Of all files that every login reads. One of them unread makes all of it unread: it may say anything."""
    found: Tree = {"tmouts": [], "umasks": [], "histsizes": [], "readonly": False, "files": []}
    for path in (*_FILES, *host.drop_ins(("/etc/profile.d",), ".sh")):
        text = host.text(path)
        if text is None:
            continue
        part = parse_shell(text)
        for key in ("tmouts", "umasks", "histsizes"):
            found[key] += part[key]
        found["readonly"] = found["readonly"] or part["readonly"]
        if any(part[key] for key in ("tmouts", "umasks")):
            found["files"].append(path)
    found["tmout"] = found["tmouts"][-1] if found["tmouts"] else None
    return found


def _useradd(host: Host) -> Tree:
    said = assignments(host.text("/etc/default/useradd") or "", "#")
    return {"inactive_days": number(said.get("inactive", "")), "shell": said.get("shell")}


def _banner(host: Host, path: str) -> Tree:
    """Whether a banner says something, and whether it tells visitors what runs here."""
    text = host.text(path) or ""
    return {
        "text": bool(text.strip()),
        "tells_version": bool(re.search(r"\\[mrsv]|Debian|Ubuntu|Kylin|openEuler|Linux \d", text)),
    }
