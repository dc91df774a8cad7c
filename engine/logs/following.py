"""Logs are read into a store, as they are and as they grow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lazytrain.engine.logs.batch import Batch, Rewritten, Source
from lazytrain.engine.logs.finding import Finder
from lazytrain.engine.records import State, Wanted
from lazytrain.engine.store.locks import FileLock, LockHeld, touch
from lazytrain.engine.store.log_journal import LogJournal
from lazytrain.engine.store.store import RunNotFound

LIVE_SECONDS = 300.0
"""A run whose logs were written to so lately runs; one that was silent for longer has ended, as far as they tell."""
LOOK_SECONDS = 5.0
LOOK_SHARE = 0.05
"""Of its time it looks for new logs, at most: folders may be large."""
IDLE_SECONDS = 60.0
"""How often the logs of a run that has ended are looked at."""


class FollowedElsewhere(RuntimeError):
    """Another process reads logs into this store."""


@dataclass(slots=True)
class _Followed:
    """A run that is read."""

    source: Source
    run_id: str | None = None
    """None until there is something of it."""
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    state: State | None = None
    changed: float = 0.0
    ended: State | None = None
    lock: FileLock | None = None
    looked: float = 0.0
    trouble: str = ""

    @property
    def position(self) -> dict[str, Any]:
        return self.details.get("position", {})


class Follower:
    """Reads the logs below some folders into a store. Its connection is the thread's own.

    Args:
        mirror: the store holds nothing but these logs: runs whose logs are gone go, too.

    Raises:
        FollowedElsewhere: another process does so.
    """

    def __init__(
        self, journal: LogJournal, roots: list[Path], *, mirror: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._journal, self._clock, self._mirror = journal, clock, mirror
        self._lock = FileLock(journal.lock_path("logs.lock"))
        self._lock.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except LockHeld:
            raise FollowedElsewhere(
                f"another lazytrain reads logs into {journal.home}: wait for it, or end it"
            ) from None
        self.finder = Finder(roots)
        self._followed: dict[str, _Followed] = {}
        self._known = journal.logs()
        self._next_look = 0.0
        self.num_read = 0
        """Values so far."""
        self.num_bytes = 0
        """Of files, so far."""
        self.added: list[str] = []
        """Ids of the runs that are new."""
        self.look()
        if mirror:
            for key, run_id in self._known.items():
                if key not in self._followed:
                    journal.forget(run_id)

    def look(self) -> int:
        """Look for logs that are new, if it is time; how many there are."""
        began = self._clock()
        if began < self._next_look:
            return 0
        new = self.finder.look()
        for source in new:
            followed = _Followed(source)
            run_id = self._known.get(source.key)
            if run_id is not None:
                followed.run_id, followed.details = run_id, self._journal.details(run_id)
            self._followed[source.key] = followed
        now = self._clock()
        self._next_look = now + max(LOOK_SECONDS, (now - began) / LOOK_SHARE)
        return len(new)

    def size(self) -> int:
        """Bytes of all logs."""
        return sum(each.source.size() for each in self._followed.values())

    @property
    def num_runs(self) -> int:
        """How many runs are followed."""
        return len(self._followed)

    def step(self) -> bool:
        """Read one batch of each run, those that were written to last first; whether there is more to read at once."""
        more = False
        for followed in sorted(self._followed.values(), key=lambda each: -each.changed):
            now = self._clock()
            if followed.ended is not None and now - followed.looked < IDLE_SECONDS:
                continue
            try:
                more |= self._read(followed)
            except RunNotFound:
                # Discarded: it doesn't come back while this goes on.
                del self._followed[followed.source.key]
        return more

    def _read(self, followed: _Followed) -> bool:
        if self._is_discarded(followed):
            return False
        followed.looked = self._clock()
        batch: Batch | None = None
        try:
            batch = followed.source.read(followed.position)
            followed.trouble = ""
        except Rewritten:
            if followed.run_id is not None:
                followed.details["position"] = {}
                self._journal.write_log(
                    followed.run_id, {}, followed.details, anew=True, text="its logs were rewritten"
                )
            return True
        except FileNotFoundError:
            pass  # its logs are gone: what was read stays
        except OSError as error:
            if str(error) != followed.trouble and followed.run_id is not None:
                self._journal.say(followed.run_id, f"can't be read now: {error}", "warning")
            followed.trouble = str(error)
        if batch is not None:
            self._write(followed, batch)
        if batch is None or not batch.more:
            self._confirm(followed)
        return batch is not None and batch.more

    def _write(self, followed: _Followed, batch: Batch) -> None:
        source = followed.source
        followed.changed, followed.ended = max(followed.changed, batch.changed), batch.ended or None
        if followed.run_id is None:
            if not batch.series and not batch.config:
                return
            details = {"source": source.key, "format": source.format, "config": {}}
            began = batch.started or batch.changed or self._clock()
            text = f"read from {source.key} ({source.format})"
            run = self._journal.add_log(source.name, project=source.project, details=details, began=began, text=text)
            followed.run_id, followed.details = run.id, details
            self.added.append(run.id)
        followed.details["config"] = {**followed.details.get("config", {}), **batch.config}
        followed.details["position"] = batch.position
        if batch.ended is not None:
            followed.details["ended"] = batch.ended
        refused = self._journal.write_log(
            followed.run_id, batch.series, followed.details, after=batch.after, updated=batch.changed
        )
        self.num_read += batch.num_samples
        self.num_bytes += batch.num_bytes
        for each in (*batch.said, *[str(error) for error in list(refused.values())[:1]]):
            if each not in followed.details.setdefault("said", []):
                followed.details["said"].append(each)
                self._journal.say(followed.run_id, each, "warning")

    def _confirm(self, followed: _Followed) -> None:
        """Set the state that the logs tell, once they are read to their end."""
        if followed.run_id is None:
            return
        if not followed.changed:
            followed.changed = self._journal.run(followed.run_id).updated or 0.0
        now, told = self._clock(), followed.details.get("ended")
        # PyTorch's `add_hparams` says at once that the run ended well: it counts where nothing more comes.
        live = now - followed.changed < LIVE_SECONDS
        state = State.RUNNING if live else State(told or State.FINISHED)
        followed.ended = None if live else state
        if state is not followed.state:
            if live and followed.lock is None:
                followed.lock = self._journal.hold_lock(followed.run_id)
            outcome = "as its logs say" if told else "its logs are no longer written to"
            self._journal.set_log_state(followed.run_id, state, followed.changed, outcome)
            followed.state = state
            if not live:
                self._keep(followed.run_id)
                if followed.lock is not None:
                    followed.lock.release()
                    followed.lock = None
        if followed.lock is not None:
            touch(followed.lock.path, now)

    def _keep(self, run_id: str) -> None:
        """In the run's folder, too; what only mirrors logs can be read from them again."""
        if not self._mirror:
            self._journal.keep_series(run_id)
            self._journal.archive(run_id)

    def _is_discarded(self, followed: _Followed) -> bool:
        if followed.run_id is None or self._journal.wanted(followed.run_id) is not Wanted.DISCARD:
            return False
        if followed.lock is not None:
            followed.lock.release()
        self._journal.forget(followed.run_id)
        raise RunNotFound(followed.run_id)

    def close(self) -> None:
        """Nothing is followed any more: what ran has ended, as far as anybody knows."""
        for followed in self._followed.values():
            if followed.run_id is not None and followed.state is State.RUNNING:
                self._journal.set_log_state(
                    followed.run_id, State.FINISHED, followed.changed, "as far as its logs were read"
                )
                self._keep(followed.run_id)
            if followed.lock is not None:
                followed.lock.release()
        self._lock.release()
