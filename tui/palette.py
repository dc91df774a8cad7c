"""The command palette: what every key does, and what can be asked of each run, as `group: Action`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.types import IgnoreReturnCallbackType

from lazytrain.engine.records import Run, State
from lazytrain.tui.screens.help import list_keys

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host, Verb


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the palette."""

    title: str
    about: str
    run: IgnoreReturnCallbackType


VERBS: dict[Verb, str] = {
    "pause": "Stays in memory and goes on at once",
    "resume": "Goes on where it was",
    "stop": "Saved, and can be resumed",
    "discard": "Deleted, after a question",
    "up": "One place earlier in the queue",
    "down": "One place later in the queue",
}
MOVING = ("move(", "page(", "focus_list(", "first", "last", "move_cursor(", "command_palette", "keep_filter")
"""Beginnings of actions that are no use by name."""
NAMES: dict[Verb, str] = {"up": "Move up", "down": "Move down"}


class LazytrainCommands(Provider):
    """What can be done here and now; what doesn't apply isn't offered."""

    app: Host  # type: ignore[assignment]

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.title)
            if score > 0:
                yield Hit(score, matcher.highlight(command.title), command.run, text=command.title, help=command.about)

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(command.title, command.run, text=command.title, help=command.about)

    def _commands(self) -> Iterator[Command]:
        yield from self._key_commands()
        yield from run_commands(self.app)
        yield from report_commands(self.app)
        yield from compare_commands(self.app)
        yield Command("view: Theme…", "Change the colours", self.app.action_change_theme)

    def _key_commands(self) -> Iterator[Command]:
        """The actions of the screen's keys, moving about left out."""
        screen: Any = self.screen
        applying = {
            (id(active.node), active.binding.action) for active in screen.active_bindings.values() if active.enabled
        }
        for line in list_keys(screen):
            if (id(line.node), line.action) not in applying or line.action.startswith(MOVING):
                continue
            if line.action in ("train", "add") and screen.proposal.refusal:
                continue
            group = "app" if line.node is self.app else line.group.lower()
            group = "go to" if line.action.startswith("mode(") else group
            yield Command(
                f"{group}: {line.description[:1].upper()}{line.description[1:]}",
                line.tooltip,
                partial(self.app.run_action, line.action, line.node),
            )


def run_commands(app: Host) -> Iterator[Command]:
    """What can be asked of each run in its state."""
    for run in app.runs:
        for verb in possible_verbs(run):
            title = f"run: {NAMES.get(verb, verb.capitalize())} {run.shown_name}"
            yield Command(title, VERBS[verb], partial(app.command, verb, run))
        yield Command(f"run: Show {run.shown_name}", "Open it on Monitor", partial(app.open_monitor, run.id))
        yield Command(f"run: Export {run.shown_name}", "Write it to files", partial(app.export, [run]))


def report_commands(app: Host) -> Iterator[Command]:
    """A written report of each study, where there is any run at all."""
    for name, preset in app.catalogue.studies.items():
        if app.runs and preset.value is not None:
            title = f"study: Report on {preset.value.title}"
            yield Command(title, "Tables, curves and configuration in Markdown", partial(app.report_study, name))


def compare_commands(app: Host) -> Iterator[Command]:
    """Compare the runs of each study."""
    for name, preset in app.catalogue.studies.items():
        if preset.error is None:
            about = "Mark the runs of this study, and lay them over each other"
            yield Command(f"compare: Study {name}", about, partial(app.compare_study, name))


def possible_verbs(run: Run) -> tuple[Verb, ...]:
    """The verbs that the run's state allows."""
    match run.state:
        case State.PAUSED:
            return ("resume", "stop", "discard")
        case State.STARTING | State.RUNNING:
            return ("pause", "stop", "discard")
        case State.QUEUED:
            return ("up", "down", "stop", "discard")
        case _:
            return ("resume", "discard") if run.state.resumable else ("discard",)
