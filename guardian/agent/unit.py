"""The systemd unit of the agent: a user of its own that may read everything and change almost nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardian.errors import UsageError
from guardian.i18n import _

NAME: Final = "guardian-agent.service"
STOP_SECONDS: Final = 300
"""More than restic's grace (``restic.stop_grace``, 120 s unless configured) and all that follows it."""
WATCHDOG_SECONDS: Final = 120

_UNIT: Final = """\
# Made by 'guardian agent install'. For changes of your own: systemctl edit guardian-agent
[Unit]
Description=Guardian agent: scheduled backups, restore drills, signed evidence
Documentation=man:systemd.exec(5)
Wants=network-online.target
After=network-online.target time-sync.target
AssertPathExists={config}

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} --config {config} agent run
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec={watchdog}
Restart=on-failure
RestartSec=30
# SIGINT is what restic removes its lock on; only the agent gets it, and asks its jobs itself. SIGKILL comes last.
KillSignal=SIGINT
KillMode=mixed
TimeoutStopSec={stop}
SuccessExitStatus=130

User={user}
Group={user}
UMask=0077
LimitCORE=0
LimitNOFILE=65536
StateDirectory=guardian
StateDirectoryMode=0700
RuntimeDirectory=guardian
RuntimeDirectoryMode=0750

# Secrets need not be readable by the agent's user: systemd reads them as root and hands them over.
# In guardian.yaml: password: systemd:main-password
#LoadCredential=main-password:/etc/guardian/secrets/main.password

# Other work comes first.
Nice=5
CPUWeight=50
IOWeight=50
MemoryHigh=60%
OOMScoreAdjust=300

# Reads every file without being root. Nothing else: sources are never written.
AmbientCapabilities=CAP_DAC_READ_SEARCH
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Left out on purpose. ProtectProc: a lock's owner that cannot be seen would be taken for dead. RestrictSUIDSGID: drills
# bring back files with those bits. MemoryDenyWriteExecute: the scratch PostgreSQL of a drill compiles queries.

[Install]
WantedBy=multi-user.target
"""

_PATHS: Final = """\
# Made by 'guardian agent install' from {config}: what the agent writes besides its state.
# Run it again after a repository on a local disk, state_dir, scratch_dir or the metrics' textfile has changed.
[Service]
"""


@dataclass(frozen=True, slots=True)
class UnitOptions:
    """What differs from host to host."""

    program: Path
    config: Path
    user: str


def unit_text(options: UnitOptions) -> str:
    """The unit file. Raises UsageError for a path that cannot stand in one."""
    return _UNIT.format(
        program=escaped(options.program),
        config=escaped(options.config),
        user=options.user,
        watchdog=WATCHDOG_SECONDS,
        stop=STOP_SECONDS,
    )


def paths_text(config: Path, writable: Sequence[Path]) -> str:
    """The drop-in that opens ``writable`` to the agent; a path that is not there does not keep it from starting."""
    lines = [f"ReadWritePaths=-{escaped(path)}\n" for path in writable]
    return _PATHS.format(config=escaped(config)) + "".join(lines)


def escaped(path: Path) -> str:
    """``path`` as one word of a unit file. Raises UsageError where there is no way to write it."""
    text = str(path)
    if not text.startswith("/") or not text.isprintable() or any(c in text for c in "\"'\\ \t$"):
        raise UsageError(
            _("{path} cannot stand in a unit file").format(path=ascii(text)),
            _("Use an absolute path without spaces, quotes, dollar signs and backslashes."),
        )
    return text.replace("%", "%%")
