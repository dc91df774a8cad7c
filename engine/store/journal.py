"""What training writes into the run store. One `Journal` a runner; every method is one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.errors import encodable
from lazytrain.engine.events import POINT_FORMAT, EpochRecord, Point, Progress, RunStarted
from lazytrain.engine.places import make_folder
from lazytrain.engine.records import ACTIVE, Kind, Message, Run, RunnerRecord, State, Wanted, epoch_columns
from lazytrain.engine.store.archive import RUN, read_history
from lazytrain.engine.store.database import durable, transaction
from lazytrain.engine.store.figures import add_confusion, add_epoch, append_points, take_back_points
from lazytrain.engine.store.generations import newest_step
from lazytrain.engine.store.locks import FileLock, LockHeld
from lazytrain.engine.store.rebuild import add_curve, add_from_folder
from lazytrain.engine.store.series import Sample, append_samples, take_back
from lazytrain.engine.store.store import RunNotFound, Store

if TYPE_CHECKING:
    from lazytrain.engine.configuration import RunConfiguration

QUESTION_SECONDS = 120.0
"""A question older than this is nobody's any more: its asker would have asked again."""
MISSING_SECONDS = 0.5
"""A trainer looks ten times as often whether its lock is there."""
MAX_ATTEMPTS = 3
"""So many deaths of a run's process without getting further, and it has failed: it may well be the cause."""


