"""A run on a node: the same `Training` as at home, whose events are sent as they come. Opens no store."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lazytrain.engine.cluster.board import Ear, node_id
from lazytrain.engine.cluster.messages import Arrived, Assignment, Batch, Fault, Message, Prepared
from lazytrain.engine.errors import DatasetError, DeviceError, first_line, text_of, traceback_of, type_name
from lazytrain.engine.events import Event, RunDiverged, RunFinished, RunStarted, StepsDone


def train(assignment: Assignment, board: Any, data: list[Any]) -> Iterator[Message]:
    """Train the run to its end, or until the driver wants it left. What goes wrong is a message too.

    Args:
        board: the actor that wishes come from.
        data: a reference to the driver's images, in a list so that Ray doesn't fetch them unasked; or nothing.
    """
    ear = Ear(board, assignment.run_id, assignment.wish)
    from lazytrain.engine.compute.device import is_out_of_memory
    from lazytrain.presets.errors import PresetError
    from lazytrain.presets.layers import LayerError

    try:
        with tempfile.TemporaryDirectory(prefix="lazytrain-") as folder:
            yield from _train(assignment, ear, data, Path(folder))
    except GeneratorExit:
        raise
    except (DatasetError, DeviceError, PresetError, LayerError) as error:
        yield Fault(kind="refused", name=type_name(error), text=text_of(error))
    except BaseException as error:  # noqa: BLE001  a net may raise anything, and the driver is told
        kind = "memory" if is_out_of_memory(error) else "failed"
        text = first_line(error) if text_of(error) else ""
        yield Fault(kind=kind, name=type_name(error), text=text, trace=traceback_of(error))
    finally:
        ear.close()


def _train(assignment: Assignment, ear: Ear, data: list[Any], folder: Path) -> Iterator[Message]:
    from lazytrain.engine.child_process import host_own_code
    from lazytrain.engine.cluster.node_data import have_data
    from lazytrain.engine.compute.device import choose_device, describe_versions
    from lazytrain.engine.configuration import RunConfiguration
    from lazytrain.engine.run.launching import launch
    from lazytrain.engine.run.saving import differences, place_of

    configuration = RunConfiguration.model_validate_json(assignment.configuration)
    if configuration.architecture.module is not None:
        host_own_code()
    write_sources(assignment.sources, folder)
    choice = choose_device(assignment.device)
    snapshot = load_snapshot(assignment.snapshot)
    yield Arrived(
        node=node_id(),
        device=choice.device,
        device_name=choice.name,
        reason=choice.reason,
        versions=describe_versions(),
        place=place_of(choice),
        differences=tuple(differences(snapshot, choice)) if snapshot is not None else (),
    )
    if ear.wish.leave:
        return
    dataset = yield from have_data(assignment, _fetcher(data))
    training = yield from launch(
        configuration,
        dataset,
        choice.device,
        module_folder=folder,
        snapshot=snapshot,
        micro_batches=assignment.micro_batches,
        threads=assignment.threads,
    )
    yield Prepared(num_parameters=training.num_parameters, num_steps=training.num_steps, step=training.step)

    def wake() -> None:
        training.wake = True

    ear.heard = wake
    events: list[Event] = []
    sent_at, sent_best = time.monotonic(), 0
    given = seen = 0
    if snapshot is not None:
        sent_best = snapshot["position"]["best_epoch"]
    for event in training:
        wish = ear.wish
        add(events, event)
        over = isinstance(event, (RunFinished, RunDiverged))
        wanted = isinstance(event, RunFinished) or (not over and (wish.hold or wish.snapshots > given))
        at_once = over or wanted or wish.number > seen or isinstance(event, RunStarted)
        if not (at_once or time.monotonic() - sent_at >= ear.pace):
            continue
        sent_at = time.monotonic()
        given, seen = wish.snapshots, wish.number
        packed = best = None
        if wanted:
            state = training.snapshot()
            packed = pack(state)
            best_epoch = state["position"]["best_epoch"]
            if training.best_weights is not None and best_epoch != sent_best:
                best, sent_best = pack(training.best_weights), best_epoch
        yield Batch(
            events=tuple(events),
            step=training.step,
            seconds=training.seconds,
            sent=time.time(),
            snapshot=packed,
            best=best,
            held=wish.hold and not over,
        )
        events.clear()
        while wish.hold and ear.wish.hold and not ear.wish.leave:
            ear.wait()
        if ear.wish.leave:
            return


def add(events: list[Event], event: Event) -> None:
    """Add an event to those that wait; of steps one after the other there is one, with the points of all."""
    before = events[-1] if events else None
    if isinstance(event, StepsDone) and isinstance(before, StepsDone):
        points, norms = (*before.points, *event.points), (*before.norms, *event.norms)
        events[-1] = StepsDone(points=points, norms=norms, progress=event.progress)
    else:
        events.append(event)


def _fetcher(data: list[Any]) -> Any:
    if not data:
        return None

    def fetch() -> Mapping[str, Any]:
        import ray

        return ray.get(data[0])

    return fetch


def write_sources(sources: Mapping[str, bytes], folder: Path) -> None:
    """A user's own net, as the driver has it."""
    for name, content in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def pack(state: Mapping[str, Any]) -> bytes:
    """Tensors and plain values, as torch saves them: a copy, before the training goes on."""
    import torch

    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def load_snapshot(packed: bytes | None) -> dict[str, Any] | None:
    """What `pack` made, its tensors on the CPU; executes nothing."""
    import torch

    return None if packed is None else torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
