"""`lazytrain study` of a study whose runs are commands: shown first, then run here or queued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from lazytrain.engine.commands.queueing import PlannedCommand, find_twins, plan_commands, queue_planned
from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store
from lazytrain.presets import Catalogue, parse_setting
from lazytrain.tui.plain.output import make_console, print_table
from lazytrain.tui.words.text import STATE_LOOKS


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A run of the study, and what becomes of it."""

    planned: PlannedCommand
    twin: Run | None

    @property
    def chosen(self) -> bool:
        """Whether it is queued: its twin is neither done nor on its way."""
        return self.twin is None or self.twin.state.resumable

    @property
    def what(self) -> str:
        """What becomes of it, in words."""
        if self.twin is None:
            return "to run"
        again = "starts again" if self.chosen else "is there"
        return f"{self.twin.state}: {again} ({self.twin.id})"


class CommandStudyRuns:
    """The runs of the study called `name`.

    Raises:
        CommandError: one can't be started, or what was given doesn't fit a study of a command.
        PresetError: it is broken.
    """

    def __init__(
        self, catalogue: Catalogue, name: str, settings: Sequence[str], num_seeds: int | None, *, again: bool
    ) -> None:
        self.name, self.study, self._again = name, catalogue.command_studies[name].get(), again
        given = dict(map(parse_setting, settings))
        self.planned = plan_commands(self.study, name, settings=given, num_seeds=num_seeds)

    def rows(self, store: Store) -> list[CommandRow]:
        """What is to be run, and what is there already."""
        twins = [None] * len(self.planned) if self._again else find_twins(store, self.planned)
        return [CommandRow(planned, twin) for planned, twin in zip(self.planned, twins, strict=True)]

    def show(self, rows: Sequence[CommandRow]) -> None:
        """Print them."""
        cells = [
            (
                Text("·" if row.twin is None else STATE_LOOKS[row.twin.state].glyph),
                row.planned.label or self.name,
                row.planned.configuration.line,
                row.what,
            )
            for row in rows
        ]
        console = make_console()
        print_table(console, ("", "run", "+command", "what"), cells)
        count = sum(row.chosen for row in rows)
        total = f"{count} run{'' if count == 1 else 's'} to queue"
        console.print(total if count == len(rows) else f"{total}; --again runs anew what is there", style="bold")

    def record(self, rows: Sequence[CommandRow]) -> dict[str, Any]:
        """The plan for scripts."""
        return {
            "study": self.name,
            "title": self.study.title,
            "runs": [
                {
                    "name": row.planned.name,
                    "command": row.planned.configuration.line,
                    "arguments": list(row.planned.configuration.arguments),
                    "config": dict(row.planned.config),
                    "run": row.twin.id if row.twin is not None else None,
                    "state": row.twin.state.value if row.twin is not None else None,
                    "train": row.chosen,
                }
                for row in rows
            ],
        }

    def queue(self, store: Store, rows: Sequence[CommandRow]) -> list[Run]:
        """Queue what is chosen, in order."""
        queued = (queue_planned(store, row.planned, row.twin) for row in rows if row.chosen)
        return [run for run in queued if run is not None]


def underway(rows: Sequence[CommandRow]) -> list[Run]:
    """What is on its way already."""
    return [row.twin for row in rows if row.twin is not None and not row.twin.state.over]
