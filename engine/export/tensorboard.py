"""Event files that TensorBoard opens, by its own messages and record writer, which take no TensorFlow.

`tensorboard` is an extra: only this format needs it, and it is imported when the first file is planned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lazytrain.engine.analysis.gathered import Gathered
from lazytrain.engine.export.files import ExportError
from lazytrain.engine.export.foreign import ForeignRun
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.series import SAMPLE_FORMAT
from lazytrain.presets.plain_text import harmless

if TYPE_CHECKING:
    from lazytrain.engine.events import EpochRecord

FILE_VERSION = "brain.Event:2"
INSTALL = "pip install 'lazytrain[tensorboard]'"

_SESSION_STATUS = {
    State.FINISHED: "STATUS_SUCCESS",
    State.FAILED: "STATUS_FAILURE",
    State.STOPPED: "STATUS_FAILURE",
    State.INTERRUPTED: "STATUS_FAILURE",
}


def event_file(folder: Path, run: Run) -> Path:
    """The run's event file in its folder: named so that TensorBoard finds it, and always the same for the same run."""
    return folder / f"events.out.tfevents.{int(run.created)}.{run.id}"


def require_tensorboard() -> None:
    """Raises ExportError, with the command that brings it, where tensorboard can't be imported."""
    try:
        import tensorboard.compat.proto.event_pb2  # noqa: F401  0.2 s: no business of other formats
    except ImportError as error:
        raise ExportError(f"this format needs tensorboard ({error}): `{INSTALL}` brings it") from error


def write_events(gathered: Gathered, file: BinaryIO) -> None:
    """The run's scalars, by step and by time, its configuration as a text, and its hyperparameters for HParams.

    The same run gives the same bytes: times are its own, and messages are serialized in a fixed order.

    There is one session a file and no `Experiment`: TensorBoard takes the first one it finds for the whole folder, and
    would leave out hyperparameters that only other runs have. Without one it gathers them, and the metrics, of all.
    """
    hyperparameters, configuration = _hyperparameters(gathered), gathered.configuration.model_dump(mode="json")
    _write(gathered.run, configuration, hyperparameters, _scalars(gathered), file)


def write_foreign_events(foreign: ForeignRun, file: BinaryIO) -> None:
    """The same of a run that a program or a command trains: its metrics by their names, its `config` for HParams."""
    from lazytrain.engine.configuration import flatten  # pydantic

    config = foreign.details.get("config")
    flat = dict(flatten(config)) if isinstance(config, dict) else {}
    hyperparameters = {name: _value(value) for name, value in flat.items() if value is not None}
    scalars = (
        (sample[0], sample[1], {harmless(name): sample[2]})
        for name, packed in foreign.series.items()
        for sample in SAMPLE_FORMAT.iter_unpack(packed)
    )
    _write(foreign.run, foreign.details, hyperparameters, scalars, file)


def _write(
    run: Run,
    configuration: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    scalars: Iterable[tuple[int, float, dict[str, float]]],
    file: BinaryIO,
) -> None:
    # Here, for the one who asks for this format. Protobuf makes its classes at import, unseen by a type checker.
    from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboard.summary.writer.record_writer import RecordWriter

    start = run.started or run.created
    writer = RecordWriter(file)

    def write(wall_time: float, **content: Any) -> None:
        writer.write(Event(wall_time=wall_time, **content).SerializeToString(deterministic=True))

    write(start, file_version=FILE_VERSION)
    write(start, summary=Summary(value=_about(run, configuration, hyperparameters)))
    for step, seconds, figures in scalars:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
        write(start + seconds, step=step, summary=Summary(value=values))


