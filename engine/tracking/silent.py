"""A run of processes that train together, in those of them that log nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

from lazytrain.engine.tracking.client import Stopped
from lazytrain.engine.tracking.kept import Kept
from lazytrain.engine.tracking.others import Nothing
from lazytrain.engine.tracking.together import Together

T = TypeVar("T")


class SilentRun(Nothing):
    """Of the processes that train together one logs; in the others nothing is kept, and a stop comes by way of it."""

    silent = True
    id = name = project = group = ""

    def __init__(self, config: Mapping[str, Any], on_stop: str = "flag") -> None:
        self._together = Together(leads=False)
        self._on_stop = on_stop
        self._before_stop: list[Callable[[], object]] = []
        self.config = Kept(config, lambda: None)
        self.summary = Kept({}, lambda: None)

    def log(self, values: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """Nothing."""

    def define_metric(self, name: str, *_: Any, **__: Any) -> None:
        """Nothing."""

    def alert(self, title: str, text: str = "", level: Any = "info", **_: Any) -> None:
        """Nothing."""

    @property
    def should_stop(self) -> bool:
        """As in the process that logs, where torch.distributed joins them; else False."""
        leave = self._together.active() and self._together.agree("asks", bool)
        if leave:
            self._save()
        return leave

    def _save(self) -> None:
        while self._before_stop:
            self._before_stop.pop(0)()

    def save_at_stop(self, act: Callable[[], object]) -> None:
        """Have `act` called once, as all leave together: saving what is spread over devices takes all of them."""
        self._before_stop.append(act)

    def steps(self, batches: Iterable[T], total: int | None = None) -> Iterator[T]:
        """The batches; it ends where it does in the process that logs."""
        for batch in batches:
            if self._together.active() and self._together.agree("steps", bool):
                self._save()
                if self._on_stop == "raise":
                    raise Stopped("the run was stopped")
                return
            yield batch

    def progress(self, done: int, total: int | None = None) -> bool:
        """True: who logs is told."""
        return True

    def finish(self, exit_code: int | None = None, quiet: bool | None = None, *, error: str | None = None) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
