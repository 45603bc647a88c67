"""What has befallen a host: names of faults, and since when (seconds since the beginning of history)."""

from collections.abc import Mapping

Trouble = Mapping[str, float]
