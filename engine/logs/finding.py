"""Which logs lie in a folder and below: each becomes a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lazytrain.engine.logs.batch import Source
from lazytrain.engine.logs.events import HPARAMS_FOLDER, MARK, EventFolder, TensorboardMissing, require_tensorboard
from lazytrain.engine.logs.places import Stamp, stamp
from lazytrain.engine.logs.tables import ENDINGS, LIGHTNING, TableFile, read_header
from lazytrain.engine.logs.trackio import ENDING, TrackioFile, TrackioRun

MOST_RUNS = 10_000
"""Found in all: beyond that somebody has named a folder far too high."""
WANDB = (
    "W&B's own files (.wandb) can't be read: the wandb package has no reader that a program could call. `wandb sync`"
    " sends them to a server; a script that logs with `import lazytrain as wandb` needs none"
)


class Finder:
    """Looks through folders again and again, and knows what it has found.

    Hidden folders are passed, and links aren't followed.
    """

    def __init__(self, roots: list[Path]) -> None:
        self.roots = [root.absolute() for root in roots]
        self.sources: dict[str, Source] = {}
        """By their keys, all that were found so far."""
        self.left_out: list[str] = []
        """What there is, but can't be read, and why."""
        self._looked_into: dict[Path, Stamp] = {}
        """Files that are no logs, or that were looked through."""

    def look(self) -> list[Source]:
        """What is new since the last look."""
        new: list[Source] = []
        for root in self.roots:
            for source in self._below(root):
                if source.key in self.sources:
                    continue
                if len(self.sources) >= MOST_RUNS:
                    self._leave_out(f"{root}: more than {MOST_RUNS:,} runs are found: name a folder further down")
                    return new
                self.sources[source.key] = source
                new.append(source)
        return new

    def _leave_out(self, why: str) -> None:
        if why not in self.left_out:
            self.left_out.append(why)

    def _below(self, root: Path) -> Iterator[Source]:
        if root.is_file():
            yield from self._in_folder(root.parent, [root.name], root.parent, False)
            return
        with_events: set[Path] = set()
        for place, folders, files in os.walk(root):
            folder = Path(place)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            of_parent = folder.parent in with_events and HPARAMS_FOLDER.fullmatch(folder.name) is not None
            if any(MARK in name for name in files):
                with_events.add(folder)
            yield from self._in_folder(folder, sorted(files), root, of_parent)

    def _in_folder(self, folder: Path, files: list[str], root: Path, of_parent: bool) -> Iterator[Source]:
        project = root.name or str(root)
        relative = folder.relative_to(root).as_posix()
        name = project if relative == "." else relative
        has_events = any(MARK in file for file in files)
        if has_events and not of_parent:
            if str(folder) in self.sources:
                yield self.sources[str(folder)]
            else:
                try:
                    require_tensorboard()
                    yield EventFolder(folder, name, project)
                except TensorboardMissing as error:
                    self._leave_out(str(error))
        for file in files:
            path = folder / file
            if file.endswith(".wandb"):
                self._leave_out(WANDB)
            elif file == LIGHTNING and has_events:
                continue  # the same figures once more
            elif file.endswith((*ENDINGS, ENDING)) and self._is_new(path):
                yield from self._in_file(path, name, project)

    def _in_file(self, path: Path, name: str, project: str) -> Iterator[Source]:
        try:
            if path.name.endswith(ENDING):
                file = TrackioFile(path)
                yield from (TrackioRun(file, run_id, run_name) for run_id, run_name in file.runs())
            elif read_header(path) is not None:
                alone = path.name == LIGHTNING
                yield TableFile(path, name if alone else _beneath(name, path.stem, project), project)
        except OSError as error:
            self._leave_out(f"{path}: {error.strerror or error}")

    def _is_new(self, path: Path) -> bool:
        """Whether a file wasn't looked into as it is now."""
        try:
            now = stamp(path)
            if path.name.endswith(ENDING):
                # SQLite writes beside it first.
                beside = path.with_name(f"{path.name}-wal")
                now = stamp(beside) if beside.exists() else now
        except OSError:
            return False  # gone meanwhile
        if self._looked_into.get(path) == now:
            return False
        self._looked_into[path] = now
        return True


def _beneath(folder: str, stem: str, project: str) -> str:
    return stem if folder == project else f"{folder}/{stem}"
