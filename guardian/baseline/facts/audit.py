"""The audit system: its daemon, its rules on disk and in the kernel, and whether they can be changed."""

import re

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt
from guardian.baseline.facts.text import assignments, lines, typed, words

_NUMBERS_OF_RULES = 5000


def collect(host: Host) -> Tree:
    """``audit``: ``installed``, ``config``, ``disk`` and ``loaded`` rules, ``running``."""
    installed = attempt(host.exists, "/usr/sbin/auditd", "/sbin/auditd")
    if installed is False:
        return {
            "audit": {
                "installed": False,
                "config": None,
                "disk": None,
                "loaded": None,
                "running": False,
                "enabled": None,
            }
        }
    return {
        "audit": {
            "installed": installed,
            "config": attempt(lambda: parse_config(host.text("/etc/audit/auditd.conf") or "")),
            "disk": attempt(lambda: parse_rules(_on_disk(host))),
            "loaded": attempt(_loaded, host),
            "running": attempt(_running, host),
            "enabled": attempt(_enabled, host),
        }
    }


def parse_config(text: str) -> Tree:
    """auditd.conf(5): keys and words in lower case, numbers as numbers."""
    return {key: typed(value.lower()) for key, value in assignments(text, "#").items()}


def _on_disk(host: Host) -> str:
    """The rules as augenrules(8) puts them together; /etc/audit/audit.rules where there is no folder of them."""
    parts = [host.text(path) or "" for path in host.drop_ins(("/etc/audit/rules.d",), ".rules")]
    return "\n".join(parts) if any(part.strip() for part in parts) else host.text("/etc/audit/audit.rules") or ""


def parse_rules(text: str) -> Tree:
    """Watches, system calls and the lock (``-e 2``) of a set of rules; an exclusion (``never``) watches nothing."""
    found: Tree = {"watches": [], "syscalls": [], "immutable": False, "rules": 0}
    calls: set[str] = set()
    for count, (_number, line) in enumerate(lines(text)):
        if count > _NUMBERS_OF_RULES:
            raise Unread(f"too large: more than {_NUMBERS_OF_RULES} rules of audit")
        word = words(line)
        found["rules"] += word[0] in ("-w", "-a", "-A") if word else 0
        if word[:1] == ["-e"] and len(word) > 1:
            found["immutable"] = word[1] == "2"
        elif word[:1] == ["-D"]:
            found.update({"watches": [], "rules": 0})
            calls.clear()
        elif word[:1] == ["-w"] and len(word) > 1:
            found["watches"].append(
                {"path": word[1].rstrip("/") or "/", "perms": _after(word, "-p") or "rwxa", "key": _after(word, "-k")}
            )
        elif word[:1] in (["-a"], ["-A"]) and "never" not in (word[1] if len(word) > 1 else ""):
            calls.update(_calls(word))
            if watch := _field_watch(word):
                found["watches"].append(watch)
    found["syscalls"] = sorted(calls)
    found["watched"] = sorted(
        {watch["path"] for watch in found["watches"] if "w" in watch["perms"] or "a" in watch["perms"]}
    )
    return found


def _after(word: list[str], option: str) -> str | None:
    at = word.index(option) + 1 if option in word else len(word)
    return word[at] if at < len(word) else None


def _calls(word: list[str]) -> set[str]:
    """The system calls of one rule. Those of a rule for a single user or program are not counted as audited."""
    narrow = any(re.match(r"(uid|euid|exe|pid|ppid)=", part) for part in word) and not any(
        "path=" in part for part in word
    )
    listed = [word[at + 1] for at, part in enumerate(word[:-1]) if part == "-S"]
    return set() if narrow else {call for part in listed for call in part.split(",")}


def _field_watch(word: list[str]) -> Tree | None:
    """A watch that is written as ``-F path=`` or ``-F dir=``."""
    said = dict(part.split("=", 1) for part in word if re.match(r"(path|dir|perm|key)=", part))
    path = said.get("path") or said.get("dir")
    return (
        {"path": path.rstrip("/") or "/", "perms": said.get("perm", "rwxa"), "key": said.get("key")} if path else None
    )


def _loaded(host: Host) -> Tree:
    said = host.ask("auditctl", "-l")
    if not said.strip():
        raise Unread("auditctl -l said nothing")  # without rules it says so
    return parse_rules(said.replace("No rules", ""))


def _enabled(host: Host) -> int:
    """0 off, 1 on, 2 locked until the next start."""
    match = re.search(r"^enabled\s+([0-9])", host.ask("auditctl", "-s"), re.MULTILINE)
    if match is None:
        raise Unread("auditctl -s said nothing of it")
    return int(match[1])


def _running(host: Host) -> bool:
    host.must_live()
    return "auditd" in running_programs(host)


def running_programs(host: Host) -> set[str]:
    """The names of all processes, at most 15 characters each as the kernel keeps them. Raises Unread."""
    host.must_live()
    found = set()
    for pid in host.list("/proc"):
        if pid.isdigit():
            name = attempt(host.text, f"/proc/{pid}/comm", 4096)
            found.add(name.strip() if isinstance(name, str) else "")
    if found <= {""}:
        raise Unread("no processes can be seen")
    return found
