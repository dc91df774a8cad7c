"""In which order the charts of a project's metrics stand, and which are hidden; kept between starts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lazytrain.engine.records import Run


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Of charts, by their titles."""

    order: tuple[str, ...] = ()
    """Those that were put in an order; others come after them, as they first came."""
    hidden: frozenset[str] = frozenset()

    def arranged(self, titles: Sequence[str]) -> list[str]:
        """The titles in their order."""
        there = set(titles)
        known = [title for title in self.order if title in there]
        return known + [title for title in titles if title not in set(known)]

    def moved(self, titles: Sequence[str], title: str, beside: str) -> Arrangement:
        """With a title in the place of another one of `titles`; that one, and those between, make room."""
        now = self.arranged(titles)
        place = now.index(beside)
        now.remove(title)
        now.insert(place, title)
        # Where titles of other runs stand among these, they stay.
        rest, there = iter(now), set(now)
        order = [next(rest) if each in there else each for each in self.order]
        return replace(self, order=(*order, *rest))

    def toggled(self, title: str) -> Arrangement:
        """With a chart hidden, or shown again."""
        return replace(self, hidden=self.hidden ^ {title})


class Arrangements:
    """Those of every project, in a file; where it can't be written they last as long as the screen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Arrangement] = {}

    def of(self, run: Run) -> Arrangement:
        """That of the run's project, or of all that lazytrain trains itself."""
        if not self._known:
            self._known = _read(self._path)
        return self._known.get(_project(run), Arrangement())

    def put(self, run: Run, arrangement: Arrangement) -> None:
        """Keep it for the run's project. Other screens' changes to other projects stay."""
        self._known = _read(self._path) | self._known | {_project(run): arrangement}
        written = {
            project: {"order": list(each.order), "hidden": sorted(each.hidden)} for project, each in self._known.items()
        }
        _write(self._path, written)


def recall_columns(path: Path) -> list[str]:
    """The further columns of Compare's table, as `keep_columns` wrote them."""
    return _texts(_read_json(path), "columns")


def keep_columns(path: Path, columns: Sequence[str]) -> None:
    """Keep them for the next start, where the file can be written."""
    _write(path, {"columns": list(columns)})


def _write(path: Path, written: Mapping[str, Any]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


def _project(run: Run) -> str:
    return f"{run.kind.value}/{run.project}"


def _read_json(path: Path) -> Mapping[str, Any]:
    """As far as it can be read: it is no loss that should stop anybody."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return written if isinstance(written, Mapping) else {}


def _read(path: Path) -> dict[str, Arrangement]:
    return {
        project: Arrangement(tuple(_texts(each, "order")), frozenset(_texts(each, "hidden")))
        for project, each in _read_json(path).items()
        if isinstance(each, Mapping)
    }


def _texts(written: Mapping[str, Any], name: str) -> list[str]:
    found = written.get(name)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
