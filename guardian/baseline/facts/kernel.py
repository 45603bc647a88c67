"""The kernel: modules, command line, how it was started, dumps of memory, swap."""

import re

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt, octal
from guardian.baseline.facts.text import lines, sections, words

UNNEEDED = (
    "cramfs",
    "freevxfs",
    "hfs",
    "hfsplus",
    "jffs2",
    "udf",
    "dccp",
    "sctp",
    "rds",
    "tipc",
    "usb-storage",
    "firewire-core",
)
_MODPROBE = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
_GRUB = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/efi/EFI/openEuler/grub.cfg",
"/boot/efi/EFI/kylin/grub.cfg",
         "/boot/efi/EFI/anolis/grub.cfg", "/boot/grub2/user.cfg")  # fmt: skip


def collect(host: Host) -> Tree:
    """``kernel``, ``boot``, ``dumps`` and ``swap``."""
    return {
        "kernel": {
            "modules": attempt(_modules, host),
            "cmdline": attempt(_cmdline, host),
            "lockdown": attempt(_lockdown, host),
        },
        "boot": {"grub": attempt(_grub, host), "secure_boot": attempt(_secure_boot, host)},
        "dumps": attempt(_dumps, host),
        "swap": attempt(_swap, host),
    }


def parse_modprobe(text: str) -> dict[str, set[str]]:
    """What modprobe.d(5) forbids: module → ``blacklist``, ``install`` (its install runs false or true)."""
    found: dict[str, set[str]] = {}
    for _number, line in lines(text):
        word = line.split()
        if word[0] == "blacklist" and len(word) > 1:
            found.setdefault(_module(word[1]), set()).add("blacklist")
        elif word[0] == "install" and len(word) > 2 and word[2].rsplit("/", 1)[-1] in ("false", "true"):
            found.setdefault(_module(word[1]), set()).add("install")
    return found


def _modules(host: Host) -> Tree:
    forbidden: dict[str, set[str]] = {}
    for path in host.drop_ins(_MODPROBE, ".conf"):
        for name, how in parse_modprobe(host.text(path) or "").items():
            forbidden.setdefault(name, set()).update(how)
    loaded = attempt(_loaded, host)
    present = attempt(_present, host)
    return {
        "loaded": loaded,
        "unneeded": [
            {
                "name": name,
                "loaded": loaded if isinstance(loaded, dict) else _module(name) in loaded,
                "present": present if isinstance(present, dict) else _module(name) in present,
                "forbidden": sorted(forbidden.get(_module(name), ())),
            }
            for name in UNNEEDED
        ],
    }


def _loaded(host: Host) -> list[str]:
    host.must_live()
    return sorted(line.split()[0] for line in (host.text("/proc/modules") or "").split("\n") if line)


def _present(host: Host) -> list[str]:
    """Modules that an installed kernel has, by name; built-in ones too."""
    found: set[str] = set()
    for version in host.list("/lib/modules"):
        for name in ("modules.dep", "modules.builtin"):
            text = host.text(f"/lib/modules/{version}/{name}", 8 << 20) or ""
            found.update(_module(line.split(":")[0]) for line in text.split("\n") if line)
    return sorted(found)


def _module(name: str) -> str:
    """The name of a module, or of the file of one, as the kernel has it."""
    return re.sub(r"\.ko(\..z|\.zst|\.xz)?$", "", name.rsplit("/", 1)[-1]).replace("-", "_")


def _cmdline(host: Host) -> list[str]:
    host.must_live()
    return [
        re.sub(r"(?i)(pass|secret|token|key)([^=]*)=.*", r"\1\2=…", word)
        for word in words(host.text("/proc/cmdline") or "")
    ]


def _lockdown(host: Host) -> str | None:
    host.must_live()
    match = re.search(r"\[(\w+)\]", host.text("/sys/kernel/security/lockdown") or "")
    return match[1] if match else None


def _grub(host: Host) -> Tree | None:
    """The boot loader; None where there is none (containers, direct boot by a hypervisor)."""
    files = [
        {"path": path, "mode": octal(entry.mode), "uid": entry.uid} for path in _GRUB if (entry := host.stat(path))
    ]
    if not files:
        return None
    text = "\n".join(host.text(str(file["path"]), 4 << 20) or "" for file in files)
    protects = bool(re.search(r"^\s*(password_pbkdf2\s+\S+\s+grub\.|GRUB2_PASSWORD=grub\.)", text, re.MULTILINE))
    return {"files": files, "password": (protects and "superusers" in text) or "GRUB2_PASSWORD=grub." in text}


def _secure_boot(host: Host) -> bool | None:
    """None: not started by EFI."""
    host.must_live()
    if not host.exists("/sys/firmware/efi"):
        return None
    name = next((name for name in host.list("/sys/firmware/efi/efivars") if name.startswith("SecureBoot-")), None)
    data = host.bytes(f"/sys/firmware/efi/efivars/{name}", 64) if name else None
    return bool(data and data[-1] == 1)


def parse_limits(text: str) -> list[Tree]:
    """The lines of limits.conf(5)."""
    found = []
    for number, line in lines(text):
        word = line.split("#")[0].split()
        if len(word) == 4:
            found.append(
                {
                    "who": word[0],
                    "type": word[1].lower(),
                    "item": word[2].lower(),
                    "value": word[3].lower(),
                    "line": number,
                }
            )
    return found


def _dumps(host: Host) -> Tree:
    limits = []
    for path in ("/etc/security/limits.conf", *host.drop_ins(("/etc/security/limits.d",), ".conf")):
        limits += [line for line in parse_limits(host.text(path) or "") if line["item"] == "core"]
    everybody = [line["value"] for line in limits if line["who"] == "*" and line["type"] in ("hard", "-")]
    storage = None
    for path in (
        "/etc/systemd/coredump.conf",
        *host.drop_ins(("/etc/systemd/coredump.conf.d", "/usr/lib/systemd/coredump.conf.d"), ".conf"),
    ):
        storage = sections(host.text(path) or "").get("coredump", {}).get("storage", storage)
    return {
        "hard_limit": everybody[-1] if everybody else None,
        "systemd_coredump": host.exists("/usr/lib/systemd/systemd-coredump", "/lib/systemd/systemd-coredump"),
        "storage": storage.lower() if storage else None,
    }


def _swap(host: Host) -> list[Tree]:
    """Places of swap in use; ``encrypted`` where all that they lie on is encrypted."""
    host.must_live()
    rows = [line.split() for line in (host.text("/proc/swaps") or "").split("\n")[1:] if line]
    return [
        {"path": row[0], "memory": "/zram" in row[0], "encrypted": attempt(_encrypted_swap, host, row[0])}
        for row in rows
    ]


def _encrypted_swap(host: Host, path: str) -> bool:
    if not path.startswith("/dev/"):
        raise Unread("a swap file: what its disk is like is not known")
    entry = host.stat(path, follow=False)
    return _encrypted((entry.target if entry and entry.target else path).rsplit("/", 1)[-1], host, 0)


def _encrypted(device: str, host: Host, depth: int) -> bool:
    """Whether a block device is a crypt of the device mapper, or lies on such alone (a volume of such a group)."""
    if (host.text(f"/sys/block/{device}/dm/uuid", 4096) or "").startswith("CRYPT-"):
        return True
    below = host.list(f"/sys/block/{device}/slaves") if depth < 8 else []
    return bool(below) and all(_encrypted(name, host, depth + 1) for name in below)
