"""Mandatory access control: AppArmor and SELinux."""

import re

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt
from guardian.baseline.facts.text import assignments


def collect(host: Host) -> Tree:
    """``mac``: ``apparmor`` and ``selinux``."""
    return {"mac": {"apparmor": attempt(_apparmor, host), "selinux": _selinux(host)}}


def parse_profiles(text: str) -> Tree:
    """How many profiles stand in each mode."""
    modes = [
        match[1] for line in text.split("\n") if (match := re.search(r"\((enforce|complain|kill|unconfined)\)$", line))
    ]
    return {"enforce": modes.count("enforce") + modes.count("kill"), "complain": modes.count("complain")}


def _apparmor(host: Host) -> Tree:
    host.must_live()
    enabled = (host.text("/sys/module/apparmor/parameters/enabled", 64) or "N").strip() == "Y"
    profiles = attempt(_profiles, host) if enabled else None
    return {"enabled": enabled, "profiles": profiles}


def _profiles(host: Host) -> Tree:
    text = host.text("/sys/kernel/security/apparmor/profiles", 4 << 20)
    if text is None:
        raise Unread("securityfs is not mounted")
    return parse_profiles(text)


def _selinux(host: Host) -> Tree:
    """``mode`` now (``disabled`` where the kernel has none), ``boot`` as the file says; None without a file."""
    return {"mode": attempt(_mode, host), "boot": attempt(_boot, host)}


def _mode(host: Host) -> str:
    host.must_live()
    text = host.text("/sys/fs/selinux/enforce", 64)
    if text is None:
        return "disabled"
    return "enforcing" if text.strip() == "1" else "permissive"


def _boot(host: Host) -> str | None:
    text = host.text("/etc/selinux/config")
    return assignments(text, "#").get("selinux", "").lower() or None if text is not None else None
