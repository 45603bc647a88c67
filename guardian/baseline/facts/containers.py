"""Container runtimes: how docker is set up, and who may command it (which is to be root)."""

import json
import re

from guardian.baseline.facts.accounts import parse_group
from guardian.baseline.facts.files import describe
from guardian.baseline.facts.names import Names
from guardian.baseline.facts.reading import Host, Tree, Unread, attempt

_RUNTIMES = {
    "docker": ("/usr/bin/dockerd", "/usr/local/bin/dockerd"), "containerd": ("/usr/bin/containerd",
    "/usr/local/bin/containerd"),
    "podman": ("/usr/bin/podman",), "crio": ("/usr/bin/crio",), "isulad": ("/usr/bin/isulad",),
}  # fmt: skip


def collect(host: Host) -> Tree:
    """``containers``: ``runtimes`` by name, ``docker`` (None where it is not installed)."""
    runtimes = {name: attempt(host.exists, *paths) for name, paths in _RUNTIMES.items()}
    docker = attempt(_docker, host) if runtimes["docker"] is True else None
    return {
        "containers": {
            "runtimes": runtimes,
            "docker": docker if runtimes["docker"] in (True, False) else runtimes["docker"],
        }
    }


def parse_daemon(text: str) -> Tree:
    """daemon.json with the defaults of what it does not say. Raises Unread for no JSON."""
    try:
        said = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise Unread("daemon.json is no JSON") from error
    if not isinstance(said, dict):
        raise Unread("daemon.json is no mapping")
    options = said.get("log-opts")
    return {
        "icc": said.get("icc", True), "userns": said.get("userns-remap") or None,
        "live_restore": said.get("live-restore", False),
        "no_new_privileges": said.get("no-new-privileges", False), "log_driver": said.get("log-driver", "json-file"),
        "log_limited": isinstance(options, dict) and "max-size" in options,
        "insecure_registries": said.get("insecure-registries", []),
        "hosts": said.get("hosts", []), "tlsverify": said.get("tlsverify", False),
        "experimental": said.get("experimental", False),
        "userland_proxy": said.get("userland-proxy", True), "iptables": said.get("iptables", True),
    }  # fmt: skip


def _docker(host: Host) -> Tree:
    names = Names(host)
    daemon = attempt(lambda: parse_daemon(host.text("/etc/docker/daemon.json") or ""))
    return {
        "daemon": daemon,
        "socket": attempt(describe, host, names, "/run/docker.sock") if host.root.live else None,
        "members": attempt(_members, host),
        "tcp": attempt(_tcp, host, daemon),
    }


def _members(host: Host) -> list[str]:
    groups = parse_group(host.text("/etc/group", 8 << 20) or "")
    return sorted({member for group in groups if group["name"] == "docker" for member in group["members"]})


def _tcp(host: Host, daemon: Tree) -> list[Tree]:
    """Addresses on which the daemon takes commands over the network: from its file and from the unit's command line."""
    if "$err" in daemon:
        raise Unread(str(daemon["$err"]))
    if not isinstance(daemon["hosts"], list):
        raise Unread("daemon.json: hosts is no list")
    found = [
        {"address": str(where), "tls": daemon["tlsverify"] is True}
        for where in daemon["hosts"]
        if str(where).startswith("tcp:")
    ]
    folders = ("/etc/systemd/system/docker.service.d", "/usr/lib/systemd/system/docker.service.d")
    unit = host.text("/etc/systemd/system/docker.service") or host.text("/usr/lib/systemd/system/docker.service") or ""
    for text in (unit, *(host.text(path) or "" for path in host.drop_ins(folders, ".conf"))):
        found += parse_unit(text, tls=daemon["tlsverify"] is True)
    return found


def parse_unit(text: str, *, tls: bool) -> list[Tree]:
    """The network addresses on the command line of a unit that starts the daemon."""
    return [
        {"address": address, "tls": tls or "--tlsverify" in line}
        for line in text.split("\n")
        if line.startswith("ExecStart=")
        for address in re.findall(r"tcp://(\S+)", line)
    ]
