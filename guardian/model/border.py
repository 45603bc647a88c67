"""The three kinds of nouns that cross a border: what people write, what programs send, what we state."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema


class Written(BaseModel):
    """What a person writes (configuration, policies, runbooks): a typo is refused, types are exact."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Heard(BaseModel):
    """What another program sends: unknown fields are ignored, since programs grow."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Stated(BaseModel):
    """What Guardian puts into the log: written exactly, read tolerantly, so that old logs stay readable."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""An id a person gives: ASCII, lower case, digits and hyphens, at most 63 characters."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in 64 lower-case hexadecimal digits."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text: object) -> timedelta:
    """``90s``, ``10m``, ``6h``, ``2d``, ``1w`` as a duration.

    Raises ValueError for anything else, zero included.
    """
    if isinstance(text, timedelta):
        return text
    if isinstance(text, str) and text.isascii() and text[:-1].isdigit() and len(text) < 10:
        seconds = int(text[:-1]) * _UNITS.get(text[-1], 0)
        if seconds:
            return timedelta(seconds=seconds)
    raise ValueError("not a duration: write a whole number and a unit, such as 90s, 10m, 6h, 2d or 1w")


def format_duration(value: timedelta) -> str:
    """The shortest form that :func:`parse_duration` reads back."""
    seconds = int(value.total_seconds())
    unit = next(u for u in ("w", "d", "h", "m", "s") if seconds % _UNITS[u] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


_SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50}


def parse_size(text: object) -> int:
    """``500GiB`` or ``2TiB`` as bytes.

    Raises ValueError for anything else, zero included.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    if isinstance(text, str) and text.isascii() and text[:-3].isdigit() and len(text) < 12:
        size = int(text[:-3]) * _SIZES.get(text[-3:], 0)
        if size:
            return size
    raise ValueError("not a size: write a whole number and a unit, such as 500GiB or 2TiB")


def format_size(size: int) -> str:
    """The shortest form that :func:`parse_size` reads back, for what is whole KiB."""
    unit = next((u for u in reversed(_SIZES) if size % _SIZES[u] == 0), "KiB")
    return f"{max(1, size // _SIZES[unit])}{unit}"


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,8}[KMGTP]iB$", "examples": ["500GiB", "2TiB"]}),
]
"""A positive number of bytes such as ``2TiB``."""

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,8}[smhdw]$", "examples": ["90s", "6h", "1d"]}),
]
"""A positive duration such as ``6h``."""
