"""A farm: reading that a drill gives to many machines by Dask, through the interface of ``concurrent.futures``.

Packs of D2, chunks and files of D3 go to the workers; everything else (the walk over the trees, what is read of a
shadow with planted faults) stays here. What comes back is what threads would have found, by the same code. A worker
that is lost costs time: Dask gives its tasks to others. A task that nobody could do is no pass: it raises WorkerLost,
and what it was to read could not be verified.
"""

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, cast

from guardian.decoder.blobs import Blobs
from guardian.decoder.content import verify_one
from guardian.decoder.index import Index, Pack
from guardian.decoder.packs import PackReport
from guardian.decoder.places import DATA
from guardian.decoder.repository import Loaded
from guardian.decoder.trees import Node as TreeNode
from guardian.drill import reading, task
from guardian.drill.job import Opened
from guardian.drill.task import Answer, At, Task, Told
from guardian.errors import Interrupted, StorageRefused, StorageUnreachable, ToolMissing, Unavailable
from guardian.i18n import _
from guardian.model.events import Notice
from guardian.model.reader import Reader
from guardian.node import Node

if TYPE_CHECKING:
    from distributed import Client

P = ParamSpec("P")
R = TypeVar("R")

CONNECT_SECONDS = 10.0
"""How long scheduler and first worker are waited for."""
PATIENCE = 60.0
"""Seconds without any worker after which the rest is given up."""
_RETRIES = 3
_LOOK = 0.5
_MOST_CHUNKS = 20_000
"""A file of more chunks is read here: telling where they lie would be a message of many MiB."""


class WorkerLost(StorageUnreachable):
    """No worker of the farm could do a task."""

    code: ClassVar[str] = "worker-lost"


@dataclass(frozen=True, slots=True)
class Farms:
    """Where the farm is: the scheduler's address, and the configuration its workers read, each on its own machine."""

    scheduler: str
    config: str | None


class Farm(Executor):
    """An executor that sends what workers can do to them, and does the rest in threads of its own."""

    def __init__(self, client: "Client", node: Node, config: str | None) -> None:
        self._client, self._node, self._config = client, node, config
        self._threads = ThreadPoolExecutor(os.cpu_count(), "farm")
        self._at: At | None = None
        self._reader: Reader | None = None
        self._far: Executor = self._threads
        self._waiting: set[_Far] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_after, name="farm-watch", daemon=True)
        self.width = 0
        """Tasks that are worth having under way at once."""

    def serve(self, opened: Opened) -> None:
        """From now on it is this repository that is read. Every worker opens it first; those that cannot are said.

        Raises WorkerLost when none can.
        """
        if opened.reader is None:
            return
        at = At(self._config, opened.key, opened.repository_id)
        fit = self._fit(at)
        threads = {name: worker["nthreads"] for name, worker in self._workers().items()}
        self.width = 2 * sum(threads.get(name, 1) for name in fit)
        everyone = len(fit) == len(threads)
        # Unfit workers would fail quickly, and be given ever more tasks for it.
        chosen: dict[str, Any] = {} if everyone else {"workers": fit}
        self._far = self._client.get_executor(pure=False, retries=_RETRIES, **chosen)  # type: ignore[no-untyped-call]
        self._at, self._reader = at, opened.reader
        if not self._watch.is_alive():
            self._watch.start()

    @property
    def tools(self) -> dict[str, str]:
        """What is worth saying in the evidence: who else read."""
        from importlib.metadata import version  # noqa: PLC0415

        return {"dask": f"{version('distributed')}, {len(self._workers())} workers"}

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        """As every executor."""
        sent = self._as_task(fn, args)
        if sent is None:
            return self._threads.submit(fn, *args, **kwargs)
        far: _Far = _Far(sent)
        with self._lock:
            self._waiting.add(far)
        far.add_done_callback(self._forget)
        try:
            far.follow(self._far.submit(task.run, sent))
        except Exception as error:  # noqa: BLE001  the scheduler is gone: what it says is of any kind
            far.fail(_lost(error))
        return cast("Future[R]", far)  # the answer is what fn would have returned

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads and the watch; the workers live on."""
        self._over.set()
        self._fail_all(lambda: WorkerLost(_("the farm was left")))
        self._threads.shutdown(wait, cancel_futures=cancel_futures)

    # what is sent

    def _as_task(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Task | None:
        if self._at is None or fn not in (verify_one, reading.chunk, reading.whole):
            return None
        whole, what = args
        blobs: Blobs = whole.data if isinstance(whole, Loaded) else whole
        if blobs.reader is not self._reader:
            return None  # a shadow: its faults are nowhere but here
        if isinstance(what, Pack):
            told = ((what.id, what.size, tuple(blobs.index.places(what))),)
            return Task(self._at, "pack", what.id, told)
        if isinstance(what, TreeNode):
            if len(what.content) > 32 * _MOST_CHUNKS:
                return None
            return Task(self._at, "file", what, _told(blobs.index, what.chunks))
        return Task(self._at, "chunk", what, _told(blobs.index, [what]))

    def _fit(self, at: At) -> list[str]:
        said = self._client.run(task.fitness, at, on_error="return")
        fit, unfit = [], []
        for name, why in sorted(said.items()):
            if why == "":
                fit.append(name)
            else:
                unfit.append(why if isinstance(why, str) else f"{type(why).__name__}: {why}")
        for why in dict.fromkeys(unfit[:5]):
            self._node.report(Notice(_("a worker of the farm cannot take part: {why}").format(why=why[:300])))
        if not fit:
            raise WorkerLost(
                _("no worker of the farm can read the repository: {why}").format(why=unfit[0][:300] if unfit else "-"),
                _("Each needs this version of Guardian and a configuration of its own that names the repository."),
            )
        return fit

    # what comes back, or does not

    def _look_after(self) -> None:
        """Nobody who waits for the farm can be interrupted, and a farm without workers never answers: see to both."""
        alone = 0.0
        while not self._over.wait(_LOOK):
            if self._node.stop.requested:
                self._fail_all(lambda: Interrupted(_("interrupted")))
            alone = 0.0 if self._workers() else alone + _LOOK
            if self._client.status not in ("running", "connecting") or alone > PATIENCE:
                self._fail_all(lambda: WorkerLost(_("the farm has no workers any more")))

    def _workers(self) -> dict[str, Any]:
        try:
            return dict(self._client.scheduler_info(n_workers=-1)["workers"])
        except Exception:  # noqa: BLE001  a scheduler that is gone has none
            return {}

    def _forget(self, far: "Future[Any]") -> None:
        with self._lock:
            self._waiting.discard(cast("_Far", far))

    def _fail_all(self, why: Callable[[], Exception]) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for far in waiting:
            far.fail(why())


class _Far(Future[Any]):
    """What a worker is asked for. Its answer is doubted before it is anybody's result."""

    def __init__(self, sent: Task) -> None:
        super().__init__()
        self._sent = sent
        self._inner: Future[Any] | None = None

    def follow(self, inner: "Future[Any]") -> None:
        """Take what ``inner`` gives."""
        self._inner = inner
        inner.add_done_callback(self._take)

    def cancel(self) -> bool:
        """Nobody needs it any more."""
        done = super().cancel()
        if self._inner is not None:
            self._inner.cancel()
        return done

    def fail(self, error: Exception) -> None:
        """Give it up."""
        try:
            self.set_exception(error)
        except InvalidStateError:
            pass  # it was answered meanwhile, or nobody waits for it

    def _take(self, inner: "Future[Any]") -> None:
        try:
            result = _believed(inner.result(), self._sent)
        except BaseException as error:  # noqa: BLE001  a lost worker comes as anything, a cancelled task as no Exception
            known = isinstance(error, StorageUnreachable | StorageRefused)
            self.fail(error if isinstance(error, Exception) and known else _lost(error))
            return
        try:
            self.set_result(result)
        except InvalidStateError:
            pass


