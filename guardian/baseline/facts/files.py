"""Modes and owners of the files that guard a host."""

from guardian.baseline.facts.names import Names
from guardian.baseline.facts.reading import Host, Tree, attempt, octal, shown

NAMED = (  # the folders for temporary files are looked at, not used
    "/", "/etc/passwd", "/etc/passwd-", "/etc/shadow", "/etc/shadow-", "/etc/group", "/etc/group-", "/etc/gshadow",
    "/etc/gshadow-", "/etc/security/opasswd", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh/sshd_config", "/etc/crontab",
    "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/cron.d", "/var/spool/cron",
    "/var/spool/cron/crontabs", "/etc/cron.allow", "/etc/cron.deny", "/etc/at.allow", "/etc/at.deny", "/etc/issue",
    "/etc/issue.net", "/etc/motd", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/hosts.equiv", "/root", "/root/.ssh",
    "/root/.ssh/authorized_keys", "/tmp", "/var/tmp", "/var/log", "/var/log/audit", "/var/log/btmp", "/var/log/wtmp",  # noqa: S108
    "/var/log/lastlog", "/etc/audit", "/etc/audit/auditd.conf", "/etc/audit/rules.d", "/etc/login.defs", "/etc/profile",
    "/etc/pam.d", "/etc/security", "/etc/securetty", "/etc/shells", "/etc/exports", "/etc/fstab", "/etc/sysctl.conf",
    "/etc/ssl/private", "/etc/pki/tls/private", "/var/run/docker.sock", "/etc/docker/daemon.json", "/etc/rsyslog.conf",
    "/etc/systemd/system", "/etc/ld.so.preload",
)  # fmt: skip
"""Every one of these is among the facts; None where it does not exist."""


def collect(host: Host) -> Tree:
    """``files``: path → kind, mode, owner, group, or None; ``ssh_keys``: the host keys of sshd."""
    names = Names(host)
    return {
        "files": {path: attempt(describe, host, names, path) for path in NAMED},
        "ssh_keys": attempt(_keys, host, names),
    }


def describe(host: Host, names: Names, path: str) -> Tree | None:
    """What lies at ``path``; None for nothing. Raises Unread."""
    entry = host.stat(path)
    if entry is None:
        return None
    return {
        "kind": entry.kind, "mode": octal(entry.mode), "owner": attempt(names.user, entry.uid),
        "group": attempt(names.group, entry.gid), "size": entry.size,
    }  # fmt: skip


def _keys(host: Host, names: Names) -> list[Tree]:
    found = []
    for name in host.list("/etc/ssh"):
        if name.startswith("ssh_host_") and "key" in name:
            about = describe(host, names, f"/etc/ssh/{name}")
            if about is not None:
                found.append({"path": shown(f"/etc/ssh/{name}"), "private": not name.endswith(".pub"), **about})
    return found
