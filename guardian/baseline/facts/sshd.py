"""sshd: its effective settings as itself tells them, or from its files where there is no host to ask."""

import re

from guardian.baseline.facts import sshdfiles
from guardian.baseline.facts.reading import NOT_LIVE, Host, Tree, Unread, attempt, err, is_err
from guardian.baseline.facts.text import assignments, seconds, typed, words

_SPLIT = frozenset(
    [
        "ciphers",
        "macs",
        "kexalgorithms",
        "hostkeyalgorithms",
        "pubkeyacceptedalgorithms",
        "casignaturealgorithms",
        "hostbasedacceptedalgorithms",
        "pubkeyacceptedkeytypes",
    ]
)
_MANY = frozenset(["port", "listenaddress", "hostkey", "allowusers", "allowgroups", "denyusers", "denygroups",
"acceptenv", "authorizedkeysfile", "authenticationmethods", "subsystem", "setenv"])  # fmt: skip
_SPANS = frozenset(["logingracetime", "clientaliveinterval"])
_OPTIONS = ("/etc/crypto-policies/back-ends/opensshserver.config", "/etc/sysconfig/sshd", "/etc/default/ssh")
_NEVER_STARTED = "sshd was not started since the machine was"
_LISTS = ("allowusers", "allowgroups", "denyusers", "denygroups")


def collect(host: Host) -> Tree:
    """``sshd``: ``installed``, ``effective`` settings and their ``source``, ``lines`` of its files, Match blocks."""
    installed = attempt(host.exists, "/usr/sbin/sshd", "/usr/local/sbin/sshd")
    if is_err(installed) and not host.root.live and attempt(host.exists, "/etc/ssh/sshd_config") is True:
        installed = True  # a backup of /etc alone: whoever has this file is meant to run sshd
    if installed is False:
        return {"sshd": {"installed": False, "effective": None, "source": None, "lines": [], "matches": []}}
    lines = attempt(sshdfiles.read, host)
    matches = lines if is_err(lines) else [line for line in lines if line["match"]]
    effective, source = attempt(_asked, host), "sshd -T"
    if is_err(effective) and effective["$err"] in (NOT_LIVE, _NEVER_STARTED):
        effective, source = lines if is_err(lines) else from_lines(lines), "files"
    return {
        "sshd": {"installed": installed, "effective": effective, "source": source, "lines": lines, "matches": matches}
    }


def _asked(host: Host) -> Tree:
    said = host.run("sshd", "-T", "-C", "user=root,host=x,addr=127.0.0.1", *_given(host))
    if said.code != 0 and "Missing privilege separation directory" in said.complaint:
        raise Unread(_NEVER_STARTED)
    if said.code != 0:
        raise Unread("denied: needs root" if "hostkeys" in said.complaint else f"sshd -T: {said.complaint}"[:200])
    told = parse_effective(said.out)
    if "port" not in told:
        raise Unread("sshd -T said nothing that is understood")
    return told


def _given(host: Host) -> list[str]:
    """The options that sshd gets beside its files: from the policy of ciphers of the distribution, from people."""
    texts = [host.text(path) or "" for path in _OPTIONS]
    return [word for text in texts for word in given_options(text)]


def given_options(text: str) -> list[str]:
    """The ``-oOption=value`` in ``CRYPTO_POLICY='…'``, ``OPTIONS="…"`` or ``SSHD_OPTS=…``."""
    found = []
    for name, value in assignments(text, "#").items():
        if name in ("crypto_policy", "options", "sshd_opts"):
            found += [word for word in words(value) if re.match(r"-o[A-Za-z]+=", word)]
    return found[:40]


def parse_effective(text: str) -> Tree:
    """What ``sshd -T`` prints: option in lower case → value; what may be there many times is always a list."""
    found: Tree = {name: [] for name in _LISTS}
    for line in text.split("\n"):
        name, _space, value = line.strip().partition(" ")
        if name:
            put(found, name.lower(), value.strip())
    return found


def put(found: Tree, name: str, value: str) -> None:
    """Set one option as its type wants it."""
    if name in _SPLIT:
        found[name] = [part for part in value.split(",") if part]
    elif name in _MANY:
        found.setdefault(name, []).extend(typed(word) for word in value.split())
    elif name in _SPANS:
        found[name] = seconds(value) if seconds(value) is not None else value
    elif name == "maxstartups":
        found[name] = [typed(part) for part in value.split(":")]
    else:
        said = typed(value.lower() if value.lower() in ("yes", "no", "none", "any") else value)
        found[name] = "prohibit-password" if said == "without-password" else said


# What sshd does by itself in every version from 7.4 on; where versions differ, files alone cannot tell.
_DEFAULTS: Tree = {
    "permitrootlogin": "prohibit-password", "passwordauthentication": "yes", "permitemptypasswords": "no",
    "maxauthtries": 6,
    "logingracetime": 120, "clientaliveinterval": 0, "clientalivecountmax": 3, "x11forwarding": "no",
    "allowtcpforwarding": "yes",
    "ignorerhosts": "yes", "hostbasedauthentication": "no", "permituserenvironment": "no", "strictmodes": "yes",
    "usepam": "no",
    "loglevel": "INFO", "banner": "none", "pubkeyauthentication": "yes", "maxsessions": 10, "maxstartups": [10, 30,
    100],
    "gatewayports": "no", "permittunnel": "no", "allowagentforwarding": "yes", "port": [22], "compression": "yes",
    "authenticationmethods": ["any"],
}  # fmt: skip
_UNKNOWN = ("ciphers", "macs", "kexalgorithms", "hostkeyalgorithms")


def from_lines(lines: list[Tree]) -> Tree:
    """Effective settings from the files: the first value of an option counts; what is not set has its default."""
    found: Tree = {name: [] for name in _LISTS}
    once: set[str] = set()
    for line in lines:
        name = line["option"]
        if line["match"] or (name in once and name not in _MANY):
            continue
        if name in _SPLIT and line["value"][:1] in ("+", "-", "^"):
            found[name] = err("the defaults of this sshd are not known from files")
        else:
            put(found, name, line["value"])
        once.add(name)
    for name in _UNKNOWN:
        found.setdefault(name, err("the defaults of this sshd are not known from files"))
    return {**_DEFAULTS, **found}
