"""Work that may never end, waited for so long and no longer: one part of a page must not keep the others from it."""

import threading
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

T = TypeVar("T")
_Answer = SimpleQueue[tuple[bool, Any]]
SECONDS: Final = 1.0
"""A part of a page takes a few milliseconds; by then it is not coming."""


class Patience:
    """Runs pieces of work one at a time. For one thread at a time.

    What did not end in time is left to itself in its thread, which ends with the process at the latest, and is not
    begun again before it has ended.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        """``seconds`` for each piece of work."""
        self._seconds = seconds
        self._thread: _Worker | None = None
        self._hanging: dict[str, _Worker] = {}

    def run(self, name: str, work: Callable[[], T]) -> T:
        """What ``work`` gives. Raises TimeoutError when it takes too long or still hangs, and what it raises."""
        if (before := self._hanging.get(name)) is not None:
            if before.busy:
                raise TimeoutError(name)
            del self._hanging[name]
        worker, self._thread = self._thread or self._begun(), None
        try:
            good, said = worker.do(work).get(timeout=self._seconds)
        except Empty:
            self._hanging[name] = worker
            worker.end()
            raise TimeoutError(name) from None
        self._thread = worker
        if not good:
            raise said
        return said  # type: ignore[no-any-return]

    def _begun(self) -> "_Worker":
        worker = _Worker()
        weakref.finalize(self, worker.end)
        return worker


class _Worker:
    """One thread, one piece of work after another."""

    def __init__(self) -> None:
        self.busy = False
        self._orders: SimpleQueue[tuple[Callable[[], Any], _Answer] | None] = SimpleQueue()
        threading.Thread(target=self._work, name="metrics-part", daemon=True).start()

    def do(self, work: Callable[[], Any]) -> _Answer:
        """Begin; where the answer comes: whether it came to an end, and what it gave or raised."""
        answer: _Answer = SimpleQueue()
        self.busy = True
        self._orders.put((work, answer))
        return answer

    def end(self) -> None:
        """Take no more work after this."""
        self._orders.put(None)

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            work, answer = order
            try:
                said: tuple[bool, Any] = True, work()
            except Exception as error:  # noqa: BLE001  who asked is told
                said = False, error
            self.busy = False
            answer.put(said)
