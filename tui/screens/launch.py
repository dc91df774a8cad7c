"""Launch: choose an architecture and hyperparameters, see what they make, start."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer, Static

from engine.records import Run
from tui.widgets.top_bar import TopBar


class LaunchScreen(Screen[None]):
    """Architecture × hyperparameters, and the layer table of what they make."""

    def compose(self) -> ComposeResult:
        yield TopBar()
        yield Static("launch")
        yield Footer(compact=True)

    def show_runs(self, runs: list[Run]) -> None:
        """The runs have changed."""