class Journal(Store):
    """A store with the pen in hand: for the runner alone, which looks after a damaged one itself."""

    mends = False

    # ── a run's life ───────────────────────────────────────────────────────────────────────────────────────

    def queued(self) -> list[str]:
        """Ids of the queued runs, in the queue's order."""
        rows = self.connection.execute("SELECT id FROM runs WHERE state = ? ORDER BY position, rowid", (State.QUEUED,))
        return [row["id"] for row in rows]

    def claim(self, run_id: str, by: str | None = None) -> Run | None:
        """Take a queued run for training, its lock in hand; None if it is queued no more.

        `by`: who takes it, for the run's log.
        """
        now = self.clock()
        with transaction(self.connection):
            taken = self.connection.execute(
                "UPDATE runs SET state = ?, wanted = ?, updated = ?, started = coalesce(started, ?), progress = NULL,"
                " error = NULL WHERE id = ? AND state = ?",
                (State.STARTING, Wanted.RUN, now, now, run_id, State.QUEUED),
            ).rowcount
            if taken and by is not None:
                self._say(run_id, f"taken up by {by}")
        if not taken:
            return None
        self.archive(run_id)
        return self.run(run_id)

    def recover(self, ends: Mapping[str, str] | None = None, but: Collection[str] = ()) -> list[Run]:
        """Queue runs whose trainer died in front, or end them if that was wanted; returns them as they stand now.

        A trainer's life is the lock on its run, never a process id.

        Args:
            ends: run id → how its process ended, of those where that is known.
            but: ids of runs to leave: of a process that has ended just now, how it ended will be known in a moment.
        """
        recovered: list[Run] = []
        for run in (run for run in self.runs() if run.state in ACTIVE and run.id not in but):
            lock = FileLock(self.run_folder(run.id) / "lock")
            make_folder(lock.path.parent, 2)
            missing = not lock.path.exists()
            try:
                if missing:
                    # Deleted under a trainer that lives, it is made anew by that at once.
                    time.sleep(MISSING_SECONDS)
                lock.acquire()
            except LockHeld:
                continue
            try:
                with transaction(self.connection):
                    run = self.run(run.id)  # noqa: PLW2901  as it is now that its lock is ours
                    if run.state not in ACTIVE:
                        continue
                    self._take_up(run, (ends or {}).get(run.id))
                if run.wanted is Wanted.DISCARD:
                    self.remove_folder(run.id)
                else:
                    recovered.append(self.run(run.id))
            except RunNotFound:
                continue
            finally:
                lock.release()
        return recovered

    def adopt(self, run_id: str) -> bool:
        """Have the run that was trained here go on in the store that stands in the place of another.

        Of one that the store doesn't know its folder tells. Returns whether it is known now.
        """
        with transaction(self.connection):
            if self.connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
                run = self.run(run_id)
                if run.state in ACTIVE and run.wanted is not Wanted.DISCARD:
                    self._carry_over(run)
                return True
            if add_from_folder(self.connection, self.run_folder(run_id)) is None:
                return False
            self._say(run_id, "taken up from its folder: the run store was replaced by one without it", "warning")
        return True

    def take_in(self, run_id: str, log: Iterable[Message], series: Mapping[str, Iterable[Sample]], text: str) -> bool:
        """Add a run of another store from its folder, with its log and its series; `text` says in its log where from.

        Returns whether that could be done: a folder may hold what no store takes.
        """
        with transaction(self.connection):
            if add_from_folder(self.connection, self.run_folder(run_id)) is None:
                return False
            append_samples(self.connection, run_id, series)
            self.connection.executemany(
                "INSERT INTO messages (run_id, time, level, text) VALUES (?, ?, ?, ?)",
                [(run_id, each.time, each.level, encodable(each.text)) for each in log],
            )
            self._say(run_id, text)
        return True

    def refill(self, run_id: str, step: int, epoch: int) -> bool:
        """Take the curve from the run's folder, if the store has less of it than a checkpoint at `step` goes on from.

        An older copy of the store that was put in its place has. Returns whether it was so.
        """
        run = self.run(run_id)
        packed, epochs = read_history(self.run_folder(run_id))
        size = POINT_FORMAT.size
        steps = (POINT_FORMAT.unpack_from(packed, start)[0] for start in range(0, len(packed), size))
        there = sum(each <= step for each in steps)
        if run.num_points >= there and run.epoch >= min(epoch, len(epochs)):
            return False
        with transaction(self.connection):
            count = add_curve(self.connection, run_id, self.run_folder(run_id))
            self._set(run_id, num_points=count, **epoch_columns(self.epochs(run_id)))
            self._say(run_id, "the store had less of its curve than its folder, which counts", "warning")
        return True

    def complete_archives(self) -> None:
        """Keep the line of every run whose folder has none: made by an older lazytrain, or while the disk was full."""
        for run in self.runs():
            if not (self.run_folder(run.id) / RUN).exists():
                self.archive(run.id)

    def confirm(self, run_id: str, state: State, text: str | None = None, **columns: Any) -> None:
        """Set the state that training has reached, and other columns with it; `text` is for the run's log."""
        with transaction(self.connection):
            self._set(run_id, state=state, updated=self.clock(), **columns)
            if text is not None:
                self._say(run_id, text)

    def hold(self, run_id: str, reason: str) -> None:
        """The run is paused, not by a person but by the disk, the hour or the battery."""
        with transaction(self.connection):
            self._set(run_id, state=State.PAUSED, error=reason, updated=self.clock())
            self._say(run_id, f"paused: {reason}; it goes on by itself", "warning")

    def wait_for(self, run_id: str, reason: str | None) -> None:
        """What keeps a queued run from its turn; None: nothing any more."""
        with transaction(self.connection):
            self.connection.execute(
                "UPDATE runs SET error = ? WHERE id = ? AND state = ?", (reason, run_id, State.QUEUED)
            )

    def go_on(self, run_id: str, state: State, text: str = "goes on: it can be stored again") -> None:
        """What held a run by itself is over."""
        with transaction(self.connection):
            self._set(run_id, state=state, error=None, updated=self.clock())
            self._say(run_id, text)

    def allow(self, run_id: str) -> None:
        """The run may be trained by the settings too: what a person wanted in spite of them counts no longer."""
        with transaction(self.connection):
            self.connection.execute(
                "UPDATE runs SET wanted = ? WHERE id = ? AND wanted = ?", (Wanted.RUN, run_id, Wanted.ANYWAY)
            )

    def divide(self, run_id: str, micro_batches: int, reason: str) -> None:
        """Each batch is computed in so many parts from now on."""
        with transaction(self.connection):
            self._set(run_id, micro_batches=micro_batches)
            self._say(run_id, reason, "warning")

    def reconfigure(self, run_id: str, configuration: RunConfiguration) -> None:
        """Change what the run is known by: what it refers to isn't what was there when it was queued."""
        with transaction(self.connection):
            self._set(run_id, configuration=configuration.model_dump_json())

    def sync(self, run_id: str) -> None:
        """Wait until all that was written so far is on the disk itself, where a power cut can't take it."""
        with durable(self.connection), transaction(self.connection):
            self._set(run_id, updated=self.clock())

    def begin(
        self,
        run_id: str,
        started: RunStarted,
        device_reason: str,
        versions: str | None = None,
        text: str | None = None,
    ) -> None:
        """The run trains from step `started.step` on; `text` is for its log."""
        with transaction(self.connection):
            self._set(
                run_id,
                state=State.RUNNING,
                num_epochs=started.num_epochs,
                num_steps=started.num_steps,
                step=started.step,
                path=started.path,
                device=started.device,
                device_reason=device_reason,
                threads=started.threads,
                versions=versions,
                updated=self.clock(),
            )
            if text is not None:
                self._say(run_id, text)

    def end(
        self, run_id: str, state: State, *, outcome: str | None = None, error: str | None = None, **columns: Any
    ) -> None:
        """The run is over: finished, stopped or failed; `columns` are set with it.

        If it was discarded in its last moment it is gone: nobody else would see to that now.
        """
        now = self.clock()
        with transaction(self.connection):
            if self.wanted(run_id) is Wanted.DISCARD:
                self.connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))
                return
            ended = {"ended": now, "updated": now, "outcome": outcome, "error": error, "progress": None}
            self._set(run_id, state=state, **ended, **columns)
            level = "error" if state is State.FAILED else "info"
            detail = error or outcome
            self._say(run_id, f"{state}: {detail}" if detail else str(state), level)
        self.archive(run_id)

    def forget(self, run_id: str) -> None:
        """Delete a run that its trainer has left because it was discarded."""
        with transaction(self.connection):
            self.connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))
        self.remove_folder(run_id)

    def wanted(self, run_id: str) -> Wanted:
        """What clients want of the run now; a run that is gone counts as discarded."""
        row = self.connection.execute("SELECT wanted FROM runs WHERE id = ?", (run_id,)).fetchone()
        return Wanted.DISCARD if row is None else _wanted(row["wanted"])

    def wanted_of_active(self) -> dict[str, Wanted]:
        """As `wanted`, of every run that is trained: id → what clients want of it."""
        states = ", ".join("?" * len(ACTIVE))
        rows = self.connection.execute(f"SELECT id, wanted FROM runs WHERE state IN ({states})", tuple(ACTIVE))
        return {row["id"]: _wanted(row["wanted"]) for row in rows}

    def note_weights(self, run_id: str, digest: str, text: str | None = None, level: str = "info") -> None:
        """The newest checkpoint holds weights of this SHA-256; `text` is for the run's log."""
        with transaction(self.connection):
            self._set(run_id, weights_sha256=digest)
            if text is not None:
                self._say(run_id, text, level)

    def say(self, run_id: str, text: str, level: str = "info") -> None:
        """Add a line to the run's log."""
        with transaction(self.connection):
            self._say(run_id, text, level)

    def say_all(self, run_id: str, texts: Iterable[str]) -> None:
        """Add lines to the run's log, all or none. Raises RunNotFound."""
        with transaction(self.connection):
            self.run(run_id)
            for text in texts:
                self._say(run_id, text)

    # ── figures ────────────────────────────────────────────────────────────────────────────────────────────

    def write(
        self,
        run_id: str,
        *,
        points: Iterable[Point] = (),
        progress: Progress | None = None,
        record: EpochRecord | None = None,
        best: bool = False,
        confusion: Confusion | None = None,
        series: Mapping[str, Iterable[Sample]] | None = None,
        detail: str | None = None,
    ) -> None:
        """Add points, samples of named series and an epoch's figures, and say where the training stands.

        `detail` is for the run's log.

        Of the confusion matrices the last and the best epoch's are kept.
        """
        with transaction(self.connection, counted=False):
            columns: dict[str, Any] = {"updated": self.clock()}
            append_samples(self.connection, run_id, series or {})
            packed = b"".join(POINT_FORMAT.pack(*point) for point in points)
            if packed:
                columns["num_points"] = append_points(self.connection, run_id, packed)
            if progress is not None:
                columns |= {"progress": json.dumps(asdict(progress))}
                if progress.step:
                    columns |= {"step": progress.step, "seconds": progress.seconds}
            if record is not None:
                columns |= add_epoch(self.connection, run_id, record, best=best)
                if confusion is not None:
                    best_epoch = record.epoch if best else self.run(run_id).best_epoch or record.epoch
                    add_confusion(self.connection, run_id, record.epoch, confusion, best_epoch)
            self._set(run_id, **columns)
            if detail is not None:
                self._say(run_id, detail, "detail")

    def rewind(self, run_id: str, step: int, epoch: int) -> None:
        """Take back what was written after `step` and `epoch`, where a checkpoint goes on from."""
        with transaction(self.connection):
            kept = take_back_points(self.connection, run_id, step, self.packed_points(run_id))
            for table in ("epochs", "confusions"):
                self.connection.execute(f"DELETE FROM {table} WHERE run_id = ? AND epoch > ?", (run_id, epoch))
            evaluated = max((record.step for record in self.epochs(run_id)), default=0)
            take_back(self.connection, run_id, step, evaluated)
            self.connection.execute("UPDATE runs SET revision = revision + 1 WHERE id = ?", (run_id,))
            self._set(
                run_id, step=step, epoch=epoch, num_points=kept, progress=None, **epoch_columns(self.epochs(run_id))
            )

    # ── runners and questions ──────────────────────────────────────────────────────────────────────────────

    def announce(self, runner: RunnerRecord) -> None:
        """Say which process holds a device."""
        columns = {name: value for name, value in asdict(runner).items() if name != "seen"}
        with transaction(self.connection):
            self.connection.execute(
                f"INSERT OR REPLACE INTO runners ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
                tuple(columns.values()),
            )

    def withdraw(self, lock: str) -> None:
        """This process holds the device no more."""
        with transaction(self.connection):
            self.connection.execute("DELETE FROM runners WHERE lock = ?", (lock,))

    def next_question(self) -> tuple[str, dict[str, Any]] | None:
        """(key, question) of the newest question without an answer, if somebody may still look at it."""
        row = self.connection.execute(
            "SELECT key, question FROM questions WHERE answered IS NULL AND asked > ? ORDER BY asked DESC LIMIT 1",
            (self.clock() - QUESTION_SECONDS,),
        ).fetchone()
        return None if row is None else (row["key"], json.loads(row["question"]))

    def answer(self, key: str, result: Mapping[str, Any] | None = None, error: str | None = None) -> None:
        """Answer a question, with a result or with why there is none."""
        with transaction(self.connection):
            self.connection.execute(
                "UPDATE questions SET result = ?, error = ?, answered = ? WHERE key = ?",
                (None if result is None else json.dumps(result), error, self.clock(), key),
            )

    # ── inside a transaction ───────────────────────────────────────────────────────────────────────────────

    def _carry_over(self, run: Run) -> None:
        """A copy of the store, taken while the run was trained, came back: its trainer lives, and is asked anew."""
        why = "the run store was replaced by a copy"
        if run.wanted in (Wanted.STOP, Wanted.PAUSE):
            self._set(run.id, state=State.STOPPED, ended=self.clock(), progress=None, error=None, outcome=why)
            self._say(run.id, f"stopped after step {run.step:,}: {why}", "warning")
            return
        self._set(run.id, state=State.QUEUED, position=self._queue_end(first=True), progress=None, error=None)
        self._say(run.id, f"{why}: it goes on in that", "warning")

    def _take_up(self, run: Run, end: str | None) -> None:
        """Decide what becomes of a run whose trainer died."""
        at = f"after step {run.step:,}"
        if run.kind is Kind.LOGS and run.wanted is not Wanted.DISCARD:
            outcome = "as far as its logs were read"
            self._set(run.id, state=State.FINISHED, wanted=Wanted.RUN, ended=run.updated, outcome=outcome)
            return
        if run.kind is not Kind.OWN and run.wanted is not Wanted.DISCARD:
            # Only who wrote the program can start it again, or knows what starting a command again does.
            outcome = "its process ended without lazytrain.finish()"
            if run.kind is Kind.COMMAND:
                outcome = f"the process that ran it ended{f' ({end})' if end else ''}, and the command with it"
            ended = {"ended": self.clock(), "progress": None, "error": None, "outcome": outcome}
            self._set(run.id, state=State.INTERRUPTED, **ended)
            self._say(run.id, f"interrupted {at}: {outcome}", "warning")
            return
        match run.wanted:
            case Wanted.DISCARD:
                self.connection.execute("DELETE FROM runs WHERE id = ?", (run.id,))
            case Wanted.STOP | Wanted.PAUSE:
                # What a person held stays held: it must not train on by itself.
                outcome = f"its process ended {'while it was paused' if run.state is State.PAUSED else 'first'}"
                ended = {"ended": self.clock(), "progress": None, "error": None, "outcome": outcome}
                self._set(run.id, state=State.STOPPED, **ended)
                self._say(run.id, f"stopped {at}: {outcome}", "warning")
            case Wanted.RUN | Wanted.ANYWAY:
                self._interrupt(run, at, end)

    def _interrupt(self, run: Run, at: str, end: str | None) -> None:
        """Queue it again, unless it died too often; a death after progress, seen or saved, is not counted."""
        row = self.connection.execute(
            "SELECT attempt_step, attempt_checkpoint FROM runs WHERE id = ?", (run.id,)
        ).fetchone()
        reached, saved = row["attempt_step"], row["attempt_checkpoint"]
        newest = newest_step(self.run_folder(run.id) / "checkpoints")
        attempts = 0 if run.step > reached or newest > saved else run.attempts + 1
        reached, saved = max(reached, run.step), max(saved, newest)
        counted = {"attempts": attempts, "attempt_step": reached, "attempt_checkpoint": saved, "progress": None}
        if attempts >= MAX_ATTEMPTS:
            error = (
                f"its process ended {attempts} times without getting past step {reached:,}, "
                f"{f'at last by {end}' if end else 'killed or out of memory'}; resume it to try again"
            )
            self._set(run.id, state=State.FAILED, error=error, ended=self.clock(), **counted)
            self._say(run.id, f"failed: {error}", "error")
            return
        position = self._queue_end(first=True)
        self._set(run.id, state=State.QUEUED, wanted=Wanted.RUN, position=position, error=None, **counted)
        how = f" ({end})" if end else ""
        self._say(run.id, f"interrupted {at}: its process ended{how}; queued in front", "warning")


def _wanted(text: str) -> Wanted:
    try:
        return Wanted(text)
    except ValueError:
        return Wanted.RUN  # damaged: as the list of runs takes it