def _scalars(gathered: Gathered) -> Iterator[tuple[int, float, dict[str, float]]]:
    """(step, seconds since the start, values by tag) in order of the steps, an epoch's after its last point's."""
    ends = accumulate(record.seconds for record in gathered.epochs)
    epochs = list(zip(gathered.epochs, ends, strict=True))[::-1]
    for point in gathered.points():
        while epochs and epochs[-1][0].step < point.step:
            yield _epoch_scalars(*epochs.pop())
        yield (
            point.step,
            point.seconds,
            {
                "loss/train": point.loss,
                "accuracy/train": point.accuracy,
                "learning_rate": point.learning_rate,
                "images_per_second": point.images_per_second,
            },
        )
    while epochs:
        yield _epoch_scalars(*epochs.pop())


def _epoch_scalars(record: EpochRecord, seconds: float) -> tuple[int, float, dict[str, float]]:
    scalars = {
        "loss/train_epoch_mean": record.train_loss,
        "loss/test": record.test_loss,
        "accuracy/train_epoch_mean": record.train_accuracy,
        "accuracy/test": record.test_accuracy,
        "loss/validation": record.validation_loss,
        "accuracy/validation": record.validation_accuracy,
    }
    return record.step, seconds, {tag: value for tag, value in scalars.items() if value is not None}


# ── what is said of the run ────────────────────────────────────────────────────────────────────────────────


def _about(run: Run, configuration: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> Iterator[Any]:
    """`Summary.Value`s: two texts, and the start and end of an HParams session."""
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.text.summary_v2 import text_pb

    facts = {
        **{"run": run.name, "id": run.id, "state": run.state.value, "outcome": run.outcome, "error": run.error},
        **{"device": run.device, "threads": run.threads, "path": run.path, "versions": run.versions},
    }
    lines = [
        "| | |",
        "|---|---|",
        *(f"| {name} | {_plain(value)} |" for name, value in facts.items() if value is not None),
    ]
    yield from text_pb("run/text_summary", "\n".join(lines)).value
    written = json.dumps(configuration, indent=2, ensure_ascii=False)
    # A line ends where JSON's does, and nowhere else.
    code = "\n".join(f"    {harmless(line)}" for line in written.split("\n"))
    yield from text_pb("configuration/text_summary", code).value
    start = {
        "hparams": hyperparameters,
        "group_name": run.id,
        "start_time_secs": run.started or run.created,
    }
    yield _hparams(metadata.SESSION_START_INFO_TAG, session_start_info=start)
    end = {"status": _SESSION_STATUS.get(run.state, "STATUS_RUNNING"), "end_time_secs": run.ended or 0.0}
    yield _hparams(metadata.SESSION_END_INFO_TAG, session_end_info=end)


def _hyperparameters(gathered: Gathered) -> dict[str, dict[str, bool | float | str]]:
    """By name, each as protobuf's `Value`."""
    from lazytrain.engine.configuration import flatten  # pydantic

    chosen = {
        "architecture": gathered.configuration.architecture_name,
        **dict(flatten(gathered.configuration.hyperparameters.model_dump(mode="json"))),
    }
    return {name: _value(value) for name, value in chosen.items() if value is not None}


def _value(value: object) -> dict[str, bool | float | str]:
    match value:
        case bool():
            return {"bool_value": value}
        case int() | float():
            return {"number_value": float(value)}
        case _:
            return {"string_value": harmless(str(value))}


def _plain(value: object) -> str:
    """A value as a cell of a table: nothing in it is Markdown or HTML, which TensorBoard would show as such."""
    return re.sub(r"[\\`*_\[\]<>|#~&]", r"\\\g<0>", harmless(str(value)))


def _hparams(tag: str, **content: Any) -> Any:
    """A `Summary.Value` for the hparams plugin, whose own helper for a session's end imports TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import (
        HParamsPluginData,  # pyright: ignore[reportAttributeAccessIssue]
    )

    plugin = {
        "plugin_name": metadata.PLUGIN_NAME,
        "content": HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content).SerializeToString(
            deterministic=True
        ),
    }
    return Summary.Value(tag=tag, metadata={"plugin_data": plugin}, tensor=metadata.NULL_TENSOR)
