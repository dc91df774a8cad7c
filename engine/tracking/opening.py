"""How a script's run begins: `lazytrain.init`."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lazytrain.engine.places import find_home
from lazytrain.engine.records import Run
from lazytrain.engine.store.locks import LOGGING_LOCK, FileLock, LockHeld
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.store import NotPossible, RunNotFound
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.engine.tracking.client import TrackedRun
from lazytrain.engine.tracking.silent import SilentRun
from lazytrain.engine.tracking.values import as_mapping, plain, rank
from lazytrain.engine.tracking.writer import warn

Resume = Literal["never", "allow", "must"]
OFF = ("disabled", "off")
COMMAND_RUN = "LAZYTRAIN_RUN"
"""The id of the run that a command was started for."""


class CannotBegin(RuntimeError):
    """The run can't begin; the message says why, and what to do."""


def begin(
    *,
    project: str | None,
    name: str | None,
    config: Any,
    group: str | None,
    tags: Sequence[str] | str | None,
    notes: str | None,
    resume: str | bool | None,
    better: Mapping[str, str] | None,
    on_stop: str,
    pauses: bool,
    output: bool,
    mode: str | None,
    home: str | os.PathLike[str] | None,
) -> TrackedRun | SilentRun:
    """Begin a run, or go on with one. See `lazytrain.init`. Raises CannotBegin, and what the store raises."""
    values = plain(as_mapping(config))
    if rank() != 0 or (mode or os.environ.get("LAZYTRAIN_MODE", "")) in OFF:
        return SilentRun(values, on_stop)
    how = _read_resume(resume)
    place = find_home(None if home is None else Path(home))
    project = project or os.environ.get("LAZYTRAIN_PROJECT") or _script_name()
    command = _command()
    details: dict[str, Any] = {
        "config": values,
        "command": command,
        "folder": os.getcwd(),  # noqa: PTH109  as it is told
        "host": platform.node(),
        "process": os.getpid(),
        "python": platform.python_version(),
    }
    if better:
        details["metrics"] = {
            each: {"goal": {"min": "minimize", "max": "maximize"}.get(way, way)} for each, way in better.items()
        }
    with ScriptJournal(place) as journal:
        labels = {
            "group": group or "",
            "tags": [tags] if isinstance(tags, str) else list(tags or ()),
            "note": notes or "",
        }
        adopted = _adopt(journal, how, project, details, labels, on_stop, pauses=pauses)
        if adopted is not None:
            return adopted
        before = None if how == "never" else _find(journal, project, name)
        if before is None:
            if how == "must":
                raise CannotBegin(
                    f"resume='must': there is no run {name or ''!r} in project {project!r}; `lazytrain runs` lists them"
                )
            run = journal.add_script(
                name or project,
                project=project,
                details=details,
                **labels,
            )
            lock = _lock(journal, run)
            return TrackedRun(place, run, lock, details, on_stop=on_stop, pauses=pauses, output=output)
        lock = _lock(journal, before)
        try:
            run = journal.continue_script(before.id)
        except (NotPossible, RunNotFound) as error:
            lock.release()
            raise CannotBegin(str(error)) from None
        try:
            kept = journal.details(run.id)
        except RunUnreadable as error:
            warn(f"{error}; what this program gives takes their place")
            kept = {}
        details = {**kept, **details, "config": {**kept.get("config", {}), **values}}
        metrics = journal.metrics(run.id)
        first = max((metric.highest_step + 1 for metric in metrics), default=0)
        return TrackedRun(
            place,
            run,
            lock,
            details,
            first_step=first,
            seconds=run.seconds,
            on_stop=on_stop,
            pauses=pauses,
            output=output,
        )


def _adopt(
    journal: ScriptJournal,
    how: Resume,
    project: str,
    details: dict[str, Any],
    labels: dict[str, Any],
    on_stop: str,
    *,
    pauses: bool,
) -> TrackedRun | None:
    """The run of the command that this program is, or a part of: lazytrain started it. None if there is none to take.

    Of the programs that a command starts, and the runs that one begins, the first logs to the command's run.
    """
    run_id = os.environ.get(COMMAND_RUN)
    if not run_id:
        return None
    lock = FileLock(journal.run_folder(run_id) / LOGGING_LOCK)
    try:
        if not lock.path.parent.is_dir():
            return None
        lock.acquire()
    except LockHeld:
        return None
    try:
        run = journal.adopt_command(run_id, goes_on=how != "never", waits=pauses, project=project, **labels)
    except (NotPossible, RunNotFound):
        lock.release()
        return None
    kept = journal.details(run.id)
    metrics = journal.metrics(run.id)
    own = {key: each for key, each in details.items() if key in ("python", "metrics")}
    own["config"] = {**kept.get("config", {}), **details["config"]}
    own["summary"] = kept.get("summary", {}) if metrics else {}
    first = max((metric.highest_step + 1 for metric in metrics), default=0)
    seconds = run.seconds if metrics else 0.0
    return TrackedRun(
        *(journal.home, run, lock, own),
        first_step=first,
        seconds=seconds,
        on_stop=on_stop,
        pauses=pauses,
        adopted=True,
    )


def _lock(journal: ScriptJournal, run: Run) -> FileLock:
    lock = FileLock(journal.run_folder(run.id) / "lock")
    lock.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire()
    except LockHeld:
        raise CannotBegin(f"{run.shown_name}: another process logs to it") from None
    return lock


def _find(journal: ScriptJournal, project: str, name: str | None) -> Run | None:
    return journal.find_script(project, name or project)


def _read_resume(resume: str | bool | None) -> Resume:
    match resume:
        case None | False | "never":
            return "never"
        case True | "allow" | "auto":
            return "allow"
        case "must":
            return "must"
        case _:
            raise CannotBegin(f"resume={resume!r}: it is 'never', 'allow' or 'must'")


def _script_name() -> str:
    """What the program is called: its file without `.py`, or `notebook`, `python`."""
    if "ipykernel" in sys.modules:
        return "notebook"
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] not in ("", "-c", "-m") else None
    return (path.stem if path is not None and path.stem != "__main__" else path.parent.name if path else "") or "python"


def _command() -> str:
    return shlex.join([Path(sys.executable or "python").name, *sys.argv])[:2000]


__all__ = ["CannotBegin", "begin", "warn"]
