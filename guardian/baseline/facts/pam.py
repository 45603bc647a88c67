"""PAM: the stacks with what they include, and what they ask of passwords."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt, err
from guardian.baseline.facts.text import assignments, typed

_TYPES = ("auth", "account", "password", "session")
_SERVICES = (
    "login",
    "sshd",
    "su",
    "sudo",
    "passwd",
    "other",
    "common-auth",
    "common-password",
    "system-auth",
    "password-auth",
)
_LINE = re.compile(r"-?(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)", re.IGNORECASE)
_ARGUMENT = re.compile(r"\[(?:\\.|[^\]\\])*\]|\S+")
_MODULES = 400  # in one stack


def collect(host: Host) -> Tree:
    """``pam``: stacks by service, lockout of each door, quality and history of passwords."""
    folder = attempt(host.list, "/etc/pam.d")
    if isinstance(folder, dict):
        return {"pam": folder}
    stacks = {name: attempt(stack, host, name) for name in _SERVICES if name in folder}
    confs = {name: attempt(_conf, host, name) for name in ("faillock", "pwquality", "pwhistory")}
    doors = [name for name in ("login", "sshd", "system-auth", "password-auth") if name in stacks]
    passwords: Any = next((stacks[name] for name in ("passwd", "system-auth", "common-password") if name in stacks), [])
    return {
        "pam": {
            "stacks": stacks,
            "lockout": [{"service": name, **_on(stacks[name], confs["faillock"], lockout)} for name in doors],
            "quality": _on(passwords, confs["pwquality"], quality),
            "history": _on(passwords, confs["pwhistory"], history),
            "hashing": passwords if isinstance(passwords, dict) else hashing(passwords),
            "empty_allowed": [
                stacks[name] if isinstance(stacks[name], dict) else {"service": name, "nullok": _nullok(stacks[name])}
                for name in doors
            ],
            "su_groups": _su(stacks.get("su", [])),
        }
    }


@dataclass(slots=True)
class _Walk:
    """What was read of one service: its modules in order, and the files being read, against loops."""

    modules: list[Tree] = field(default_factory=list)
    reading: list[str] = field(default_factory=list)


def stack(host: Host, service: str) -> list[Tree]:
    """The modules of a service in order, with everything included or stacked. Raises Unread."""
    walk = _Walk()
    _read(host, service, None, walk)
    return walk.modules


def _read(host: Host, name: str, only: str | None, walk: _Walk) -> None:
    path = name if name.startswith("/") else f"/etc/pam.d/{name}"
    if path in walk.reading or len(walk.reading) > 16:
        raise Unread(f"pam: {path} includes itself")
    text = host.text(path)
    if text is None and not name.startswith("/"):
        path = f"/usr/lib/pam.d/{name}"
        text = host.text(path)
    if text is None:
        raise Unread(f"pam: {path} is not there")
    walk.reading.append(path)
    for line in parse(text):
        included = line.get("include")
        if included:
            if line["type"] in (None, only) or only is None:
                _read(host, included, line["type"] or only, walk)
        elif only in (None, line["type"]):
            walk.modules.append({**line, "file": path})
        if len(walk.modules) > _MODULES:
            raise Unread(f"pam: more than {_MODULES} modules")
    walk.reading.pop()


def parse(text: str) -> list[Tree]:
    """The lines of one file: modules with arguments as a mapping, or ``include`` with the type it stands for."""
    found: list[Tree] = []
    for number, raw in enumerate(text.replace("\\\n", " ").split("\n"), 1):
        line = re.split(r"(?<!\\)#", raw, maxsplit=1)[0].strip()
        if line.startswith("@include"):
            target = line[len("@include") :].strip()
            if target:
                found.append({"type": None, "include": target, "line": number})
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        kind, control, module = match[1].lower(), match[2].lower(), match[3]
        if control in ("include", "substack"):
            found.append({"type": kind, "include": module, "line": number})
            continue
        listed = _ARGUMENT.findall(match[4])[:100]
        found.append(
            {"type": kind, "control": control, "module": module.rsplit("/", 1)[-1].removesuffix(".so"),
             "args": _arguments(listed), "words": listed, "line": number}
        )  # fmt: skip
    return found


def _arguments(listed: list[str]) -> Tree:
    found: Tree = {}
    for word in listed:
        name, sign, value = word.strip("[]").partition("=")
        found[name.lower()] = typed(value) if sign else True
    return found


def _conf(host: Host, name: str) -> Tree:
    """``/etc/security/NAME.conf`` and its drop-ins: bare words are switches."""
    found: Tree = {}
    for path in (f"/etc/security/{name}.conf", *host.drop_ins((f"/etc/security/{name}.conf.d",), ".conf")):
        text = host.text(path)
        for line in (text or "").split("\n"):
            word = line.split("#")[0].strip().lower()
            if word and "=" not in word:
                found[word] = True
        found.update({key: typed(value) for key, value in assignments(text or "", "#").items()})
    return found


def _on(stack_: Any, conf: Any, read: Callable[[list[Tree], Tree], Tree]) -> Tree:
    for part in (stack_, conf):
        if isinstance(part, dict) and "$err" in part:
            return {"module": part, **dict.fromkeys(_KEYS[read], part)}
    return read(stack_, conf)


def _first(stack_: list[Tree], kind: str, *modules: str) -> Tree | None:
    return next((line for line in stack_ if line["type"] == kind and line["module"] in modules), None)


def lockout(stack_: list[Tree], conf: Tree) -> Tree:
    """What locks an account after wrong passwords; ``module`` None where nothing counts them."""
    counting = [
        line for line in stack_
        if line["type"] == "auth" and line["module"] == "pam_faillock" and line["args"].get("authfail") is True
    ]  # fmt: skip
    if counting:
        args = {"deny": 3, "unlock_time": 600, "fail_interval": 900, **conf, **counting[0]["args"]}
        root = bool(args.get("even_deny_root", False))
        return {"module": "faillock", "deny": args["deny"], "unlock_seconds": _never(args["unlock_time"]), "root": root,
                "window_seconds": args["fail_interval"]}  # fmt: skip
    tally = _first(stack_, "auth", "pam_tally2", "pam_tally")
    if tally is not None:
        args = tally["args"]
        return {"module": tally["module"].removeprefix("pam_"), "deny": args.get("deny", 0),
        "root": bool(args.get("even_deny_root")),
                "unlock_seconds": _never(args.get("unlock_time", "never")), "window_seconds": None}  # fmt: skip
    return {"module": None, **dict.fromkeys(_KEYS[lockout])}


def _never(value: object) -> object:
    """Seconds until the lock ends by itself; 10 years for never."""
    return 315_576_000 if value in ("never", 0) else value


_PWQUALITY = {
    "minlen": 8,
    "dcredit": 0,
    "ucredit": 0,
    "lcredit": 0,
    "ocredit": 0,
    "minclass": 0,
    "difok": 1,
    "dictcheck": 1,
}
_CRACKLIB = {
    "minlen": 9,
    "dcredit": 1,
    "ucredit": 1,
    "lcredit": 1,
    "ocredit": 1,
    "minclass": 0,
    "difok": 5,
    "dictcheck": 1,
}
_CREDITS = ("dcredit", "ucredit", "lcredit", "ocredit")


def quality(stack_: list[Tree], conf: Tree) -> Tree:
    """How good a password must be. ``classes``: kinds of characters it must have; ``length``: least characters.

    libpwquality counts a positive credit towards ``minlen``: the least length is what is left of it.
    """
    line = _first(stack_, "password", "pam_pwquality", "pam_cracklib", "pam_passwdqc")
    if line is None:
        return {"module": None, **dict.fromkeys(_KEYS[quality])}
    name = line["module"].removeprefix("pam_")
    if name == "passwdqc":
        return {"module": name, **{key: err("pam_passwdqc is not understood") for key in _KEYS[quality]}}
    base = {**_PWQUALITY, **conf} if name == "pwquality" else _CRACKLIB
    args = {**base, **line["args"]}
    numbers = {key: args[key] if isinstance(args[key], int) else 0 for key in _PWQUALITY}
    forced = sum(numbers[key] < 0 for key in _CREDITS)
    credit = sum(max(0, numbers[key]) for key in _CREDITS)
    return {
        "module": name, "length": max(numbers["minlen"] - credit, 6), "classes": max(forced, numbers["minclass"]),
        "different": numbers["difok"], "dictionary": numbers["dictcheck"] != 0,
        "root": bool(args.get("enforce_for_root", False)), "retry": args.get("retry", 1),
    }  # fmt: skip


def history(stack_: list[Tree], conf: Tree) -> Tree:
    """How many former passwords are refused; 0 where nothing looks."""
    kept, module = 0, None
    line = _first(stack_, "password", "pam_pwhistory")
    if line is not None:
        module, kept = "pwhistory", {"remember": 10, **conf, **line["args"]}["remember"]
    else:
        line = _first(stack_, "password", "pam_unix")
        if line is not None and "remember" in line["args"]:
            module, kept = "unix", line["args"]["remember"]
    return {"module": module, "remember": kept}


def hashing(stack_: list[Tree]) -> str | None:
    """The method that pam_unix is told to hash new passwords with; None where login.defs decides."""
    line = _first(stack_, "password", "pam_unix")
    known = ("yescrypt", "gost_yescrypt", "sha512", "sha256", "blowfish", "sm3", "bigcrypt", "md5")
    return None if line is None else next((name for name in known if line["args"].get(name) is True), None)


def _nullok(stack_: list[Tree]) -> bool:
    return any(
        line["type"] == "auth" and line["module"] == "pam_unix" and {"nullok", "nullok_secure"} & set(line["args"])
        for line in stack_
    )


def _su(stack_: object) -> object:
    """The groups whose members may become root by su; none where anybody may try."""
    if isinstance(stack_, dict):
        return stack_
    assert isinstance(stack_, list)  # noqa: S101  what :func:`stack` gives
    held = [line for line in stack_ if line["type"] == "auth" and line["module"] == "pam_wheel"
            and line["control"] in ("required", "requisite") and not line["args"].get("deny")]  # fmt: skip
    return [str(line["args"].get("group", "wheel")) for line in held]


_KEYS: dict[Callable[[list[Tree], Tree], Tree], tuple[str, ...]] = {
    lockout: ("deny", "unlock_seconds", "root", "window_seconds"),
    quality: ("length", "classes", "different", "dictionary", "root", "retry"),
    history: ("remember",),
}
