"""What a run's folder holds beside its checkpoints, to rebuild a lost store from: its line, curve and confusions.

`run.json` is the run's line in the store. `history` is the curve: pieces, each one line of JSON (finished epochs, the
number of points and a checksum) and then the packed points. `series` holds the named series likewise.
`confusions.json` has the confusion matrices of the best and the last epoch. Needs no torch.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.events import POINT_FORMAT, EpochRecord
from lazytrain.engine.places import make_folder
from lazytrain.engine.store.series import SAMPLE_FORMAT, Metric

RUN, HISTORY, SERIES, CONFUSIONS = "run.json", "history", "series", "confusions.json"
_LONGEST_HEADER = 2**24


def write_run(folder: Path, row: dict[str, Any]) -> None:
    """Keep the run's line. Raises OSError."""
    make_folder(folder, 2)
    replace_file(folder / RUN, json.dumps(row, ensure_ascii=False, indent=1).encode())


def read_run(folder: Path) -> dict[str, Any] | None:
    """The run's line as it was kept, None if there is none or it can't be read."""
    try:
        row = json.loads((folder / RUN).read_bytes())
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) and row.get("id") == folder.name else None


class CurveSource(Protocol):
    """What has a run's curve: the store."""

    def packed_points(self, run_id: str, since: int = 0) -> bytes: ...

    def epochs(self, run_id: str, since: int = 0) -> list[EpochRecord]: ...

    def confusions(self, run_id: str) -> Mapping[int, Confusion]: ...

    def metrics(self, run_id: str) -> list[Metric]: ...

    def packed_series(self, run_id: str, names: Sequence[str], since: int = 0) -> dict[str, bytes]: ...


class Pieces:
    """A file that grows by whole pieces; the first one takes the place of what there was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size: int | None = None
        """Bytes known to be whole; None before the first piece."""
        self._file: tuple[int, int] | None = None
        """Which file it is."""

    @property
    def begun(self) -> bool:
        return self._size is not None

    def is_whole(self) -> bool:
        """Whether what was added is still there: not deleted, nor an older one put in its place."""
        if self._size is None:
            return True
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self._file and status.st_size >= self._size

    def add(self, piece: bytes) -> None:
        """Add a piece, and wait until it is on the disk. Raises OSError; the next one tries again."""
        if self._size is None:
            replace_file(self._path, piece)
            status = self._path.stat()
            self._size, self._file = 0, (status.st_dev, status.st_ino)
        else:
            with self._path.open("r+b") as file:
                # One that failed may have left half a piece.
                file.truncate(self._size)
                file.seek(self._size)
                file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        self._size += len(piece)


class History:
    """The curve of a run that is trained, kept in its folder: each save adds what is new since the last.

    The confusion matrices, which are few, are written anew when an epoch has ended.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._series = SeriesHistory(folder)
        self._begin()

    def _begin(self) -> None:
        self._pieces = Pieces(self._folder / HISTORY)
        self._num_points = 0
        self._epoch = 0
        self._confusions_epoch: int | None = None
        """The last epoch when the confusions were written."""

    def save(self, store: CurveSource, run_id: str) -> None:
        """Add what the store holds since the last save, and wait until it is on the disk.

        Raises:
            OSError: it can't be written; the next save tries again.
        """
        if not self._pieces.is_whole():
            self._begin()
        points = store.packed_points(run_id, self._num_points)
        epochs = store.epochs(run_id, self._epoch)
        if points or epochs or not self._pieces.begun:
            self._pieces.add(_piece(points, epochs))
        self._num_points += len(points) // POINT_FORMAT.size
        self._epoch = epochs[-1].epoch if epochs else self._epoch
        self._series.save(store, run_id)
        if self._confusions_epoch != self._epoch:
            write_confusions(self._folder, store.confusions(run_id))
            self._confusions_epoch = self._epoch


