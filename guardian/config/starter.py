"""The starter configuration of ``guardian init``: valid as it stands, and explained line by line in one language."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DEFAULT_REPOSITORY = "repositories/{system}"
"""Where a starter keeps backups when no address is given: beside the configuration, which is only good for a trial."""


@dataclass(frozen=True, slots=True)
class Starter:
    """What the starter is made of.

    ``directory`` (absolute) is what to protect; ``repositories`` are addresses, the first for backups, the others for
    copies; ``base`` is the folder the configuration will lie in: when that is inside ``directory``, what Guardian
    itself keeps there is left out of the backup.
    """

    directory: Path
    repositories: tuple[str, ...] = ()
    language: Literal["zh", "en"] = "en"
    base: Path | None = None
    tenant: str = "my-agency"
    system: str = "my-system"


def starter_text(starter: Starter) -> str:
    """The starter as the text of a ``guardian.yaml``."""
    say = _ZH.__getitem__ if starter.language == "zh" else _EN.__getitem__
    addresses = starter.repositories or (DEFAULT_REPOSITORY,)
    names = ["main", "offsite", *(f"offsite-{n}" for n in range(2, len(addresses)))][: len(addresses)]
    lines = [
        *_comment(say("head")),
        "",
        *_comment(say("tenant")),
        f"tenant: {{id: {_quoted(starter.tenant)}}}",
        "",
        *_comment(say("repositories")),
        *(_comment(say("local")) if not starter.repositories else []),
        "repositories:",
        *_repositories(names, addresses),
        "",
        *_comment(say("systems")),
        "systems:",
        f"  {starter.system}:",
        *_system(starter, names[1:], say),
        "",
    ]
    return "\n".join(lines)


def _repositories(names: list[str], addresses: tuple[str, ...]) -> list[str]:
    lines = []
    for name, address in zip(names, addresses, strict=True):
        secrets = "s3.env" if name == "main" else f"s3-{name}.env"
        credentials = f", credentials: file:secrets/{secrets}" if address.startswith("s3:") else ""
        lines.append(f"  {name}: {{url: {_quoted(address)}{credentials}}}")
    return lines


def _system(starter: Starter, copies: list[str], say: Callable[[str], str]) -> list[str]:
    exclude = [str(path) for path in _own(starter)]
    source = f"kind: files, paths: [{_quoted(str(starter.directory))}]"
    if exclude:
        source += f", exclude: [{', '.join(map(_quoted, exclude))}]"
    return [
        *_comment(say("objectives"), 4),
        "    objectives: {rpo: 24h, rto: 4h}",
        *_comment(say("sources"), 4),
        "    sources:",
        f"      files: {{{source}}}",
        "      # database: {kind: sqlite, path: /srv/app/data.db}",
        '      # dump: {kind: command, argv: [pg_dump, payments], trailer: "-- PostgreSQL database dump complete"}',
        *_comment(say("plan"), 4),
        "    plan:",
        '      schedule: "daily at 02:30"',
        "      retention: {daily: 14, weekly: 8, monthly: 12}",
        "      drills: {D0: daily, D1: weekly, D3: monthly}",
        *([f"      copy_to: [{', '.join(copies)}]"] if copies else []),
    ]


def _own(starter: Starter) -> list[Path]:
    """What Guardian keeps inside the directory it is to protect, when it is not told otherwise."""
    if starter.repositories or starter.base is None or not starter.base.is_relative_to(starter.directory):
        return []
    return [starter.base / DEFAULT_REPOSITORY.partition("/")[0]]


def _quoted(text: str) -> str:
    """``text`` in double quotes: JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str, indent: int = 0) -> list[str]:
    return [f"{' ' * indent}# {line}" for line in text.splitlines()]


_EN = {
    "head": (
        "Guardian on this host. Every key: docs/reference/configuration.md, or 'guardian config schema'.\n"
        "Check it with 'guardian config check'; then 'guardian init' makes the keys and repositories it names.\n"
        "Relative paths are relative to this file. Secrets never stand here, only where they are:\n"
        "file:PATH, env:NAME, systemd:CREDENTIAL or command:PROGRAM."
    ),
    "tenant": (
        "Your agency. More: name: {zh: 省人力资源和社会保障厅, en: Human Resources and Social Security},\n"
        'region: "520000" (GB/T 2260)'
    ),
    "repositories": (
        "Where backups go: the address as restic takes it. {tenant}, {system} and {host} are filled in; keep one\n"
        "repository for each system, since a key that leaks opens a whole repository. With s3: addresses,\n"
        "lock: {mode: governance, days: 30} asks the bucket to refuse deletions."
    ),
    "local": "A directory on this machine is good for a trial. It is lost together with the machine.",
    "systems": "The services this host runs, and what of them is protected.",
    "objectives": "How much may be lost (rpo), how long it may be away (rto). More: mlps_level: 3",
    "sources": "What is backed up.",
    "plan": "When, what is kept, and how often its return is proven.",
}
_ZH = {
    "head": (
        "本机的 Guardian 配置。全部键见 docs/reference/configuration.md，或运行 guardian config schema。\n"
        "用 guardian config check 检查；再用 guardian init 生成其中写到的密钥和存储库。\n"
        "相对路径以本文件所在目录为准。这里不写机密本身，只写机密在哪里：\n"
        "file:路径、env:变量名、systemd:凭据名 或 command:程序。"
    ),
    "tenant": (
        "所属单位。还可以写 name: {zh: 省人力资源和社会保障厅, en: Human Resources and Social Security}，\n"
        'region: "520000"（GB/T 2260 行政区划代码）'
    ),
    "repositories": (
        "备份存放位置，写法与 restic 相同。{tenant}、{system}、{host} 会自动填入；\n"
        "建议每个系统一个存储库，因为一把密钥泄露就等于整个存储库泄露。\n"
        "s3: 地址可加 lock: {mode: governance, days: 30}，要求存储桶拒绝删除。"
    ),
    "local": "本机目录只适合试用：机器坏了，备份也就没了。",
    "systems": "本机上的业务系统，以及其中受保护的内容。",
    "objectives": "最多可丢失多久的数据（rpo），最长可中断多久（rto）。还可以写 mlps_level: 3（等保三级）",
    "sources": "备份什么。",
    "plan": "何时备份、保留多少、多久验证一次可恢复性。",
}
