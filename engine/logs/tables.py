"""Tables that grow by a line each step or epoch: Lightning's `metrics.csv`, and what Keras' `CSVLogger` writes."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from lazytrain.engine.logs.batch import MOST_BYTES, Batch, Rewritten
from lazytrain.engine.logs.hparams import read_hparams
from lazytrain.engine.logs.places import Stamp, open_at, place_of, stamp
from lazytrain.engine.store.series import Sample

LIGHTNING = "metrics.csv"
ENDINGS = (".csv", ".log", ".tsv")
LONGEST_LINE = 1 << 20
STEPS = ("step", "epoch")
"""Columns that say where a line belongs, the first that there is."""
_NOTHING = frozenset(("", "NA", "None"))


def read_header(path: Path) -> list[str] | None:
    """The columns of a table of a training; None if it is none. Raises OSError."""
    with path.open("rb") as file:
        line = file.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        return None
    return _columns(line, any_place=path.name == LIGHTNING)


def _columns(line: bytes, *, any_place: bool) -> list[str] | None:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    names = [name.strip() for name in next(csv.reader([text], delimiter=_delimiter(text)), [])]
    # Lightning's columns are sorted; elsewhere the first one tells a training's table from any other.
    fits = any(name in names for name in STEPS) if any_place else names[:1] == ["epoch"] or names[:1] == ["step"]
    return names if fits and len(names) > 1 and all(name.isprintable() for name in names) else None


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


class TableFile:
    """One such file."""

    format = "CSV"

    def __init__(self, path: Path, name: str, project: str) -> None:
        self.path, self.name, self.project = path, name, project
        self.key = str(path)
        self._read: Stamp | None = None

    def size(self) -> int:
        return self.path.stat().st_size

    def read(self, position: dict[str, Any]) -> Batch | None:
        now = stamp(self.path)
        hparams = read_hparams(self.path.parent, position.get("hparams")) if self.path.name == LIGHTNING else None
        if now == self._read and hparams is None:
            return None
        changed = now[1] / 1e9
        # A table tells no times: what is there at first counts as of one moment, and then when it came.
        batch = Batch(position=dict(position), started=position.get("started", changed), changed=changed)
        batch.position["started"] = batch.started
        if hparams is not None:
            batch.config, batch.position["hparams"] = hparams.values, hparams.stamp
            batch.said += hparams.said
        try:
            self._read_lines(batch)
        except Rewritten:
            self._read = None
            raise
        if not batch.more:
            self._read = now
        return batch

    def _read_lines(self, batch: Batch) -> None:
        place = batch.position.get("file")
        with open_at(self.path, place) as file:
            offset = file.tell()
            file.seek(0)
            header = file.readline(LONGEST_LINE)
            columns = _columns(header, any_place=self.path.name == LIGHTNING)
            if columns is None:
                return
            offset = max(offset, len(header))
            file.seek(offset)
            data = file.read(MOST_BYTES)
            whole = data.rfind(b"\n") + 1
            if not whole and len(data) == MOST_BYTES:
                batch.said.append(f"a line of more than {MOST_BYTES >> 20} MB: nothing more is read")
                return
            seconds = max(0.0, batch.changed - batch.started)
            delimiter = _delimiter(header.decode("utf-8-sig"))
            wrong = 0
            for line in data[:whole].splitlines(keepends=True):
                wrong += _take(line, columns, delimiter, seconds, batch)
                offset += len(line)
                if batch.full:
                    break
            batch.num_bytes += whole
            batch.more = batch.full or len(data) == MOST_BYTES
            batch.position["file"] = place_of(file, offset)
            if wrong:
                batch.said.append(f"{wrong:,} lines of it are no figures of a step or an epoch: they are left out")


def _take(line: bytes, columns: list[str], delimiter: str, seconds: float, batch: Batch) -> bool:
    """Put a line's figures into the batch; whether there were none that could be told."""
    text = line.decode("utf-8", errors="replace").strip("\r\n")
    if not text:
        return False
    cells = dict(zip(columns, next(csv.reader([text], delimiter=delimiter)), strict=False))
    where = next((name for name in STEPS if name in cells and cells[name].strip() not in _NOTHING), None)
    place = _number(cells[where]) if where is not None else None
    if place is None or not math.isfinite(place):
        return True
    for name, cell in cells.items():
        # Keras counts by epochs, and nothing else: as a metric of its own the column would say nothing.
        if name and name != where and (value := _number(cell)) is not None:
            batch.add(name, Sample(int(place), seconds, value))
    return False


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
