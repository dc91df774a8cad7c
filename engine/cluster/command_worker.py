"""A command on a node: started, signalled, and what it prints sent as it comes. Opens no store."""

from __future__ import annotations

import os
import platform
import selectors
import signal
from collections.abc import Iterator
from typing import Any

from lazytrain.engine.cluster.board import Ear, node_id
from lazytrain.engine.cluster.messages import (
    AllGone,
    Arrived,
    CommandAssignment,
    CommandMessage,
    Fault,
    FirstEnded,
    Printed,
    Started,
)
from lazytrain.engine.commands.group import CannotStart, ProcessGroup
from lazytrain.engine.configuration import CommandConfiguration

TICK_SECONDS = 0.1
MOST_BYTES = 2**18
"""Of what is printed, in a message."""
DRAIN_TICKS = 5
"""A process outside of the group may hold the command's output open: it isn't waited for longer."""


def run_command(assignment: CommandAssignment, board: Any) -> Iterator[CommandMessage]:
    """Run the command to its end; the driver says by signals what is to become of it."""
    group: ProcessGroup | None = None

    def kill() -> None:
        if group is not None:
            group.send(signal.SIGKILL)

    ear = Ear(board, assignment.run_id, assignment.wish, before_end=kill)
    configuration = CommandConfiguration.model_validate_json(assignment.configuration)
    yield Arrived(node=node_id(), device="cpu", device_name="", reason="", versions="", place={})
    if ear.wish.leave:
        return
    wake, ended = os.pipe()
    try:
        if not os.path.isdir(configuration.folder):  # noqa: PTH112  as it was written down, on another machine
            raise CannotStart(f"there is no folder {configuration.folder}")
        group = ProcessGroup(
            (configuration.program, *configuration.arguments[1:]),
            configuration.folder,
            surroundings(configuration),
            lambda: os.write(ended, b"."),
        )
    except CannotStart as error:
        text = f"{error} on {platform.node()}: a command needs the same program and folder on every node"
        yield Fault(kind="refused", name="CannotStart", text=text)
        ear.close()
        return
    ear.heard = lambda: os.write(ended, b".")
    try:
        yield Started(process=group.id)
        yield from _attend(group, ear, wake)
    finally:
        if not group.has_ended or not group.is_gone:
            group.send(signal.SIGKILL)
        group.release()
        ear.close()


def _attend(group: ProcessGroup, ear: Ear, wake: int) -> Iterator[CommandMessage]:
    told, given, drained = False, 0, 0
    with selectors.DefaultSelector() as selector:
        for name, pipe in zip(("stdout", "stderr"), group.outputs, strict=True):
            selector.register(pipe, selectors.EVENT_READ, name)
        selector.register(wake, selectors.EVENT_READ, "wake")
        while not ear.wish.leave:
            for key, _ in selector.select(TICK_SECONDS):
                data = os.read(key.fd, MOST_BYTES)
                if key.data == "wake":
                    continue
                if data:
                    yield Printed(stream=key.data, data=data)
                else:
                    selector.unregister(key.fileobj)
            for number in ear.wish.signals[given:]:
                group.send(signal.Signals(number))
                given += 1
            if not group.has_ended:
                continue
            if not told:
                told = True
                yield FirstEnded(status=group.collect())
            if group.is_gone:
                # The outputs stay open where a process outside of the group has them.
                drained += 1
                if len(selector.get_map()) == 1 or drained >= DRAIN_TICKS:
                    yield AllGone()
                    return


def surroundings(configuration: CommandConfiguration) -> dict[str, str]:
    """A command's environment on a node: the node's, with what the command adds.

    It logs to no run: the store is on the driver's machine, and what it prints is read there.
    """
    found = {name: value for name, value in os.environ.items() if name not in ("PYTHONHASHSEED", "LAZYTRAIN_RUN")}
    found.setdefault("PYTHONUNBUFFERED", "1")
    if configuration.path is not None:
        found["PATH"] = os.pathsep.join((configuration.path, found.get("PATH", os.defpath)))
    if configuration.needs == "cpu":
        found["CUDA_VISIBLE_DEVICES"] = ""
    found["LAZYTRAIN_MODE"] = "disabled"
    return found | configuration.environment
