"""lazytrain: trains nets, and shows any training in a terminal.

Here stands what a user's own script imports; it imports nothing but the standard library, and what it needs of the rest
when a run begins. In the repository `engine`, `tui` and `presets` are links to the folders at the top; installed, they
are the folders themselves.

    import lazytrain

    lazytrain.init(project="mnist", config={"lr": 0.1})
    for batch in batches:
        lazytrain.log({"train/loss": loss})
    lazytrain.finish()
"""

from __future__ import annotations

TYPE_CHECKING = False  # of `typing`, whose import takes longer than all else here
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, TypeVar

    from lazytrain.engine.tracking.client import Stopped, TrackedRun
    from lazytrain.engine.tracking.opening import CannotBegin
    from lazytrain.engine.tracking.silent import SilentRun

    T = TypeVar("T")

__all__ = [
    "CannotBegin",
    "Stopped",
    "alert",
    "define_metric",
    "finish",
    "init",
    "log",
    "log_artifact",
    "log_code",
    "log_cpu",
    "log_gpu",
    "log_system",
    "login",
    "save",
    "save_at_stop",
    "steps",
    "unwatch",
    "use_artifact",
    "watch",
]

run: TrackedRun | SilentRun | None = None
"""The run that `init` began last, until it is finished."""

_LATER = {
    "Stopped": "lazytrain.engine.tracking.client",
    "CannotBegin": "lazytrain.engine.tracking.opening",
    **dict.fromkeys(
        (
            *("AlertLevel", "Artifact", "Audio", "Histogram", "Html", "Image", "Markdown", "Object3D", "Plotly"),
            *("Settings", "Table", "Video"),
        ),
        "lazytrain.engine.tracking.others",
    ),
}


def init(
    project: str | None = None,
    name: str | None = None,
    config: Any = None,
    group: str | None = None,
    tags: Sequence[str] | str | None = None,
    notes: str | None = None,
    resume: str | bool | None = "never",
    settings: Mapping[str, Any] | None = None,
    *,
    better: Mapping[str, str] | None = None,
    on_stop: str = "flag",
    pauses: bool = True,
    output: bool = True,
    mode: str | None = None,
    home: str | os.PathLike[str] | None = None,
    **others: Any,
) -> TrackedRun | SilentRun:
    """Begin a run; the one before it is finished.

    Of several processes that train together (RANK, SLURM_PROCID, …) the first logs, and the others get a run that does
    nothing.

    Args:
        project: what it belongs to; by default the program's name.
        name: by default the project's; one that is taken gets a number.
        config: what it is begun with: a dict or a namespace; any field is a column and a filter in Compare.
        group: within the project.
        resume: `never`: a new run; `allow`: the newest of that project and name goes on, if there is one; `must`.
        settings: options by name, as the keywords below.
        better: metric → `min` or `max`; guessed from the name where it isn't said.
        on_stop: `flag`: `run.should_stop` says that somebody stopped the run; `raise`: `log` raises `Stopped`.
        pauses: whether `log` waits while the run is paused.
        output: whether what the program prints is kept as the run's log, as well as printed.
        mode: `disabled`: nothing is kept.
        home: the folder of the run store (LAZYTRAIN_HOME).
        others: what other trackers take; left out, and said so.

    Raises:
        CannotBegin: `resume` finds no run, or another process has it.
        StoreError: the store can't be opened.
    """
    from lazytrain.engine.tracking.opening import begin, warn

    global run  # noqa: PLW0603  the run of this process, as wandb and trackio have one
    finish()
    given = {"better": better, "on_stop": on_stop, "pauses": pauses, "output": output, "mode": mode, "home": home}
    known = {key: each for key, each in (settings or {}).items() if key in given}
    unknown = sorted({*others, *((settings or {}).keys() - known.keys())})
    if unknown:
        warn(f"init: {', '.join(unknown)} {'has' if len(unknown) == 1 else 'have'} no meaning here, and is left out")
    options: dict[str, Any] = given | known
    run = begin(
        project=project, name=name, config=config, group=group, tags=tags, notes=notes, resume=resume, **options
    )
    _watch_the_end()
    return run


def log(values: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """Add a value to each of the named series of the run. See `TrackedRun.log`."""
    if run is None:
        raise RuntimeError("lazytrain.log: call lazytrain.init() first")
    run.log(values, step, commit)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the run, after what was logged is written."""
    global run
    ending, run = run, None
    if ending is not None:
        ending.finish(exit_code, quiet)


def define_metric(name: str, step_metric: str | None = None, **more: Any) -> None:
    """Say how a metric is drawn and summed up. See `TrackedRun.define_metric`."""
    if run is not None:
        run.define_metric(name, step_metric, **more)


def alert(title: str, text: str = "", level: Any = "info", **more: Any) -> None:
    """Say something of importance in the run's log."""
    if run is not None:
        run.alert(title, text, level, **more)


def steps(batches: Iterable[T], total: int | None = None) -> Iterator[T]:
    """Go through `batches` with progress for the screen, pauses and stops. See `TrackedRun.steps`."""
    return run.steps(batches, total) if run is not None else iter(batches)


def save_at_stop(act: Any) -> None:
    """Have `act` called before a stop. See `TrackedRun.save_at_stop`."""
    if run is not None:
        run.save_at_stop(act)


def login(*_: Any, **__: Any) -> bool:
    """Nothing: there is nobody to log in to. For scripts that do."""
    return True


def watch(*_: Any, **__: Any) -> None:
    """Nothing yet: gradients aren't logged by themselves. For scripts that ask for it."""


def save(*_: Any, **__: Any) -> None:
    """Nothing: files stay where they are. For scripts that have them sent."""


log_artifact = log_code = log_cpu = log_gpu = log_system = unwatch = use_artifact = save


def __getattr__(name: str) -> Any:
    if name in ("config", "summary"):
        if run is None:
            raise AttributeError(f"lazytrain.{name}: call lazytrain.init() first")
        return getattr(run, name)
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'lazytrain' has no attribute {name!r}")


_watched = False


def _watch_the_end() -> None:
    """Have the run ended with the program: failed with its last line where an exception ends it."""
    global _watched  # noqa: PLW0603
    if _watched:
        return
    _watched = True
    import atexit
    import sys
    import threading
    from types import TracebackType
    from typing import NoReturn

    told, leave = sys.excepthook, sys.exit
    code_of: Any = vars(SystemExit)["code"]
    codes: list[Any] = []

    class Leaving(SystemExit):
        """What `sys.exit` raises. The interpreter asks for its code, with nobody who calls, where nothing caught it:
        no one else learns the exit code before the end."""

        @property
        def code(self) -> Any:
            code = code_of.__get__(self)
            try:
                sys._getframe(1)
            except ValueError:
                codes.append(code)
            return code

        @code.setter
        def code(self, code: Any) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  a property is one too
            code_of.__set__(self, code)

    Leaving.__name__ = Leaving.__qualname__ = "SystemExit"

    def note_code(code: Any = None, /) -> NoReturn:
        if threading.current_thread() is threading.main_thread():
            raise Leaving(code) if code is not None else Leaving
        leave(code)

    def end() -> None:
        global run
        ending, run = run, None
        if ending is not None:
            code = codes[-1] if codes else None
            # What isn't a number Python prints, and the exit code is 1.
            words = None if code is None or isinstance(code, int) else str(code)
            ending.finish(code if words is None else None, error=words)

    def note(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        global run
        ending, run = run, None
        if ending is not None:
            ending.__exit__(kind, error, trace)
        told(kind, error, trace)

    sys.excepthook, sys.exit = note, note_code
    atexit.register(end)
