"""Everything that is set for a run, and where and how it is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Static

from lazytrain.engine.configuration import RunConfiguration, flatten
from lazytrain.engine.records import Kind, Run, RunnerRecord
from lazytrain.presets import Architecture, Hyperparameters, Report
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.words.text import (
    NOTHING,
    format_count,
    format_duration,
    format_fraction,
    format_loss,
    format_moment,
    format_number,
    format_setting,
    state_look,
)

LABEL_WIDTH = 30
Row = tuple[str, str, str]
"""Label, value, remark."""


class DetailsScreen(ModalScreen[None]):
    """The full configuration of one run, as it was frozen when it was queued; edits are marked."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,i,q,enter", "dismiss", "close", key_display="esc", id="details.close", tooltip="Back to the runs"
        ),
        Binding("up,k", "scroll(-1)", "up", id="details.up", tooltip="A line up", show=False),
        Binding("down,j", "scroll(1)", "down", id="details.down", tooltip="A line down", show=False),
    ]

    def __init__(
        self, run: Run, configuration: RunConfiguration | Mapping[str, Any], runners: Sequence[RunnerRecord]
    ) -> None:
        super().__init__()
        self.run, self.configuration, self.runners = run, configuration, runners

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="panel") as panel:
            panel.border_title = Content(self.run.shown_name)
            yield Static(self._compose_text(self.app.size.width), id="text")
        yield KeyFooter()

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._composed_for:
            self.query_one("#text", Static).update(self._compose_text(event.size.width))

    def _compose_text(self, screen_width: int) -> Content:
        self._composed_for = screen_width
        # The panel's width by its style sheet, less its frame, padding and scrollbar.
        width = min(100, screen_width * 96 // 100) - 5
        if isinstance(self.configuration, Mapping):
            return compose_foreign(self.run, self.configuration, self.runners, width)
        return compose_details(self.run, self.configuration, self.runners, width)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#panel", VerticalScroll).scroll_relative(y=lines, animate=False)


def compose_details(run: Run, configuration: RunConfiguration, runners: Sequence[RunnerRecord], width: int) -> Content:
    """Sections of labelled values in `width` cells; `● edited` marks what was changed before the start."""
    sections = (
        ("Run", _run_rows(run)),
        ("Where and how", _place_rows(run, configuration, runners)),
        ("Results", _result_rows(run, configuration)),
        (f"Architecture · {configuration.architecture_name}", _architecture_rows(configuration.architecture)),
        (f"Hyperparameters · {configuration.hyperparameters_name}", _hyperparameter_rows(configuration)),
    )
    return _compose(sections, width)


def compose_foreign(run: Run, details: Mapping[str, Any], runners: Sequence[RunnerRecord], width: int) -> Content:
    """The same of a run that a program or command of the user's trains."""
    config = ((name, str(value), "") for name, value in flatten(dict(details.get("config") or {})))
    summary = (
        (name, format_loss(value) if isinstance(value, float) else str(value), "")
        for name, value in (details.get("summary") or {}).items()
    )
    sections = (
        ("Run", _run_rows(run)),
        ("Command" if run.kind is Kind.COMMAND else "Program", _program_rows(run, details, runners)),
        ("Config", config),
        ("Last figures", summary),
    )
    return _compose(sections, width)


def _program_rows(run: Run, details: Mapping[str, Any], runners: Sequence[RunnerRecord]) -> Iterator[Row]:
    queued = details.get("queued") or {}
    for name in ("command", "folder", "host", "process", "python"):
        if details.get(name) is not None:
            yield name, str(details[name]), ""
    for name, value in (queued.get("environment") or {}).items():
        yield f"env {name}", str(value), ""
    for name, about in (("needs", "the device"), ("after", "the run that had to finish before")):
        if queued.get(name):
            yield name, str(queued[name]), about
    if run.device:
        yield "device", run.device, run.device_reason or ""
    if details.get("exit_status") is not None:
        yield "exit status", str(details["exit_status"]), "below 0: ended by that signal"
    if details.get("starts", 0) > 1:
        yield "starts", str(details["starts"]), ""
    if details.get("from_output"):
        yield "figures", "read off what it printed", "import lazytrain in it, and it logs them itself"
    if run.state.active and run.kind is Kind.COMMAND:
        yield from (("run by", f"{each.command} (process {each.pid} on {each.host})", "") for each in runners)


def _compose(sections: Iterable[tuple[str, Iterable[Row]]], width: int) -> Content:
    parts: list[Content] = []
    for title, rows in sections:
        listed = list(rows)
        if listed:
            parts.append(Content.styled(title, "bold $text-primary"))
            parts.extend(_row(*row, width=width) for row in listed)
            parts.append(Content(""))
    return Content("\n").join(parts[:-1])


def _row(label: str, value: str, remark: str, *, width: int) -> Content:
    """A label, and beside it the value and the remark, wrapped in a column of their own."""
    colour = "$accent" if remark.startswith("●") else "$foreground 55%"
    text = Content.assemble(value, (f"  {remark}" if remark else "", colour))
    column = LABEL_WIDTH if width >= 70 else LABEL_WIDTH - 6
    lines = text.wrap(max(20, width - column - 2))
    first = Content.styled(f"  {label:<{column}}", "$foreground 65%")
    return Content("\n").join(
        (first if number == 0 else Content(" " * (column + 2))) + line for number, line in enumerate(lines)
    )


def _run_rows(run: Run) -> Iterator[Row]:
    yield "id", run.id, ""
    if run.tags:
        yield "tags", " ".join(f"#{tag}" for tag in run.tags), ""
    if run.note:
        yield "note", run.note, ""
    if run.archived:
        yield "archived", "yes", "A takes it back into the list"
    yield "state", str(state_look(run)), run.outcome or run.error or ""
    yield "queued", format_moment(run.created), ""
    yield "started", format_moment(run.started), ""
    yield "ended", format_moment(run.ended), ""
    yield "trained for", format_duration(run.seconds) if run.seconds else NOTHING, "pauses excluded"
    if run.kind is Kind.OWN:
        yield "epochs", f"{format_count(run.epoch)} of {format_count(run.num_epochs)}", ""
    elif run.project or run.run_group:
        yield "project", " · ".join(filter(None, (run.project, run.run_group))), ""
    yield "steps", f"{format_count(run.step)} of {format_count(run.num_steps)}", ""


def _place_rows(run: Run, configuration: RunConfiguration, runners: Sequence[RunnerRecord]) -> Iterator[Row]:
    yield "device", run.device or NOTHING, run.device_reason or f"asked for: {configuration.device}"
    yield (
        "threads",
        format_count(run.threads),
        "" if run.threads else f"asked for: {configuration.hyperparameters.threads}",
    )
    yield "path", run.path or NOTHING, "how a step is computed"
    if run.versions:
        yield "versions", run.versions, ""
    if run.state.active:
        for runner in runners:
            if run.may_be_of(runner.device):
                yield "trained by", f"{runner.command} (process {runner.pid} on {runner.host})", runner.device_name


def _result_rows(run: Run, configuration: RunConfiguration) -> Iterator[Row]:
    if run.epoch:
        yield (
            "train, last epoch",
            f"loss {format_loss(run.train_loss)}, accuracy {format_fraction(run.train_accuracy)}",
            "",
        )
        yield (
            "test, last epoch",
            f"loss {format_loss(run.test_loss)}, accuracy {format_fraction(run.test_accuracy)}",
            "",
        )
        looks_at = "validation" if configuration.hyperparameters.validation_fraction else "test"
        best = f"{format_fraction(run.best_accuracy)} at epoch {run.best_epoch}" if run.best_epoch else NOTHING
        yield f"best {looks_at} accuracy", best, f"chosen on {looks_at}"
    report = configuration.report
    if report is not None:
        yield "the report says", _describe_report(report), report.words
    if run.weights_sha256:
        yield "weights (SHA-256)", run.weights_sha256, ""


def _describe_report(report: Report) -> str:
    figures = (
        (f"train {format_fraction(report.train_accuracy, 0)}", report.train_accuracy),
        (f"test {format_fraction(report.test_accuracy, 0)}", report.test_accuracy),
        (f"{format_number(report.minutes)} min for 50 epochs", report.minutes),
    )
    return ", ".join(text for text, value in figures if value is not None)


def _architecture_rows(architecture: Architecture) -> Iterator[Row]:
    yield "title", architecture.title, architecture.about
    if architecture.layers is not None:
        for number, layer in enumerate(architecture.layers, start=1):
            yield f"layer {number}", layer.describe(), ""
        yield "classifier", "linear, one output a class", "added: its size comes from the data"
    elif architecture.torchvision is not None:
        yield "torchvision", architecture.torchvision, "untrained"
    else:
        yield "module", architecture.module or NOTHING, "your own code"
    for name, value in architecture.arguments.items():
        yield name, str(value), "argument"


def _hyperparameter_rows(configuration: RunConfiguration) -> Iterator[Row]:
    defaults = dict(flatten(Hyperparameters().model_dump()))
    for name, value in flatten(configuration.hyperparameters.model_dump()):
        remark = ""
        if name in configuration.edits:
            remark = "● edited before the start"
        elif value != defaults[name]:
            remark = f"default: {_say(defaults[name])}"
        yield name.replace("_", " "), str(value) if name == "seed" else _say(value), remark


def _say(value: object) -> str:
    # A bool is an int, too.
    return f"{value:,}" if type(value) is int else format_setting(value, absent="none")
