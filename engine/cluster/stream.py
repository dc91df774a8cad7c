"""A training on another machine, as the driver sees it: its events in order, and its snapshots."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from lazytrain.engine.cluster.board import Mouth
from lazytrain.engine.cluster.messages import Batch, CommandMessage, Fault, Message, Prepared
from lazytrain.engine.cluster.worker import load_snapshot
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.errors import DeviceError
from lazytrain.engine.events import Event, RunDiverged, RunFinished
from lazytrain.engine.run.trainer import WorkerLost

LOOK_SECONDS = 0.5


class Stream:
    """What a worker sends, as Ray's generator task gives it.

    Args:
        generator: an `ObjectRefGenerator`.
    """

    def __init__(self, generator: Any) -> None:
        self._generator = generator
        self._reference: Any = None
        """Of the next message, which isn't here yet."""

    def next(self, seconds: float) -> Message | CommandMessage | None:
        """The next message; None if none came in so long.

        Raises:
            WorkerLost: the worker, its node or the cluster is gone.
        """
        import ray
        from ray.exceptions import GetTimeoutError, RayError

        if self._generator is None:
            raise WorkerLost("it was left")
        try:
            if self._reference is None:
                ready, _ = ray.wait([self._generator], timeout=seconds)
                if not ready:
                    return None
                self._reference = next(self._generator)
            try:
                # A large one comes from its node's memory.
                message: Any = ray.get(self._reference, timeout=seconds)
            except GetTimeoutError:
                return None
            self._reference = None
        except StopIteration:
            raise WorkerLost("its worker ended without a word") from None
        except RayError as error:
            raise WorkerLost(describe_loss(error)) from error
        return message

    def close(self) -> None:
        """Nobody asks for more."""
        self._generator = self._reference = None


def describe_loss(error: Exception) -> str:
    """Ray's pages about a death in a clause."""
    from ray import exceptions

    match error:
        case exceptions.OutOfMemoryError():
            return "killed by Ray, since its node ran out of memory"
        case exceptions.NodeDiedError() | exceptions.ObjectLostError():
            return "its node is gone"
        case exceptions.WorkerCrashedError():
            found = re.search(r"exit code (\d+)", str(error))
            how = "" if found is None or found[1] == "0" else f", exit status {found[1]}"
            return f"its worker died{how}"
        case exceptions.TaskCancelledError():
            return "its task was cancelled"
        case exceptions.RayTaskError():
            # The worker itself tells what goes wrong in a run: this went wrong around it.
            lines = [line for line in str(error).splitlines() if line.strip()]
            return f"its worker couldn't begin: {lines[-1].strip()}" if lines else "its worker couldn't begin"
        case _:
            lines = str(error).strip().splitlines()
            return f"Ray lost it: {lines[0]}" if lines else f"Ray lost it: {type(error).__name__}"


class Refused(DeviceError):
    """A worker refuses the run; the message says what a person can put right."""


class RemoteError(RuntimeError):
    """An error that was raised on another machine, in its own words."""

    def __init__(self, text: str, trace: str) -> None:
        self.trace = trace
        super().__init__(text)


def as_error(fault: Fault) -> BaseException:
    """What a worker's `Fault` is to be raised as, by the name that it had there."""
    match fault.kind:
        case "refused":
            return Refused(fault.text)
        case "memory":
            return MemoryError(fault.text)
        case "failed":
            return type(fault.name, (RemoteError,), {})(fault.text, fault.trace)


class RemoteTraining:
    """As `Training`, from further away. It trains ahead of what is asked of it, so `hold` comes before a pause.

    Args:
        attend: called while no event comes, every half second.
    """

    def __init__(
        self,
        stream: Stream,
        mouth: Mouth,
        configuration: RunConfiguration,
        prepared: Prepared,
        attend: Callable[[], object] = lambda: None,
    ) -> None:
        self.configuration = configuration
        self.num_parameters, self.num_steps = prepared.num_parameters, prepared.num_steps
        self.step, self.seconds = prepared.step, 0.0
        self.at_rest = False
        """It does nothing before `go_on`, and has a snapshot."""
        self.unsaved = False
        """A snapshot came that wasn't taken yet."""
        self.latest: Batch | None = None
        self.best_weights: dict[str, Any] | None = None
        self._stream, self._mouth, self._attend = stream, mouth, attend
        self._waiting: deque[Event] = deque()
        self._batch: Batch | None = None
        self._packed: bytes | None = None
        self._snapshots = 0
        self._asked = False

    @property
    def wake(self) -> bool:
        """Set from any thread: the next event comes after the step at work."""
        return False

    @wake.setter
    def wake(self, wake: bool) -> None:
        if wake:
            self._mouth.say()

    @property
    def has_snapshot(self) -> bool:
        """Whether `snapshot` gives the state after the last event."""
        return self._packed is not None

    def snapshot(self) -> dict[str, Any]:
        """The state after the last event. Raises WorkerLost if none was sent."""
        snapshot = load_snapshot(self._packed)
        if snapshot is None:
            raise WorkerLost("its worker sent no snapshot any more")
        self.unsaved = False
        return snapshot

    def ask_for_snapshot(self) -> None:
        """Have one sent between two of the next steps."""
        if not self._asked:
            self._asked = True
            self._snapshots += 1
            self._mouth.say(snapshots=self._snapshots)

    def hold(self) -> None:
        """Have it hold after the step at work: its events go on until `at_rest`, or its end."""
        self._mouth.hold(True)

    def go_on(self) -> None:
        """Let it train on."""
        self.at_rest = False
        self._mouth.hold(False)

    def give_back(self, event: Event) -> None:
        """An event that was asked for too early."""
        self._waiting.appendleft(event)

    def close(self) -> None:
        """Leave it: its worker ends."""
        self._mouth.close()
        self._stream.close()

    def __iter__(self) -> Iterator[Event]:
        """Raises WorkerLost, and what the run itself raised there."""
        while True:
            while self._waiting:
                event = self._waiting.popleft()
                if not self._waiting:
                    self._arrive()
                else:
                    self._packed = None
                yield event
                if isinstance(event, (RunFinished, RunDiverged)):
                    return
            message = self._stream.next(LOOK_SECONDS)
            match message:
                case None:
                    self._attend()
                case Batch():
                    self._batch = message
                    self._waiting.extend(message.events)
                case Fault():
                    raise as_error(message)
                case _:
                    raise WorkerLost(f"its worker sent {type(message).__name__} in the middle of its training")

    def _arrive(self) -> None:
        """The last event of a batch is asked for: what came with it holds after that."""
        batch = self._batch
        if batch is None:
            return
        self.latest, self.step, self.seconds = batch, batch.step, batch.seconds
        self._packed = batch.snapshot
        if batch.snapshot is not None:
            self.unsaved, self._asked = True, False
        if batch.best is not None:
            self.best_weights = load_snapshot(batch.best)
        self.at_rest = batch.held
