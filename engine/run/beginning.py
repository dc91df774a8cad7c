"""A run goes on with what it was begun with, or not at all: its data, and the source of a net of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lazytrain.engine.analysis.identity import digest_module, module_sources
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.image_folders import SPLITS
from lazytrain.engine.data.manifest import digest_without_times
from lazytrain.engine.data.origin import (
    NAME,
    Origin,
    OriginDamaged,
    data_difference,
    origin_of,
    read_origin,
    source_difference,
)
from lazytrain.engine.data.rules import NEWEST, Rules
from lazytrain.engine.data.tensors import Dataset
from lazytrain.engine.places import module_folder
from lazytrain.engine.store.archive import replace_file
from lazytrain.engine.store.checkpoint import generations
from lazytrain.engine.store.journal import Journal

_GO_ON = "Put back what it was begun with and resume it, or train anew: queue it as a new run"


class Changed(RuntimeError):
    """A run can't go on with other data or another net; the message says what differs, and how to go on."""


@dataclass(slots=True)
class Beginning:
    """Compares what a run finds with what it was begun with, and writes that down where it begins."""

    journal: Journal
    run_id: str
    configuration: RunConfiguration
    keep: Callable[[Callable[[], Any]], Any]
    """Does what writes, again and again until there is room."""
    say: Callable[[str], None]
    """Tells a person what to know."""
    _begun: bool = field(init=False)
    """Whether it has a checkpoint to go on from."""
    _before: Origin | None = field(init=False, default=None)
    _lost: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._begun = bool(generations(self._folder / "checkpoints"))
        if not self._begun:
            return
        try:
            self._before = read_origin(self._folder)
        except OriginDamaged as error:
            self._lost = True
            self.say(f"whether its data are those that it was begun with can't be told: {error}")

    @property
    def rules(self) -> Rules:
        """By which its images are found and made RGB: those of its beginning, which an older lazytrain didn't write."""
        if self._before is not None:
            return self._before.rules
        return Rules.FIRST if self._begun and not self._lost else NEWEST

    def check(self, dataset: Dataset) -> None:
        """Before the first step, or before it goes on. Raises Changed."""
        module = self.configuration.architecture.module
        sources = module_sources(module, module_folder(self.journal.home)) if module is not None else {}
        now = origin_of(dataset, sources)
        if self._before is not None:
            self._compare(self._before, now)
            return
        if self._begun and not self._lost:
            self._compare_digests(now)
        elif not self._begun:
            self._follow_digests(now)
        self.keep(partial(replace_file, self._folder / NAME, now.pack()))

    @property
    def _folder(self) -> Path:
        return self.journal.run_folder(self.run_id)

    @property
    def _dataset(self) -> str:
        return self.configuration.hyperparameters.dataset

    def _compare(self, before: Origin, now: Origin) -> None:
        data = data_difference(before, now)
        if data is not None and not data.by_decoding:
            raise Changed(f"the images of {self._dataset} aren't those that it was begun with: {data}. {_GO_ON}")
        source = source_difference(before.sources, now.sources)
        if source is not None:
            module = self.configuration.architecture.module
            raise Changed(f"the source of {module} isn't what it was begun with: {source}. {_GO_ON}")
        if data is not None:
            self.say(f"the images are {data}: the rest may differ in the last bits")

    def _compare_digests(self, now: Origin) -> None:
        """An older lazytrain began it, and wrote digests down when it was queued, by which it can't be told what."""
        changed = self._changed_since_queued(now)
        if changed:
            raise Changed(f"{changed} since it was queued; what, an older lazytrain didn't write down. {_GO_ON}")

    def _follow_digests(self, now: Origin) -> None:
        """It begins: what it is trained on is what counts when runs are compared."""
        changed = self._changed_since_queued(now)
        if changed:
            self.say(f"{changed} since it was queued: it is trained on what is there now")
            found = {"data_digest": self._data_digest(now), "module_digest": self._module_digest()}
            configuration = self.configuration.model_copy(update=found)
            self.keep(partial(self.journal.reconfigure, self.run_id, configuration))

    def _changed_since_queued(self, now: Origin) -> str:
        queued = self.configuration
        if queued.data_digest is not None and queued.data_digest != self._data_digest(now):
            return f"the images of {self._dataset} were changed"
        if queued.module_digest is not None and queued.module_digest != self._module_digest():
            return f"the source of {queued.architecture.module} was changed"
        return ""

    def _data_digest(self, now: Origin) -> str | None:
        """As `freeze` gives it: of a folder of images alone."""
        is_folder = now.files.startswith(tuple(f"{split}/".encode() for split in SPLITS))
        return digest_without_times(now.files, now.classes) if is_folder else None

    def _module_digest(self) -> str | None:
        module = self.configuration.architecture.module
        return digest_module(module, module_folder(self.journal.home)) if module is not None else None