def _believed(answer: Any, sent: Task) -> PackReport | reading.Read:
    """The answer, if it can be one to what was ``sent``. Raises WorkerLost, and the storage's own no."""
    if not isinstance(answer, Answer):
        raise WorkerLost(_("a worker of the farm gave an answer that cannot be used"))
    if answer.code:
        kind = StorageRefused if answer.code == StorageRefused.code else StorageUnreachable
        raise kind(answer.message, answer.hint)
    result = answer.result
    if sent.kind == "pack" and isinstance(result, PackReport) and result.pack == sent.told[0][0].hex():
        return result
    if sent.kind != "pack" and isinstance(result, reading.Read):
        return result
    raise WorkerLost(_("a worker of the farm gave an answer that cannot be used"))


def _lost(error: BaseException) -> WorkerLost:
    words = f"{type(error).__name__}: {error}"[:300]
    return WorkerLost(_("no worker of the farm could do it: {why}").format(why=words))


def _told(index: Index, chunks: Iterable[bytes]) -> tuple[Told, ...]:
    """Every copy of each of ``chunks``, in the index's own order."""
    told: list[Told] = []
    for chunk in dict.fromkeys(chunks):
        for entry in index.entries(DATA, chunk):
            pack = index.pack_of(entry)
            told.append((pack.id, pack.size, (index.place(entry),)))
    return tuple(told)


@contextmanager
def opened(node: Node, where: Farms) -> Iterator[Farm]:
    """The farm, with at least one worker. Raises ToolMissing, Unavailable."""
    try:
        from distributed import Client  # noqa: PLC0415  optional and heavy
    except ImportError:
        raise ToolMissing(
            _("Dask is not installed here"), _("Install Guardian with it: pip install 'guardian-dr[dask]'.")
        ) from None
    # What it has to say is an outcome here; its own log is for those who run the farm.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = Client(where.scheduler, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001  each transport of Dask's raises its own
        raise Unavailable(
            _("the scheduler {address} cannot be reached: {why}").format(
                address=where.scheduler, why=f"{type(error).__name__}: {error}"[:300]
            ),
            _("Look whether 'dask scheduler' runs there, and whether it wants TLS."),
        ) from None
    try:
        _wait_for_one(client, where.scheduler)
        with Farm(client, node, where.config) as farm:
            yield farm
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client.close(timeout=5)  # type: ignore[no-untyped-call]


def _wait_for_one(client: "Client", address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        raise Unavailable(
            _("the farm at {address} has no workers").format(address=address), _("Start some: dask worker ADDRESS.")
        ) from None
