"""TensorBoard's event files: a folder of them is a run, as TensorBoard itself has it.

The messages and the checksum are TensorBoard's own. Its reader would also do, but computes the checksum of every image
and histogram in Python, at 2 MB/s, and can't begin in the middle of a file: here what is no scalar is passed at
hundreds of MB/s, and the header's checksum tells a file that is damaged.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lazytrain.engine.logs.batch import Batch, Rewritten
from lazytrain.engine.logs.hparams import read_hparams
from lazytrain.engine.logs.places import Stamp, open_at, place_of, stamp
from lazytrain.engine.records import State
from lazytrain.engine.store.series import Sample

INSTALL = "pip install 'lazytrain[logs]'"
MARK = "tfevents"
"""In the name of every event file."""
HPARAMS_FOLDER = re.compile(r"\d{9,}\.\d+")
"""Where PyTorch's `add_hparams` writes a run's hyperparameters: below the run's own folder, named by the time."""
MOST_RECORD_BYTES = 64 << 20
"""No event of scalars is larger: such a record is passed."""
_HEADER = struct.Struct("<QI")
_SESSION_START, _SESSION_END = "_hparams_/session_start_info", "_hparams_/session_end_info"
_NUMBERS = frozenset((1, 2, 3, 4, 5, 6, 9, 10, 14, 17, 19, 22, 23))
"""Of TensorFlow's types, those of numbers and truth values."""


class TensorboardMissing(ImportError):
    """Event files need tensorboard; the message has the command that brings it."""


def require_tensorboard() -> None:
    """Raises TensorboardMissing where it can't be imported."""
    try:
        import tensorboard.compat.proto.event_pb2  # noqa: F401  0.2 s: no business of other formats
    except ImportError as error:
        raise TensorboardMissing(f"TensorBoard's files need tensorboard ({error}): `{INSTALL}` brings it") from error


class EventFolder:
    """A folder of event files."""

    format = "TensorBoard"

    def __init__(self, folder: Path, name: str, project: str) -> None:
        self.folder, self.name, self.project = folder, name, project
        self.key = str(folder)
        self._read: dict[str, Stamp] = {}
        """What each file was when there was nothing more in it."""

    def size(self) -> int:
        return sum(path.stat().st_size for path in self._files())

    def _files(self) -> list[Path]:
        """In the order in which they were begun, which their names tell."""
        folders = [self.folder]
        with os.scandir(self.folder) as entries:
            folders += [Path(each.path) for each in entries if HPARAMS_FOLDER.fullmatch(each.name) and each.is_dir()]
        return sorted(path for folder in folders for path in folder.iterdir() if MARK in path.name and path.is_file())

    def read(self, position: dict[str, Any]) -> Batch | None:
        files = self._files()
        stamps = {str(path.relative_to(self.folder)): stamp(path) for path in files}
        hparams = read_hparams(self.folder, position.get("hparams"))
        if stamps == self._read and hparams is None:
            return None
        places: dict[str, Any] = dict(position.get("files", {}))
        batch = Batch(position={**position, "files": places}, started=position.get("started", 0.0))
        batch.changed = max((changed for _, changed in stamps.values()), default=0) / 1e9
        if hparams is not None:
            batch.config, batch.position["hparams"] = hparams.values, hparams.stamp
            batch.said += hparams.said
        try:
            for path in files:
                name = str(path.relative_to(self.folder))
                if self._read.get(name) == stamps[name]:
                    continue
                self._read_file(path, name, places, batch)
                if batch.more:
                    break
                self._read[name] = stamps[name]
        except Rewritten:
            self._read.clear()
            raise
        batch.position["started"] = batch.started
        return batch

    def _read_file(self, path: Path, name: str, places: dict[str, Any], batch: Batch) -> None:
        place = places.get(name)
        if place is not None and place.get("damaged"):
            if stamp(path)[0] >= place["offset"]:
                return
            raise Rewritten(str(path))
        with open_at(path, place) as file:
            offset, before = file.tell(), batch.num_bytes
            damaged = False
            try:
                for after, event in _events(file, offset):
                    if not _take(event, batch):
                        batch.more = True
                        break
                    offset, batch.num_bytes = after, before + after - file_start(place)
                    if batch.full:
                        batch.more = True
                        break
            except DamagedFile as error:
                damaged = True
                batch.said.append(f"{name}: {error}: what comes after is left out")
            if offset:
                places[name] = place_of(file, offset) | ({"damaged": True} if damaged else {})


