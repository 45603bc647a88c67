"""A secret in memory: it never prints itself."""

from typing import Final


class Secret:
    """Bytes that show as ``***`` wherever they are printed, formatted or logged by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value: Final = value

    def reveal(self) -> bytes:
        """The bytes themselves: only for the pipe or the descriptor that needs them."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type, tuple[bytes]]:
        raise TypeError("a secret is not pickled")
