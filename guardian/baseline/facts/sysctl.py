"""Kernel settings: as they are, and as they will be after the next start."""

import fnmatch

from guardian.baseline.facts.reading import Host, Tree, attempt
from guardian.baseline.facts.text import lines, typed

ASKED = (
    "fs.protected_hardlinks", "fs.protected_symlinks", "fs.protected_fifos", "fs.protected_regular", "fs.suid_dumpable",
    "kernel.core_pattern", "kernel.core_uses_pid", "kernel.dmesg_restrict", "kernel.kptr_restrict",
    "kernel.modules_disabled",
    "kernel.perf_event_paranoid", "kernel.randomize_va_space", "kernel.sysrq", "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone", "kernel.yama.ptrace_scope", "kernel.kexec_load_disabled",
    "net.core.bpf_jit_harden",
    "net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.all.accept_source_route", "net.ipv4.conf.all.log_martians",
    "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.all.secure_redirects", "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.default.accept_redirects", "net.ipv4.conf.default.accept_source_route",
    "net.ipv4.conf.default.log_martians", "net.ipv4.conf.default.rp_filter", "net.ipv4.conf.default.secure_redirects",
    "net.ipv4.conf.default.send_redirects", "net.ipv4.icmp_echo_ignore_broadcasts",
    "net.ipv4.icmp_ignore_bogus_error_responses", "net.ipv4.ip_forward", "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_timestamps",
    "net.ipv6.conf.all.accept_ra", "net.ipv6.conf.all.accept_redirects", "net.ipv6.conf.all.accept_source_route",
    "net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.accept_ra",
    "net.ipv6.conf.default.accept_redirects", "net.ipv6.conf.default.accept_source_route", "vm.mmap_min_addr",
)  # fmt: skip
_FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")


def collect(host: Host) -> Tree:
    """``sysctl``: ``run`` (every asked key; None where the kernel has none of that name) and ``boot``."""
    return {"sysctl": {"run": attempt(_run, host), "boot": attempt(_boot, host)}}


def _run(host: Host) -> Tree:
    host.must_live()
    return {name: attempt(_value, host, name) for name in ASKED}


def _value(host: Host, name: str) -> str | int | None:
    text = host.text("/proc/sys/" + name.replace(".", "/"), 4096)
    return None if text is None else typed(" ".join(text.split()))


def _boot(host: Host) -> Tree:
    """The files merged in the order of sysctl.d(5); /etc/sysctl.conf last, as ``sysctl --system`` reads it.

    With systemd it counts only where a link in /etc/sysctl.d leads to it, so there it is read at that place.
    """
    merged: Tree = {}
    for path in host.drop_ins(_FOLDERS, ".conf"):
        merge(merged, host.text(path) or "")
    if not host.exists("/usr/lib/systemd/systemd", "/lib/systemd/systemd"):
        merge(merged, host.text("/etc/sysctl.conf") or "")
    settled = {key: value for key, value in merged.items() if "*" not in key}
    for pattern, value in merged.items():
        if "*" in pattern:
            settled.update({key: value for key in ASKED if key not in settled and fnmatch.fnmatchcase(key, pattern)})
    return {**dict.fromkeys(ASKED), **settled}


def merge(merged: Tree, text: str) -> None:
    """Take the settings of one file into ``merged``: a later one wins."""
    for _number, line in lines(text, "#;"):
        key, sign, value = line.partition("=")
        name = dotted(key.strip().removeprefix("-").strip())
        if sign and name:
            merged[name] = typed(" ".join(value.split()))
        elif name and line.startswith("-"):
            merged.setdefault(name, None)  # no wild card is to set it


def dotted(key: str) -> str:
    """A key as sysctl prints it: where the first separator is a slash, slashes and dots change their roles."""
    first = next((letter for letter in key if letter in "./"), ".")
    return key.translate(str.maketrans("/.", "./")) if first == "/" else key