class SeriesHistory:
    """The named series of a run, kept in its folder as its curve is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SERIES
        self._begin()

    def _begin(self) -> None:
        self._pieces = Pieces(self._path)
        self._saved: dict[str, int] = {}
        """Name → how many of its values."""

    def save(self, store: CurveSource, run_id: str) -> None:
        """Add what the store holds since the last save. Raises OSError."""
        if not self._pieces.is_whole():
            self._begin()
        counts = {metric.name: metric.num_values for metric in store.metrics(run_id)}
        grown = [name for name, count in counts.items() if count > self._saved.get(name, 0)]
        new = {name: store.packed_series(run_id, [name], self._saved.get(name, 0))[name] for name in grown}
        if new or (self._path.exists() and not self._pieces.begun):
            packed = b"".join(new.values())
            sizes = {name: len(values) // SAMPLE_FORMAT.size for name, values in new.items()}
            header = {"series": sizes, "checksum": _series_checksum(packed, sizes)}
            self._pieces.add(json.dumps(header, ensure_ascii=False).encode() + b"\n" + packed)
        for name, values in new.items():
            self._saved[name] = self._saved.get(name, 0) + len(values) // SAMPLE_FORMAT.size


def read_series_history(folder: Path) -> dict[str, bytes]:
    """Name → packed samples in a run's folder, up to the first piece that is damaged."""
    series: dict[str, list[bytes]] = {}
    try:
        with (folder / SERIES).open("rb") as file:
            while line := file.readline(_LONGEST_HEADER):
                header = json.loads(line)
                sizes = {name: int(count) for name, count in header["series"].items()}
                packed = file.read(sum(sizes.values()) * SAMPLE_FORMAT.size)
                if header["checksum"] != _series_checksum(packed, sizes):
                    break
                start = 0
                for name, count in sizes.items():
                    series.setdefault(name, []).append(packed[start : (start := start + count * SAMPLE_FORMAT.size)])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # as in `read_history`
    return {name: b"".join(parts) for name, parts in series.items()}


def _series_checksum(packed: bytes, sizes: Mapping[str, int]) -> int:
    return zlib.crc32(packed, zlib.crc32(json.dumps(sizes, ensure_ascii=False).encode()))


def read_history(folder: Path) -> tuple[bytes, list[EpochRecord]]:
    """The packed points and the epochs in a run's folder, up to the first piece that is damaged."""
    points: list[bytes] = []
    epochs: list[EpochRecord] = []
    try:
        with (folder / HISTORY).open("rb") as file:
            while line := file.readline(_LONGEST_HEADER):
                header = json.loads(line)
                packed = file.read(header["points"] * POINT_FORMAT.size)
                records = [EpochRecord(**values) for values in header["epochs"]]
                if header["checksum"] != _checksum(packed, records):
                    break
                points.append(packed)
                epochs += records
    except (OSError, ValueError, KeyError, TypeError):
        pass  # What follows a damaged piece can't be told from damage; what came before it is whole.
    return b"".join(points), epochs


def write_history(folder: Path, points: bytes, epochs: list[EpochRecord]) -> None:
    """Keep the curve of a run that is over, in place of what there was. Raises OSError."""
    replace_file(folder / HISTORY, _piece(points, epochs))


def write_confusions(folder: Path, confusions: Mapping[int, Confusion]) -> None:
    """Keep confusion matrices by epoch, in place of those before. Raises OSError."""
    kept = [{"epoch": epoch, "classes": each.classes, "counts": each.counts} for epoch, each in confusions.items()]
    text = json.dumps(kept, ensure_ascii=False)
    content = f'{{"checksum": {zlib.crc32(text.encode())},\n"confusions": {text}}}\n'
    replace_file(folder / CONFUSIONS, content.encode())


def read_confusions(folder: Path) -> dict[int, Confusion]:
    """Epoch → confusion matrix as they were kept; none where there are none or they are damaged."""
    try:
        kept = json.loads((folder / CONFUSIONS).read_bytes())
        if kept["checksum"] != zlib.crc32(json.dumps(kept["confusions"], ensure_ascii=False).encode()):
            return {}
        return {
            each["epoch"]: Confusion.of(each["classes"], [count for row in each["counts"] for count in row])
            for each in kept["confusions"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _piece(points: bytes, epochs: list[EpochRecord]) -> bytes:
    header = {
        "points": len(points) // POINT_FORMAT.size,
        "epochs": [asdict(record) for record in epochs],
        "checksum": _checksum(points, epochs),
    }
    return json.dumps(header).encode() + b"\n" + points


def _checksum(points: bytes, epochs: list[EpochRecord]) -> int:
    return zlib.crc32(points, zlib.crc32(json.dumps([asdict(record) for record in epochs]).encode()))


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that there is the old or the new one, never half. Raises OSError."""
    # A screen and the runner beside it keep the same run's line at once, in one process.
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
