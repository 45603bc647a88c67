"""What kind of host it is: distribution, kernel, container or virtual machine, and hints of its role."""

import os

from guardian.baseline.facts.reading import Host, Tree, attempt
from guardian.baseline.facts.text import assignments

_FAMILIES = {
    "deb": {"debian", "ubuntu", "kylin-desktop", "uos", "deepin", "uniontech"},
    "rpm": {"rhel", "fedora", "centos", "openeuler", "anolis", "kylin", "rocky", "almalinux", "tencentos", "alinux",
            "opencloudos", "bclinux", "neokylin", "euleros", "hce", "suse", "sles", "opensuse"},
}  # fmt: skip


def collect(host: Host) -> Tree:
    """``os``: who made the system; ``host``: what runs it and what it is for."""
    return {"os": attempt(_os, host), "host": _roles(host)}


def os_release(text: str) -> Tree:
    """What os-release(5) says."""
    said = assignments(text)
    return {
        "id": said.get("id", "linux").lower(),
        "like": said.get("id_like", "").lower().split(),
        "version": said.get("version_id"),
        "codename": said.get("version_codename"),
        "name": said.get("pretty_name"),
    }


def family(release: Tree, *, dpkg: bool, rpm: bool) -> str:
    """``deb`` or ``rpm``: by the package database that is there, else by the name."""
    if dpkg != rpm:
        return "deb" if dpkg else "rpm"
    names = {release["id"], *release["like"]}
    return next((kind for kind, known in _FAMILIES.items() if names & known), "other")


def _os(host: Host) -> Tree:
    text = host.text("/etc/os-release")
    if text is None:
        text = host.text("/usr/lib/os-release")
    release = os_release(text or "")
    packages = {
        "dpkg": host.exists("/var/lib/dpkg/status"),
        "rpm": host.exists("/var/lib/rpm", "/usr/lib/sysimage/rpm"),
    }
    release["family"] = family(release, **packages)
    release["kernel"] = attempt(_kernel, host)
    return release


def _kernel(host: Host) -> Tree:
    host.must_live()
    name = os.uname()
    return {"release": name.release, "machine": name.machine}


def _roles(host: Host) -> Tree:
    return {
        "container": attempt(_container, host),
        "virtual": attempt(_virtual, host),
        "systemd": attempt(_systemd, host),
        "kubernetes": attempt(host.exists, "/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/config.yaml"),
        "containers": attempt(
            lambda: host.exists("/usr/bin/dockerd", "/usr/bin/containerd", "/usr/bin/podman", "/usr/bin/crio",
            "/usr/bin/isulad")
        ),
        "desktop": attempt(host.exists, "/usr/sbin/gdm3", "/usr/sbin/gdm", "/usr/sbin/lightdm", "/usr/bin/sddm",
        "/usr/bin/ukui-session"),
    }  # fmt: skip


def _container(host: Host) -> bool:
    host.must_live()
    if host.exists("/.dockerenv", "/run/.containerenv", "/run/systemd/container"):
        return True
    environment = host.bytes("/proc/1/environ") or b""
    return any(part.startswith(b"container=") for part in environment.split(b"\0"))


def _virtual(host: Host) -> str | None:
    host.must_live()
    name = (host.text("/sys/class/dmi/id/sys_vendor") or "").strip()
    if name:
        return name[:60]
    return "hypervisor" if " hypervisor" in (host.text("/proc/cpuinfo") or "") else None


def _systemd(host: Host) -> bool:
    """Whether systemd is the init of the running host; of a tree, whether it is installed."""
    if host.root.live:
        return host.exists("/run/systemd/system")
    return host.exists("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
