"""What comes in without a rule of its own: by nftables, iptables, ufw or firewalld. Reads only."""

import json
import os
import re
from typing import Any

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt, is_err
from guardian.baseline.facts.text import assignments


def collect(host: Host) -> Tree:
    """``firewall``: ``input`` and ``forward`` (drop, accept or none for each family), ``ufw``, ``firewalld``,
    ``config``."""
    nft = attempt(_nft, host)
    legacy = attempt(_legacy, host)
    return {
        "firewall": {
            "input": {family: _either(nft, legacy, "input", family) for family in ("ip", "ip6")},
            "forward": {family: _either(nft, legacy, "forward", family) for family in ("ip", "ip6")},
            "ufw": attempt(_ufw, host),
            "firewalld": attempt(_firewalld, host),
            "config": attempt(_config, host),
        }
    }


def _either(nft: Any, legacy: Any, hook: str, family: str) -> Any:
    """A packet must get through both tables: one that drops decides; what is unread leaves the rest unknown."""
    told = [part if is_err(part) else part[hook][family] for part in (nft, legacy)]
    if "drop" in told:
        return "drop"
    unread = next((part for part in told if is_err(part)), None)
    return unread or ("accept" if "accept" in told else "none")


def parse_nft(text: str) -> Tree:
    """hook → family → policy from ``nft -j list ruleset``. A last rule that refuses everything is a policy too.

    Raises Unread for what is no such text.
    """
    try:
        items = json.loads(text)["nftables"]
        chains = {(c["family"], c["table"], c["name"]): c for item in items if (c := item.get("chain")) is not None}
        last = {(r["family"], r["table"], r["chain"]): r for item in items if (r := item.get("rule")) is not None}
        found = _nothing()
        for at, chain in chains.items():
            hook, policy = chain.get("hook"), chain.get("policy", "accept")
            if hook in found and chain.get("type", "filter") == "filter":
                said = "drop" if policy == "drop" or _refuses(last.get(at, {}).get("expr", [])) else "accept"
                for family in ("ip", "ip6") if chain["family"] == "inet" else (chain["family"],):
                    if family in found[hook] and found[hook][family] != "drop":
                        found[hook][family] = said
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unread("nft said something that is not understood") from error
    return found


def _refuses(expressions: list[Any]) -> bool:
    """Whether a rule refuses whatever comes: no match in it, and drop or reject at its end."""
    kinds = [next(iter(part)) for part in expressions]
    return bool(kinds) and kinds[-1] in ("drop", "reject") and not {"match", "vmap", "lookup", "limit"} & set(kinds)


def parse_iptables(text: str) -> dict[str, str]:
    """hook → policy from ``iptables -S``."""
    found = {"input": "none", "forward": "none"}
    last: dict[str, str] = {}
    for line in text.split("\n"):
        if match := re.match(r"-P (INPUT|FORWARD) (\w+)", line):
            found[match[1].lower()] = "drop" if match[2] == "DROP" else "accept"
        elif match := re.match(r"-A (INPUT|FORWARD) (.*)", line):
            last[match[1].lower()] = match[2]
    for hook, rule in last.items():
        if re.match(r"-j (DROP|REJECT)\b", rule):
            found[hook] = "drop"
    return found


def _nothing() -> Tree:
    return {hook: {"ip": "none", "ip6": "none"} for hook in ("input", "forward")}


def _nft(host: Host) -> Tree:
    """None of it where the kernel has no nftables; a host with them and without the program cannot be asked."""
    host.must_live()
    if not host.exists("/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"):
        return _without_nft(host)
    said = host.run("nft", "-j", "list", "ruleset")
    if said.code != 0:
        if "not supported" in said.complaint.lower() or "protocol" in said.complaint.lower():
            return _nothing()
        raise Unread("denied: needs root" if "permitted" in said.complaint else f"nft: {said.complaint}"[:200])
    return parse_nft(said.out)


def _without_nft(host: Host) -> Tree:
    """None, where the kernel surely has no nftables loaded: as a module it is not, and it is not built in."""
    builtin = host.text(f"/lib/modules/{os.uname().release}/modules.builtin", 4 << 20)
    if builtin is None or "/nf_tables.ko" in builtin or "nf_tables " in (host.text("/proc/modules") or ""):
        raise Unread("no such program: nft")
    return _nothing()


def _legacy(host: Host) -> Tree:
    """The older tables, asked only where the kernel has them: asking would load them."""
    host.must_live()
    found = _nothing()
    for family, program, names in (
        ("ip", "iptables", "/proc/net/ip_tables_names"),
        ("ip6", "ip6tables", "/proc/net/ip6_tables_names"),
    ):
        if "filter" not in (host.text(names) or "").split():
            continue
        legacy = f"{program}-legacy"
        said = host.ask(legacy if host.exists(f"/usr/sbin/{legacy}") else program, "-S")
        if "-P INPUT" not in said:
            raise Unread(f"{program} -S said nothing that is understood")
        for hook, policy in parse_iptables(said).items():
            found[hook][family] = policy
    return found


def _ufw(host: Host) -> Tree | None:
    if not host.exists("/etc/ufw/ufw.conf"):
        return None
    said = assignments(host.text("/etc/ufw/ufw.conf") or "", "#")
    defaults = assignments(host.text("/etc/default/ufw") or "", "#")
    return {
        "enabled": said.get("enabled", "no").lower() == "yes",
        "input": defaults.get("default_input_policy", "DROP").lower(),
    }


def _firewalld(host: Host) -> Tree | None:
    if not host.exists("/usr/sbin/firewalld"):
        return None
    zone = assignments(host.text("/etc/firewalld/firewalld.conf") or "", "#").get("defaultzone", "public")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", zone):
        raise Unread("firewalld: the default zone has a strange name")
    text = host.text(f"/etc/firewalld/zones/{zone}.xml") or host.text(f"/usr/lib/firewalld/zones/{zone}.xml") or ""
    target = re.search(r"<zone[^>]*\btarget=\"([^\"]+)\"", text)
    wanted = "firewalld.service" in [
        unit
        for name in host.list("/etc/systemd/system")
        if name.endswith(".wants")
        for unit in host.list(f"/etc/systemd/system/{name}")
    ]
    return {"enabled": wanted, "zone": zone, "target": target[1].lower() if target else "default"}


def _config(host: Host) -> bool:
    """Whether rules are kept for the next start: nftables.conf or rules.v4 with a policy of drop."""
    for path in (
        "/etc/nftables.conf",
        "/etc/sysconfig/nftables.conf",
        "/etc/iptables/rules.v4",
        "/etc/sysconfig/iptables",
    ):
        if re.search(r"policy\s+drop|^:INPUT DROP|-A INPUT -j (DROP|REJECT)", host.text(path) or "", re.MULTILINE):
            return True
    return False
