"""A command that a node runs, as `CommandLife` knows a command of its own: pipes to read, a group to signal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import IO

from lazytrain.engine.cluster.messages import (
    AllGone,
    Arrived,
    CommandAssignment,
    Fault,
    FirstEnded,
    Printed,
    Started,
    Wish,
)
from lazytrain.engine.cluster.stream import LOOK_SECONDS, Stream
from lazytrain.engine.cluster.tasks import Tasks
from lazytrain.engine.commands.group import CannotStart
from lazytrain.engine.configuration import CommandConfiguration
from lazytrain.engine.run.trainer import WorkerLost


class RemoteGroup:
    """As `ProcessGroup`, from further away: made once the command was started.

    Args:
        waiting: called every half second while it waits for room in the cluster.
        ended: called, in another thread, when its first process has ended.

    Raises:
        CannotStart: the node can't start it.
        WorkerLost: the node is gone.
    """

    def __init__(
        self,
        tasks: Tasks,
        run_id: str,
        configuration: CommandConfiguration,
        waiting: Callable[[], object],
        ended: Callable[[], object],
    ) -> None:
        wish = Wish()
        self.node, self._tasks = "", tasks
        self.lost: str | None = None
        """How its node or its worker died."""
        self._ended, self._status = ended, 0
        self._exited, self._gone = threading.Event(), threading.Event()
        assignment = CommandAssignment(
            run_id=run_id,
            wish=wish,
            configuration=configuration.model_dump_json(),
        )
        self._stream = Stream(tasks.run_command(assignment, configuration.needs))
        self._mouth = tasks.mouth(run_id, wish)
        try:
            self.id = self._begin(waiting)
        except BaseException:
            self._mouth.close()
            self._stream.close()
            raise
        pipes = {name: os.pipe() for name in ("stdout", "stderr")}
        self._outputs = tuple(os.fdopen(reading, "rb", buffering=0) for reading, _ in pipes.values())
        self._writing = {name: writing for name, (_, writing) in pipes.items()}
        threading.Thread(target=self._listen, name=f"lazytrain-command-{run_id}", daemon=True).start()

    def _begin(self, waiting: Callable[[], object]) -> int:
        while True:
            match self._stream.next(LOOK_SECONDS):
                case None:
                    waiting()
                case Arrived(node=node):
                    self.node = self._tasks.name_of(node)
                case Started(process=process):
                    return process
                case Fault(text=text):
                    raise CannotStart(text)
                case other:
                    raise WorkerLost(f"its worker sent {type(other).__name__} before the command was started")

    @property
    def outputs(self) -> tuple[IO[bytes], IO[bytes]]:
        """Its stdout and stderr."""
        stdout, stderr = self._outputs
        return stdout, stderr

    @property
    def has_ended(self) -> bool:
        """Whether its first process has."""
        return self._exited.is_set()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all of it."""
        self._mouth.add_signal(int(number))

    def collect(self) -> int:
        """Its first process' status, below 0 for a signal. Call it once that has ended."""
        return self._status

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it is left; after `collect`."""
        return self._gone.is_set()

    def release(self) -> None:
        """It is left."""
        self._mouth.close()
        for output in self._outputs:
            output.close()

    def _listen(self) -> None:
        try:
            while not self._gone.is_set():
                match self._stream.next(LOOK_SECONDS):
                    case Printed(stream=name, data=data):
                        self._pass_on(name, data)
                    case FirstEnded(status=status):
                        self._end(status)
                    case AllGone():
                        break
                    case _:
                        continue
        except WorkerLost as loss:
            self.lost = str(loss)
            self._end(-signal.SIGKILL)
        finally:
            for writing in self._writing.values():
                os.close(writing)
            self._gone.set()
            self._stream.close()
            self._ended()

    def _pass_on(self, name: str, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._writing[name], rest) :]
        except BrokenPipeError:
            return  # nobody reads it any more

    def _end(self, status: int) -> None:
        if not self._exited.is_set():
            self._status = status
            self._exited.set()
            self._ended()
