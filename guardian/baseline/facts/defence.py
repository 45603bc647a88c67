"""What looks for malware and for changed files: whether it is there, runs, and how old its knowledge is."""

from guardian.baseline.facts.audit import running_programs
from guardian.baseline.facts.reading import Host, Tree, attempt, is_err

_ANTIVIRUS = (
    # name, what shows that it is installed, its processes, where its signatures lie
    ("clamav", ("/usr/sbin/clamd", "/usr/bin/clamscan"), ("clamd", "clamonacc"), ("/var/lib/clamav",)),
    ("360", ("/opt/360", "/opt/360safe"), ("360entclient", "360daemon"), ()),
    ("qi-anxin", ("/opt/qianxin", "/opt/qaxsafe"), ("qaxsafed", "qaxtray"), ()),
    ("aliyun", ("/usr/local/aegis",), ("AliYunDun", "AliYunDunMonito"), ()),
    ("tencent", ("/usr/local/qcloud/YunJing",), ("YDService", "YDLive"), ()),
    ("huawei", ("/usr/local/hostguard",), ("hostguard", "hostwatch"), ()),
    ("sangfor", ("/sangfor/edr", "/ac/edr"), ("edr_agent", "sfavsrv"), ()),
    ("wazuh", ("/var/ossec/bin",), ("wazuh-agentd", "ossec-agentd"), ()),
    ("falcon", ("/opt/CrowdStrike",), ("falcon-sensor",), ()),
    ("rkhunter", ("/usr/bin/rkhunter",), (), ("/var/lib/rkhunter/db",)),
)
_INTEGRITY = (
    ("aide", ("/usr/bin/aide", "/usr/sbin/aide"), ("/var/lib/aide/aide.db", "/var/lib/aide/aide.db.gz"), "aide"),
    ("tripwire", ("/usr/sbin/tripwire",), ("/var/lib/tripwire",), "tripwire"),
    (
        "ossec",
        ("/var/ossec/bin/ossec-syscheckd", "/var/ossec/bin/wazuh-syscheckd"),
        ("/var/ossec/queue/fim/db",),
        "ossec",
    ),
    ("samhain", ("/usr/sbin/samhain",), ("/var/lib/samhain/samhain_file",), "samhain"),
)


def collect(host: Host) -> Tree:
    """``defence``: ``malware`` and ``integrity``, each a list of what is installed; an empty list: nothing known."""
    return {"defence": {"malware": attempt(_malware, host), "integrity": attempt(_integrity, host)}}


def _malware(host: Host) -> list[Tree]:
    running = attempt(running_programs, host)
    found = []
    for name, paths, processes, signatures in _ANTIVIRUS:
        if host.exists(*paths):
            runs = running if is_err(running) else bool(set(processes) & running)
            found.append({"name": name, "running": runs, "signature_age_days": attempt(_age, host, signatures)})
    return found


def _age(host: Host, folders: tuple[str, ...]) -> int | None:
    """Days since the newest file of signatures; None where it is not known where they lie."""
    times = [
        entry.mtime
        for folder in folders
        for name in host.list(folder)
        if (entry := host.stat(f"{folder}/{name}")) is not None
    ]
    return max(0, host.today - max(times) // 86400) if times else None


def _integrity(host: Host) -> list[Tree]:
    found = []
    for name, programs, databases, word in _INTEGRITY:
        if host.exists(*programs):
            found.append(
                {
                    "name": name,
                    "database": attempt(host.exists, *databases),
                    "scheduled": attempt(_scheduled, host, word),
                }
            )
    return found


def _scheduled(host: Host, word: str) -> bool:
    """Whether the clock starts it: a folder of cron, a table of cron, a timer or a service that is wanted."""
    for folder in ("/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.hourly", "/etc/cron.d"):
        if any(word in name for name in host.list(folder)):
            return True
    wanted = [unit for name in host.list("/etc/systemd/system") if name.endswith(".wants")
              for unit in host.list(f"/etc/systemd/system/{name}")]  # fmt: skip
    if any(word in unit for unit in wanted):
        return True
    tables = ("/etc/crontab", "/var/spool/cron/crontabs/root", "/var/spool/cron/root")
    return any(f"{word} " in (host.text(path) or "") for path in tables)
