"""An end to every question: what answers a byte at a time never lets a socket's own time limit run out."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")

LEAST_RATE = 8192
"""Bytes a second below which an answer counts as none: a tenth of what a bad line brings."""


def within(seconds: float, ask: Callable[[], T]) -> T:
    """``ask()``, with what it returns or raises. Raises TimeoutError when that takes longer than ``seconds``.

    It is asked in a thread that nobody waits for any longer then.
    """
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((ask(), None))
        except BaseException as error:  # noqa: BLE001  it is raised again where it is waited for
            answers.put((None, error))

    threading.Thread(target=run, name="storage-answer", daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        try:
            raise error
        finally:
            del error  # it holds this frame: without a circle, what it keeps open goes when it does
    return answer  # type: ignore[return-value]  # None only where T has it


def flowing(seconds: float, ask: Callable[[], Generator[T, None, None]]) -> Iterator[T]:
    """What ``ask()`` yields, asked for one ahead, with what it raises. Raises TimeoutError when the next is late.

    It runs, and is closed, in a thread that nobody waits for: also when the caller breaks off.
    """
    coming: queue.SimpleQueue[tuple[T | None, BaseException | None, bool]] = queue.SimpleQueue()
    room, gone = threading.Semaphore(2), threading.Event()

    def run() -> None:
        try:
            with closing(ask()) as pieces:
                for piece in pieces:
                    room.acquire()
                    if gone.is_set():
                        return
                    coming.put((piece, None, False))
            coming.put((None, None, True))
        except BaseException as error:  # noqa: BLE001  it is raised again where it is waited for
            coming.put((None, error, True))

    threading.Thread(target=run, name="storage-stream", daemon=True).start()
    try:
        while True:
            try:
                piece, error, last = coming.get(timeout=seconds)
            except queue.Empty:
                raise TimeoutError from None
            if error is not None:
                try:
                    raise error
                finally:
                    del error
            if last:
                return
            room.release()
            yield piece  # type: ignore[misc]  # None only where T has it
    finally:
        gone.set()
        room.release()
