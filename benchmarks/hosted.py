"""A real training in the real program, in a pseudo-terminal: beside a live screen, or with none."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from benchmarks.pty_app import PATIENCE_SECONDS, PtyApp
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store
from lazytrain.presets import Hyperparameters, load_catalogue

LOOK_SECONDS = 0.0005
"""Between two looks into the store: a busy loop would disturb what is measured."""
EPOCHS = 10_000
"""More than anybody waits for."""

Kind = Literal["screen", "headless"]


class Hosted:
    """One run, and the process that trains it."""

    def __init__(self, app: PtyApp, store: Store, run: Run) -> None:
        self.app, self.store, self._id = app, store, run.id

    @property
    def run(self) -> Run:
        """The run as the store has it."""
        return self.store.run(self._id)

    def wait(self, holds: Callable[[Run], bool], what: str) -> float:
        """When (`time.perf_counter`) the store said so. Raises RuntimeError after two minutes."""
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while True:
            if self.store.changed() and holds(self.run):
                return time.perf_counter()
            if time.perf_counter() > deadline or self.app.process.poll() is not None:
                raise RuntimeError(f"waited in vain for {what}: {self.run}\n{self.app.text()[-2000:]}")
            time.sleep(LOOK_SECONDS)  # what is awaited comes from another process

    def pause(self) -> None:
        """Have it pause, and wait until training has confirmed it."""
        self.store.pause(self._id)
        self.wait(lambda run: run.state is State.PAUSED, "the pause")

    def go_on(self) -> None:
        """Have it go on, and wait until training has confirmed it."""
        self.store.resume(self._id)
        self.wait(lambda run: run.state is State.RUNNING, "the run to go on")

    def rate(self, seconds: float, warm_up: float) -> float:
        """Steps a second of training, from its own clock, after a warm-up from now on."""
        began = _trained(self.run)[1]
        marks: list[tuple[int, float]] = []
        for until in (began + warm_up, began + warm_up + seconds):
            self.wait(lambda run, until=until: _trained(run)[1] >= until, f"{until:g} s of training")
            marks.append(_trained(self.run))
        (first, began), (last, ended) = marks
        return (last - first) / (ended - began)


def _trained(run: Run) -> tuple[int, float]:
    """Steps and seconds so far."""
    progress = run.progress
    if progress is None or not progress.step:
        return 0, 0.0
    return progress.step, progress.seconds


@contextmanager
def host(kind: Kind, net: str, dataset: str, data: Path) -> Iterator[Hosted]:
    """A run at batch 4 that has begun to train, on Monitor or in `lazytrain work`; ended and forgotten afterwards."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        values = Hyperparameters(dataset=dataset, epochs=EPOCHS)
        architecture = load_catalogue().architecture(net)
        run = store.add_run(
            RunConfiguration(architecture_name=net, architecture=architecture, hyperparameters=values, device="cpu")
        )
        # As a screen's process is, so that both get the same of the machine.
        (Path(folder) / "settings.toml").write_text("nice = 0\n", encoding="utf-8")
        environment = {"LAZYTRAIN_HOME": folder, "LAZYTRAIN_DATA": str(data)}
        with PtyApp(["-m", "lazytrain", *([] if kind == "screen" else ["work"])], environment=environment) as app:
            hosted = Hosted(app, store, run)
            if kind == "screen":
                app.wait_for("CoolNet")
                app.press("2")
                app.wait_for("accuracy")
            hosted.wait(lambda now: now.state is State.RUNNING and _trained(now)[0] > 0, "the first step")
            yield hosted
            store.stop(run.id)
            hosted.wait(lambda now: now.state.over, "its end")
            if kind == "screen":
                app.press("q")
            app.wait_until(lambda: app.process.poll() is not None, "the end of the process")