def file_start(place: dict[str, Any] | None) -> int:
    """Where reading began."""
    return 0 if place is None else place["offset"]


class DamagedFile(ValueError):
    """The file goes on with what is no record."""


def _events(file: BinaryIO, offset: int) -> Iterator[tuple[int, Any]]:
    """(where the next record begins, event) of each whole record; an event that is too large is None.

    Raises:
        DamagedFile: what comes is no record.
    """
    from google.protobuf.message import DecodeError  # pyright: ignore[reportMissingImports]
    from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    size = os.fstat(file.fileno()).st_size
    while True:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        length, checksum = _HEADER.unpack(header)
        if masked_crc32c(header[:8]) != checksum:
            raise DamagedFile(f"damaged at byte {offset:,}")
        after = offset + _HEADER.size + length + 4
        if after > size:
            return  # its writer is at it
        if length > MOST_RECORD_BYTES:
            file.seek(after)
            event = None
        else:
            data = file.read(length + 4)
            if len(data) < length + 4:
                return
            try:
                event = Event.FromString(data[:length])
            except DecodeError as error:
                raise DamagedFile(f"damaged at byte {offset:,} ({error})") from error
        offset = after
        yield after, event


def _take(event: Any, batch: Batch) -> bool:
    """Put what an event says into the batch; False: the batch must be written first."""
    if event is None:
        return True
    if not batch.started:
        batch.started = event.wall_time
    if event.HasField("summary"):
        seconds = max(0.0, event.wall_time - batch.started)
        for value in event.summary.value:
            if value.HasField("simple_value"):
                batch.add(value.tag, Sample(event.step, seconds, value.simple_value))
            elif value.metadata.plugin_data.plugin_name == "hparams":
                _take_hparams(value, batch)
            elif value.HasField("tensor") and (found := _number_in(value.tensor)) is not None:
                batch.add(value.tag, Sample(event.step, seconds, found))
    elif event.HasField("session_log") and event.session_log.status == event.session_log.START and event.step > 0:
        # A program that went on from a checkpoint says from where: what it wrote after that doesn't count.
        if batch.series or batch.after is not None:
            return False
        batch.after = event.step - 1
    return True


def _number_in(tensor: Any) -> float | None:
    """The value of a tensor that has one; newer writers keep scalars so."""
    if tensor.dtype not in _NUMBERS or any(dimension.size != 1 for dimension in tensor.tensor_shape.dim):
        return None
    from tensorboard.util.tensor_util import make_ndarray

    return float(make_ndarray(tensor).item())


def _take_hparams(value: Any, batch: Batch) -> None:
    """Hyperparameters, and how the run ended, as TensorBoard's HParams shows them."""
    if value.tag not in (_SESSION_START, _SESSION_END):
        return
    from tensorboard.plugins.hparams.api_pb2 import Status  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboard.plugins.hparams.plugin_data_pb2 import (
        HParamsPluginData,  # pyright: ignore[reportAttributeAccessIssue]
    )

    content = HParamsPluginData.FromString(value.metadata.plugin_data.content)
    if value.tag == _SESSION_START:
        for name, each in sorted(content.session_start_info.hparams.items()):
            kind = each.WhichOneof("kind")
            if kind is not None:
                batch.config[name] = getattr(each, kind)
        return
    ends: dict[int, State] = {
        Status.Value("STATUS_SUCCESS"): State.FINISHED,
        Status.Value("STATUS_FAILURE"): State.FAILED,
    }
    batch.ended = ends.get(content.session_end_info.status)
