"""How a measured figure stands. Pure: no look at anything."""

from dataclasses import dataclass

from guardian.doctor.examination import Standing

SKEW_WARNING = 60.0
"""Seconds between this host's clock and the storage's."""
SKEW_BAD = 900.0
"""S3 refuses requests from a clock that is a quarter of an hour off."""

SPACE_WARNING = 1 << 30
"""Bytes free: less than a sizeable source's scratch and cache need."""
SPACE_BAD = 64 << 20
"""Bytes free: not even the log and a lock are safe."""
SHARE_WARNING = 0.01
"""Of the disk free: one that is nearly full fills quickly."""
INODES_WARNING = 10_000
INODES_BAD = 500

CLOCK_JUMP_SECONDS = 2.0
"""What the wall clock may gain on the monotonic one while the doctor looks around."""


@dataclass(frozen=True, slots=True)
class Room:
    """Space and inodes of a file system. ``inodes`` 0: it has no such limit."""

    free_bytes: int
    total_bytes: int
    free_inodes: int
    inodes: int


def skew(seconds: float) -> Standing:
    """How a difference between two clocks stands, in either direction."""
    return "bad" if abs(seconds) > SKEW_BAD else "warning" if abs(seconds) > SKEW_WARNING else "ok"


def space(room: Room) -> Standing:
    """How free space stands: by its size and by its share."""
    if room.free_bytes < SPACE_BAD:
        return "bad"
    return "warning" if room.free_bytes < max(SPACE_WARNING, room.total_bytes * SHARE_WARNING) else "ok"


def inodes(room: Room) -> Standing:
    """How free inodes stand."""
    if room.inodes == 0:
        return "ok"
    return "bad" if room.free_inodes < INODES_BAD else "warning" if room.free_inodes < INODES_WARNING else "ok"


def privacy(mode: int) -> Standing:
    """How the mode of the state directory stands: others may not look in, and by no means write."""
    return "bad" if mode & 0o022 else "warning" if mode & 0o055 else "ok"
