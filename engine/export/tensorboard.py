"""Event files that TensorBoard opens, without tensorboard: its record framing and the few messages of it needed here.

A file is a row of records (tensorflow/core/lib/io/record_writer.h): length as little-endian uint64, masked CRC-32C of
those eight bytes, the bytes, masked CRC-32C of the bytes. Each record is an `Event` message (tensorflow/core/util/
event.proto), the first one saying the file's version. Messages are in protobuf's wire format, written by hand: a
message is a row of fields, each a varint key (number × 8 + wire type) and its value.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from lazytrain.engine.export.gathered import Gathered
from lazytrain.engine.records import State

FILE_VERSION = b"brain.Event:2"
_POLYNOMIAL = 0x82F63B78
"""CRC-32C (Castagnoli), its bits reversed."""
_STRING = 7
"""`DT_STRING` of tensorflow/core/framework/types.proto."""
_SESSION_STATUS = {State.FINISHED: 1, State.FAILED: 2, State.STOPPED: 2, State.INTERRUPTED: 2}
"""`Status` of tensorboard/plugins/hparams/api.proto: 1 success, 2 failure, 3 running."""


def event_file(folder: Path, gathered: Gathered) -> Path:
    """The run's event file in its folder: named so that TensorBoard finds it, and always the same for the same run."""
    return folder / f"events.out.tfevents.{int(gathered.run.created)}.{gathered.run.id}"


def write_events(gathered: Gathered, file: BinaryIO) -> None:
    """The run's scalars, by step and by time, its configuration as a text, and its hyperparameters for HParams."""
    start = gathered.run.started or gathered.run.created
    file.write(frame(_event(start, 0, file_version=FILE_VERSION)))
    file.write(frame(_event(start, 0, summary=_summary(*_about(gathered)))))
    for step, seconds, scalars in _scalars(gathered):
        values = (_bytes(1, _bytes(1, tag.encode()) + _float(2, value)) for tag, value in scalars)
        file.write(frame(_event(start + seconds, step, summary=b"".join(values))))


def _scalars(gathered: Gathered) -> Iterator[tuple[int, float, list[tuple[str, float]]]]:
    """(step, seconds since the start, (tag, value) …) in order of the steps, an epoch's after its last point's."""
    ends = accumulate(record.seconds for record in gathered.epochs)
    epochs = list(zip(gathered.epochs, ends, strict=True))[::-1]
    for point in gathered.points():
        while epochs and epochs[-1][0].step < point.step:
            yield _epoch_scalars(*epochs.pop())
        yield (
            point.step,
            point.seconds,
            [
                ("loss/train", point.loss),
                ("accuracy/train", point.accuracy),
                ("learning_rate", point.learning_rate),
                ("images_per_second", point.images_per_second),
            ],
        )
    while epochs:
        yield _epoch_scalars(*epochs.pop())


def _epoch_scalars(record: Any, seconds: float) -> tuple[int, float, list[tuple[str, float]]]:
    scalars = [
        ("loss/train_epoch_mean", record.train_loss),
        ("loss/test", record.test_loss),
        ("accuracy/train_epoch_mean", record.train_accuracy),
        ("accuracy/test", record.test_accuracy),
    ]
    if record.validation_loss is not None:
        scalars.append(("loss/validation", record.validation_loss))
    if record.validation_accuracy is not None:
        scalars.append(("accuracy/validation", record.validation_accuracy))
    return record.step, seconds, scalars


# ── what is said of the run ────────────────────────────────────────────────────────────────────────────────


def _about(gathered: Gathered) -> Iterator[bytes]:
    """`Summary.Value`s: two texts, and the start and end of an HParams session."""
    run = gathered.run
    facts = {
        **{"run": run.name, "id": run.id, "state": run.state.value, "outcome": run.outcome, "error": run.error},
        **{"device": run.device, "threads": run.threads, "path": run.path, "versions": run.versions},
    }
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items() if value is not None)]
    yield _text("run", "\n".join(lines))
    configuration = json.dumps(gathered.configuration.model_dump(mode="json"), indent=2, ensure_ascii=False)
    yield _text("configuration", "\n".join(f"    {line}" for line in configuration.splitlines()))
    yield _hparams("_hparams_/session_start_info", 3, _session_start(gathered))
    status = _SESSION_STATUS.get(run.state, 3)
    yield _hparams("_hparams_/session_end_info", 4, _varint_field(1, status) + _double(2, run.ended or 0.0))


def _text(tag: str, markdown: str) -> bytes:
    """A text as the text plugin shows it: a tensor of one string."""
    metadata = _bytes(1, _bytes(1, b"text"))
    shape = _bytes(2, _varint_field(1, 1))
    tensor = _varint_field(1, _STRING) + _bytes(2, shape) + _bytes(8, markdown.encode())
    return _bytes(1, f"{tag}/text_summary".encode()) + _bytes(9, metadata) + _bytes(8, tensor)


def _hparams(tag: str, field: int, content: bytes) -> bytes:
    """`HParamsPluginData` (tensorboard/plugins/hparams/plugin_data.proto), `content` being its field `field`."""
    plugin = _bytes(1, b"hparams") + _bytes(2, _bytes(field, content))
    return _bytes(1, tag.encode()) + _bytes(9, _bytes(1, plugin))


def _session_start(gathered: Gathered) -> bytes:
    from lazytrain.engine.configuration import flatten  # pydantic

    configuration, run = gathered.configuration, gathered.run
    chosen = {
        "architecture": configuration.architecture_name,
        **dict(flatten(configuration.hyperparameters.model_dump(mode="json"))),
    }
    entries = (
        _bytes(1, _bytes(1, name.encode()) + _bytes(2, _value(value)))
        for name, value in chosen.items()
        if value is not None
    )
    return b"".join(entries) + _bytes(4, run.id.encode()) + _double(5, run.started or run.created)


def _value(value: Any) -> bytes:
    """`google.protobuf.Value`."""
    match value:
        case bool():
            return _varint_field(4, int(value))
        case int() | float():
            return _double(2, float(value))
        case _:
            return _bytes(3, str(value).encode())


# ── messages and records ───────────────────────────────────────────────────────────────────────────────────


def _event(wall_time: float, step: int, *, file_version: bytes | None = None, summary: bytes | None = None) -> bytes:
    content = _bytes(3, file_version) if file_version is not None else _bytes(5, summary or b"")
    return _double(1, wall_time) + _varint_field(2, step) + content


def _summary(*values: bytes) -> bytes:
    return b"".join(_bytes(1, value) for value in values)


def _varint(number: int) -> bytes:
    """Seven bits a byte, lowest first; every byte but the last has its high bit set."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _varint_field(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _double(field: int, number: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", number)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _float(field: int, number: float) -> bytes:
    """A float32; what is too large for one is infinite."""
    try:
        packed = struct.pack("<f", number)
    except OverflowError:
        packed = struct.pack("<f", math.copysign(math.inf, number))
    return _varint(field << 3 | 5) + packed


def frame(content: bytes) -> bytes:
    """A record: what `content` is, how long, and that neither was damaged."""
    length = struct.pack("<Q", len(content))
    checks = (struct.pack("<I", masked_crc(part)) for part in (length, content))
    return length + next(checks) + content + next(checks)


def masked_crc(content: bytes) -> int:
    """CRC-32C, turned and shifted, so that the sum of data that holds sums is no special case (TensorFlow's way)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _make_table() -> tuple[int, ...]:
    table: list[int] = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (_POLYNOMIAL if remainder & 1 else 0)
        table.append(remainder)
    return tuple(table)


_TABLE = _make_table()
