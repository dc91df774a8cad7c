"""A run at work on the cluster, in a thread of this process: claimed, locked, and written down by it alone."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lazytrain.engine.cluster.remote_life import RemoteLife
from lazytrain.engine.cluster.remote_trainer import RemoteTrainer
from lazytrain.engine.cluster.shared_data import SharedData
from lazytrain.engine.cluster.tasks import Tasks
from lazytrain.engine.compute.device import DeviceChoice
from lazytrain.engine.errors import describe
from lazytrain.engine.places import make_folder
from lazytrain.engine.run.trainer import WorkerLost
from lazytrain.engine.run.wishes import Wishes
from lazytrain.engine.store.command_journal import CommandJournal
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock, LockHeld, touch
from lazytrain.engine.store.trouble import StoreError, StoreReplaced


class RemoteRun:
    """One queued run, from claim to end.

    Args:
        command: what a person started, for the run's log.
        may_train: why nothing may be trained now, or None.
        tell: shows why a run waits for the disk.
        lost: called, in the run's thread, with how its worker was lost: it is to be queued again.
        ended: called, in the run's thread, when that ends.
    """

    def __init__(
        self,
        run_id: str,
        home: Path,
        data: Path,
        *,
        is_command: bool,
        choice: DeviceChoice,
        tasks: Tasks,
        shared: SharedData,
        command: str,
        may_train: Callable[[], str | None],
        tell: Callable[[str | None], None],
        lost: Callable[[str, str], object],
        ended: Callable[[], object],
    ) -> None:
        self.run_id, self.is_command = run_id, is_command
        self.wishes = Wishes()
        self.wishes.screenless = True
        self.wishes.run_id = run_id
        self.lock = FileLock(home / "runs" / run_id / "lock")
        self.replaced = False
        """Another store stood in the place of its own: its lock is still held."""
        self.trained = False
        """It was claimed."""
        self._home, self._data, self._choice = home, data, choice
        self._tasks, self._shared, self._command = tasks, shared, command
        self._may_train, self._tell, self._lost, self._ended = may_train, tell, lost, ended
        self._leave = os.pipe() if is_command else None
        self._thread = threading.Thread(target=self._live, name=f"lazytrain-run-{run_id}", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether it is at work."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, in its thread."""
        self._thread.start()

    def stop(self) -> None:
        """Have it save and end. Returns at once."""
        self.wishes.leaving = True
        self.wishes.tell()
        if self._leave is not None:
            with contextlib.suppress(OSError):
                os.write(self._leave[1], b"s")

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        self._thread.join(seconds)

    def release(self) -> None:
        """Let its lock go."""
        self.lock.release()

    def _live(self) -> None:
        try:
            self._claim_and_train()
        except WorkerLost as loss:
            self._lost(self.run_id, str(loss))
        except StoreReplaced:
            self.replaced = True
        except (StoreError, OSError):
            pass  # The runner meets the same trouble and says so; whoever comes next takes the run up.
        except BaseException as error:  # noqa: BLE001  the end of a thread: its run is taken up again, and says why
            self._lost(self.run_id, describe(error))
        finally:
            if not self.replaced:
                self.lock.release()
            self.wishes.end()
            self._tasks.forget(self.run_id)
            if self._leave is not None:
                for descriptor in self._leave:
                    os.close(descriptor)
            self._ended()

    def _claim_and_train(self) -> None:
        with (CommandJournal if self.is_command else Journal)(self._home, make=False) as journal:
            make_folder(self.lock.path.parent, 2)
            try:
                self.lock.acquire()
            except LockHeld:
                return
            touch(self.lock.path, time.time())
            run = journal.claim(self.run_id, f"{self._command} (process {os.getpid()})")
            if run is None:
                return
            self.trained = True
            self.wishes.wanted = journal.wanted(self.run_id)
            self.wishes.replaced = journal.replaced
            try:
                if isinstance(journal, CommandJournal):
                    assert self._leave is not None
                    RemoteLife(
                        *(journal, run, self.lock, self._choice.device, self._leave[0]),
                        asked_to_end=lambda: self.wishes.leaving,
                        may_train=self._may_train,
                        tasks=self._tasks,
                    ).live()
                else:
                    RemoteTrainer(
                        *(journal, run, self._choice, self._data, self.wishes),
                        shared=self._shared,
                        tasks=self._tasks,
                        may_train=self._may_train,
                        tell=self._tell,
                    ).train()
            except StoreReplaced:
                journal.part()
                raise
