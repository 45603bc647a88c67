"""What only a running host has, from a tree that looks like one: swap, sockets, modules, security modules, firmware."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guardian.baseline.facts import kernel, mac, ports, system
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
from tests.hosttree import plant


@dataclass(frozen=True, slots=True)
class LooksLive(LocalRoot):
    """A folder that says it were the running host's root."""

    @property
    def live(self) -> bool:
        return True


def host(folder: Path, files: dict[str, str]) -> Host:
    return Host(LooksLive(plant(folder, files)))


SWAPS = "Filename Type Size Used Priority\n"


@pytest.mark.parametrize(
    ("files", "encrypted"),
    [
        ({"sys/block/dm-1/dm/uuid": "CRYPT-PLAIN-swap"}, True),
        ({"sys/block/dm-1/dm/uuid": "LVM-abc", "sys/block/dm-1/slaves/dm-0/x": "",
        "sys/block/dm-0/dm/uuid": "CRYPT-LUKS2-y"}, True),
        ({"sys/block/dm-1/dm/uuid": "LVM-abc", "sys/block/dm-1/slaves/sda2/x": ""}, False),
        ({}, False),
    ],
)  # fmt: skip
def test_swap_is_encrypted_only_where_all_below_it_is(tmp_path: Path, files: dict[str, str], encrypted: bool) -> None:
    told = kernel.collect(host(tmp_path, {**files, "proc/swaps": SWAPS + "/dev/dm-1 partition 1 0 -2\n"}))["swap"]
    assert told == [{"path": "/dev/dm-1", "memory": False, "encrypted": encrypted}]


def test_kinds_of_swap(tmp_path: Path) -> None:
    rows = "/dev/zram0 partition 1 0 100\n/swap.img file 1 0 -2\n"
    zram, file = kernel.collect(host(tmp_path, {"proc/swaps": SWAPS + rows}))["swap"]
    assert zram["memory"] is True
    assert "$err" in file["encrypted"]


SOCKETS = """head
 0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 33 0 77 1
 1: 00000000:0051 00000000:0000 0A 0:0 0:0 0 0 0 78 1
"""


def test_owners_of_sockets(tmp_path: Path) -> None:
    files = {"proc/net/tcp": SOCKETS, "proc/net/udp": "head\n", "proc/7/comm": "nginx\n", "proc/7/fd/.keep": ""}
    here = host(tmp_path, files)
    (tmp_path / "proc/7/fd/3").symlink_to("socket:[77]")
    (tmp_path / "proc/7/fd/4").symlink_to("/etc/hosts")
    told: Any = ports.collect(here)["ports"]
    assert [(port["port"], port["process"]) for port in told] == [(80, "nginx"), (81, None)]
    (tmp_path / "proc/net/udp").unlink()
    assert "$err" in ports.collect(here)["ports"]  # half a table is none


def test_security_modules(tmp_path: Path) -> None:
    files = {
        "sys/module/apparmor/parameters/enabled": "Y\n", "sys/fs/selinux/enforce": "0",
        "sys/kernel/security/apparmor/profiles": "/sbin/a (enforce)\nb//c (complain)\nodd (enforce) name (kill)\n",
    }  # fmt: skip
    told = mac.collect(host(tmp_path, files))["mac"]
    assert told["apparmor"] == {"enabled": True, "profiles": {"enforce": 2, "complain": 1}}
    assert told["selinux"] == {"mode": "permissive", "boot": None}
    (tmp_path / "sys/kernel/security/apparmor/profiles").unlink()
    assert "$err" in mac.collect(host(tmp_path, {}))["mac"]["apparmor"]["profiles"]


def test_firmware_kernel_and_container(tmp_path: Path) -> None:
    name = "sys/firmware/efi/efivars/SecureBoot-8be4df61"
    files = {
        name: "\x06\x00\x00\x00\x01", "proc/modules": "usb_storage 1 0 - Live 0x0\n",
        "proc/1/environ": "A=b\0container=lxc\0",
        "sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
        "proc/cmdline": "quiet audit=1 luks.key=SECRET x\n",
        "lib/modules/6.1/modules.builtin": "kernel/drivers/usb/storage/usb-storage.ko\n",
    }  # fmt: skip
    here = host(tmp_path, files)
    told = kernel.collect(here)
    assert told["boot"]["secure_boot"] is True
    assert told["kernel"]["lockdown"] == "integrity"
    assert "SECRET" not in str(told["kernel"]["cmdline"])
    assert "audit=1" in told["kernel"]["cmdline"]
    usb = next(module for module in told["kernel"]["modules"]["unneeded"] if module["name"] == "usb-storage")
    assert usb == {"name": "usb-storage", "loaded": True, "present": True, "forbidden": []}
    assert system.collect(here)["host"]["container"] is True
