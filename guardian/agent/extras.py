"""What else answers for an agent while it lives: its metrics. Never in its way: what it cannot do is a problem told."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from guardian import telemetry
from guardian.agent.view import View
from guardian.clock import Clock
from guardian.config.loaded import Loaded
from guardian.model.reason import Reason

if TYPE_CHECKING:
    from guardian.agent.metrics import Metrics


class Extras:
    """Metrics, as the configuration in force wants them. No method raises."""

    def __init__(self, view: View, clock: Clock) -> None:
        """Nothing is served before :meth:`apply`."""
        self._view, self._clock = view, clock
        self._metrics: Metrics | None = None

    def apply(self, loaded: Loaded) -> None:
        """Serve as ``loaded`` says from now on."""
        _guarded(lambda: self._apply(loaded))

    def beat(self) -> None:
        """Once a look."""
        if self._metrics is not None:
            _guarded(self._metrics.write)

    def problems(self) -> tuple[Reason, ...]:
        """What keeps them from being there."""
        return self._metrics.problems() if self._metrics is not None else ()

    def stop(self) -> None:
        """Serve no longer."""
        if self._metrics is not None:
            _guarded(self._metrics.stop)

    def _apply(self, loaded: Loaded) -> None:
        wanted = loaded.config.agent.metrics
        if self._metrics is None:
            if wanted.listen is None and wanted.textfile is None:
                return
            from guardian.agent.metrics import Metrics  # noqa: PLC0415  a host without metrics does not pay for them

            self._metrics = Metrics(self._view.status, self._clock)
        self._metrics.apply(wanted, loaded.base)


def _guarded(act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as fault:  # noqa: BLE001  what shows how things stand must not keep them from being done
        telemetry.unexpected(fault)
