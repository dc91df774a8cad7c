"""What the commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from lazytrain.engine.analysis.facts import LoggedAccuracy
from lazytrain.engine.configuration import RunConfiguration, flatten
from lazytrain.engine.events import EpochRecord
from lazytrain.engine.records import Kind, Message, Run, State, TrainerState, iso
from lazytrain.engine.store.series import Metric
from lazytrain.engine.store.store import Store
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.presets.plain_text import UNSAFE, harmless
from lazytrain.tui.plain.console import PlainConsole
from lazytrain.tui.words.text import (
    NOTHING,
    format_count,
    format_duration,
    format_fraction,
    format_loss,
    format_moment,
    format_number,
    state_glyph,
    state_word,
)

STATE_COLOURS = {
    State.STARTING: "green",
    State.RUNNING: "green",
    State.PAUSED: "yellow",
    State.FINISHED: "green",
    State.FAILED: "red",
    State.INTERRUPTED: "yellow",
}
"""Of the terminal's own sixteen colours; states not named have none."""

_UNSAFE_JSON = re.compile(f"(?!\n){UNSAFE.pattern}")
GAP = "  "
"""Between two columns."""
MIN_CUT = 8
"""A column is not cut below this many characters, however narrow the window."""
LAST_LINES = 10
"""Of what a command printed."""
READ_OFF = "read off what it printed"
"""Said of figures that a program didn't log itself."""
WIDE = 104
"""Columns from which the run list has room for the date."""


def make_console(stream: TextIO | None = None) -> Console:
    """A console on `stream` (default: stdout) that changes nothing in what it is given."""
    return PlainConsole(stream or sys.stdout)


def print_json(value: Any, stream: TextIO | None = None) -> None:
    """JSON for scripts: NaN and infinities become null; what a terminal would obey, or can't be encoded, is escaped."""
    out: TextIO = stream or sys.stdout
    unicode = (getattr(out, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
    text = json.dumps(_finite(value), indent=2, ensure_ascii=not unicode, allow_nan=False)
    # Line ends and blanks between the values stay; within them, JSON has escaped these already.
    text = _UNSAFE_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    out.write(text + "\n")


def print_table(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """A table without lines. In a terminal it is cut to the window, anywhere else it is never cut.

    A head that starts with `>` has its column aligned right; the column whose head starts with `+` is the one to cut.
    """
    names = [head.lstrip(">+") for head in heads]
    rows = [[cell if isinstance(cell, Text) else harmless(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(names, *rows, strict=True)]
    if console.is_terminal:
        missing = max(0, sum(widths) + len(GAP) * (len(widths) - 1) - console.width)
        widths = [
            max(MIN_CUT, width - missing) if head.startswith("+") else width
            for head, width in zip(heads, widths, strict=True)
        ]
    for number, row in enumerate((names, *rows)):
        line = Text(style="bold" if number == 0 else "")
        for head, cell, width in zip(heads, row, widths, strict=True):
            text = cell.copy() if isinstance(cell, Text) else Text(cell)
            text.truncate(width, overflow="ellipsis")
            text.align("right" if head.startswith(">") else "left", width)
            line.append_text(text).append(GAP)
        line.rstrip()
        console.print(line, soft_wrap=True)


def _width(cell: str | Text) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)


# ── runs ───────────────────────────────────────────────────────────────────────────────────────────────────


def state_text(run: Run) -> Text:
    """`✓ finished`, coloured."""
    standing = Text(f"{state_glyph(run)} {state_word(run)}")
    standing.stylize("yellow" if run.trainer is not TrainerState.ALIVE else STATE_COLOURS.get(run.state, ""))
    return standing


def print_runs(
    runs: Sequence[Run],
    console: Console,
    validated: Container[str] = (),
    num_archived: int = 0,
    logged: Mapping[str, LoggedAccuracy] | None = None,
) -> None:
    """The run list as a table; where it is empty, what to do about it.

    Args:
        validated: ids of those whose best epoch is chosen on images held out for that.
        num_archived: runs that are out of the list.
        logged: run id → accuracy of programs' runs, as far as they log one.
    """
    if not runs and num_archived:
        what = "the only run is" if num_archived == 1 else f"all {num_archived} runs are"
        console.print(f"{what} archived: `lazytrain runs archived` lists them")
        return
    if not runs:
        console.print("no runs yet: `lazytrain train coolnet-v10 quick` makes one in half a minute")
        return
    wide = not console.is_terminal or console.width >= WIDE
    rows: list[tuple[str | Text, ...]] = []
    on_nodes = any(run.node for run in runs)
    for run in runs:
        accuracy = (logged or {}).get(run.id)
        best = f"{format_fraction(run.best_accuracy)} @ {run.best_epoch}" if run.best_epoch else NOTHING
        cells = (
            state_text(run),
            " ".join((run.shown_name, *(f"#{tag}" for tag in run.tags))),
            run.id,
            f"{run.epoch}/{run.num_epochs}" if run.kind is Kind.OWN else NOTHING,
            best if accuracy is None else format_fraction(accuracy.best),
            _chosen_on(run, validated, wide=wide),
            format_fraction(run.test_accuracy if accuracy is None else accuracy.last),
            format_duration(run.seconds if run.seconds else None),
            *((run.node or NOTHING,) if on_nodes else ()),
            *((format_moment(run.created),) if wide else ()),
        )
        rows.append(cells)
    chosen = "chosen on" if wide else "by"
    heads = ("state", "+name", "id", ">epochs", ">best", chosen, ">last", ">time")
    heads = (*heads, *(("node",) if on_nodes else ()), *(("created",) if wide else ()))
    print_table(console, heads, rows)


def _chosen_on(run: Run, validated: Container[str], *, wide: bool) -> str:
    if not run.best_epoch:
        return NOTHING
    return "test" if run.id not in validated else "validation" if wide else "val."


def run_record(store: Store, run: Run) -> dict[str, Any]:
    """Everything known of a run, as `runs --json` and `show --json` give it."""
    configuration, unreadable = _configuration(store, run) if run.kind is Kind.OWN else (None, None)
    return {
        "id": run.id,
        "name": run.name,
        "architecture": run.architecture,
        "hyperparameters_preset": run.hyperparameters,
        "hyperparameters": configuration.hyperparameters.model_dump() if configuration else None,
        "edits": list(configuration.edits) if configuration else [],
        "layers": configuration.architecture.model_dump()["layers"] if configuration else None,
        "configuration_error": unreadable,
        "dataset": run.dataset,
        "state": run.state.value,
        "wanted": run.wanted.value,
        "trainer": run.trainer.value if run.state.active else None,
        "device": run.device,
        "device_reason": run.device_reason,
        "node": run.node,
        "path": run.path,
        "threads": run.threads,
        "seed": run.seed,
        "epoch": run.epoch,
        "num_epochs": run.num_epochs,
        "step": run.step,
        "num_steps": run.num_steps,
        "seconds": run.seconds,
        "train_loss": run.train_loss,
        "train_accuracy": run.train_accuracy,
        "test_loss": run.test_loss,
        "test_accuracy": run.test_accuracy,
        "best_epoch": run.best_epoch,
        "best_accuracy": run.best_accuracy,
        "best_by": best_by(configuration) if configuration else None,
        "outcome": run.outcome,
        "error": run.error,
        "weights_sha256": run.weights_sha256,
        "tags": list(run.tags),
        "note": run.note,
        "archived": run.archived,
        "created": iso(run.created),
        "started": iso(run.started),
        "ended": iso(run.ended),
        "epochs": [asdict(record) for record in store.epochs(run.id)],
        **_script_record(store, run),
    }


def _script_record(store: Store, run: Run) -> dict[str, Any]:
    """What is known of a run beside that, if somebody else trains it."""
    record: dict[str, Any] = {"kind": run.kind.value}
    if run.kind is not Kind.OWN:
        details, unreadable = _details(store, run)
        record["configuration_error"] = unreadable
        record |= {"project": run.project, "group": run.run_group, "command": details.get("command")}
        record |= {"config": details.get("config", {}), "summary": details.get("summary", {})}
        record["metrics"] = [asdict(metric) for metric in store.metrics(run.id)]
        if run.kind is Kind.COMMAND:
            queued = details.get("queued", {})
            record["folder"] = details.get("folder")
            record["exit_status"] = details.get("exit_status")
            record["starts"] = details.get("starts", 0)
            record["from_output"] = details.get("from_output", [])
            record |= {name: queued.get(name) for name in ("arguments", "environment", "needs", "after")}
    return record


def _configuration(store: Store, run: Run) -> tuple[RunConfiguration | None, str | None]:
    """What is stored of it, or why that can't be used: whatever else is known of the run is told all the same."""
    try:
        return store.configuration(run.id), None
    except RunUnreadable as error:
        return None, str(error)


def _details(store: Store, run: Run) -> tuple[dict[str, Any], str | None]:
    """The same of a run that somebody else trains."""
    try:
        return store.details(run.id), None
    except RunUnreadable as error:
        return {}, str(error)


def best_by(configuration: RunConfiguration) -> str:
    """Which images "best" and early stopping look at."""
    return "validation" if configuration.hyperparameters.validation_fraction else "test"


def print_run(store: Store, run: Run, console: Console) -> None:
    """One run in full."""
    if run.kind is not Kind.OWN:
        _print_script(store, run, console)
        return
    configuration, unreadable = _configuration(store, run)
    console.print(Text.assemble(state_text(run), f"  {run.shown_name}  {run.id}"))
    for label, value in _facts(run, configuration):
        console.print(f"  {label:<10} {value}", soft_wrap=True)
    if configuration is not None:
        _print_hyperparameters(configuration, console)
        _print_architecture(configuration, console)
    else:
        console.print(f"\n{unreadable}", soft_wrap=True)
    _print_epochs(store.epochs(run.id), console)
    _print_messages(store.messages(run.id), console)


def _print_script(store: Store, run: Run, console: Console) -> None:
    """A run that somebody else trains."""
    (details, unreadable), metrics = _details(store, run), store.metrics(run.id)
    console.print(Text.assemble(state_text(run), f"  {run.shown_name}  {run.id}"))
    project = " · ".join(filter(None, (run.project, run.run_group)))
    facts = [("project", project)] if project else []
    facts += [
        (label, str(details[key])) for label, key in (("command", "command"), ("folder", "folder")) if key in details
    ]
    facts += _command_facts(store, run, details)
    for label, value in (*facts, *_facts(run, None)):
        console.print(f"  {label:<10} {harmless(value)}", soft_wrap=True)
    if unreadable is not None:
        console.print(f"\n{unreadable}", soft_wrap=True)
    if details.get("config"):
        console.print("\nconfig")
        for name, value in flatten(details["config"]):
            console.print(f"  {harmless(name):<29} {harmless(str(value))}", soft_wrap=True)
    if metrics:
        console.print()
        print_metrics(metrics, console)
        if details.get("from_output"):
            console.print(READ_OFF, soft_wrap=True)
    _print_messages(store.messages(run.id), console)
    printed = store.printed(run.id, limit=LAST_LINES)
    if printed:
        console.print(f"\nprinted last (`lazytrain log {run.id}` has more)")
    for line in printed:
        console.print(f"  {line.text}", soft_wrap=True)


def _command_facts(store: Store, run: Run, details: dict[str, Any]) -> list[tuple[str, str]]:
    """What was queued with a command, and how it ended."""
    if run.kind is not Kind.COMMAND:
        return []
    try:
        command = store.command(run.id)
    except RunUnreadable as error:
        return [("error", str(error))]
    facts = [("env", f"{name}={value}") for name, value in command.environment.items()]
    facts += [("needs", command.needs)] if command.needs else []
    facts += [("after", command.after)] if command.after else []
    facts += [("starts", str(details["starts"]))] if details.get("starts", 0) > 1 else []
    return facts


def print_metrics(metrics: Sequence[Metric], console: Console) -> None:
    """What is known of metrics without their values."""
    if not metrics:
        console.print("no metrics: a program logs them with `lazytrain.log`")
        return
    rows = [
        (
            harmless(metric.name),
            format_count(metric.num_values),
            format_count(metric.highest_step),
            *(format_loss(value) for value in (metric.last, metric.smallest, metric.largest)),
        )
        for metric in metrics
    ]
    print_table(console, ("+metric", ">values", ">last step", ">last", ">lowest", ">highest"), rows)


def _facts(run: Run, configuration: RunConfiguration | None) -> list[tuple[str, str]]:
    of = f" of {format_count(run.num_steps)}" if run.num_steps or run.kind is Kind.OWN else ""
    steps = f"{format_count(run.step)}{of} steps"
    epochs = f"epoch {run.epoch} of {run.num_epochs}, " if run.kind is Kind.OWN else ""
    facts = [
        ("progress", f"{epochs}{steps}, {format_duration(run.seconds)}"),
        (
            "created",
            f"{format_moment(run.created)}, started {format_moment(run.started)}, ended {format_moment(run.ended)}",
        ),
    ]
    if run.device:
        how = f", {run.threads} thread(s), path {run.path}" if run.kind is Kind.OWN else ""
        facts.append(("device", f"{run.device} ({run.device_reason}){how}"))
    if run.epoch:
        facts.append(("train", f"loss {format_loss(run.train_loss)}, accuracy {format_fraction(run.train_accuracy)}"))
        facts.append(("test", f"loss {format_loss(run.test_loss)}, accuracy {format_fraction(run.test_accuracy)}"))
    if run.best_epoch:
        best = f"{format_fraction(run.best_accuracy)} at epoch {run.best_epoch}"
        facts.append(("best", f"{best}, chosen on {best_by(configuration)}" if configuration else best))
    report = configuration.report if configuration else None
    if report is not None and report.test_accuracy is not None:
        facts.append(("report", f"test accuracy about {format_fraction(report.test_accuracy, 0)} after 50 epochs"))
    if run.tags:
        facts.append(("tags", harmless(" ".join(f"#{tag}" for tag in run.tags))))
    if run.note:
        facts.append(("note", run.note))
    if run.archived:
        facts.append(("archived", "`lazytrain archive --undo` takes it back into the list"))
    if run.outcome:
        facts.append(("outcome", run.outcome))
    if run.error:
        facts.append(("error", run.error))
    if run.weights_sha256:
        facts.append(("weights", f"sha256 {run.weights_sha256}"))
    return facts


def _print_hyperparameters(configuration: RunConfiguration, console: Console) -> None:
    console.print(f"\nhyperparameters: {configuration.hyperparameters_name}")
    for name, value in flatten(configuration.hyperparameters.model_dump()):
        shown = format_number(value) if isinstance(value, float) else NOTHING if value is None else str(value)
        edited = "  (edited before the start)" if name in configuration.edits else ""
        console.print(f"  {name:<29} {shown}{edited}", soft_wrap=True)


def _print_architecture(configuration: RunConfiguration, console: Console) -> None:
    architecture = configuration.architecture
    console.print(f"\narchitecture: {configuration.architecture_name} ({architecture.title})")
    if architecture.layers is None:
        console.print(f"  {architecture.torchvision or architecture.module}")
        return
    for number, layer in enumerate((*(layer.describe() for layer in architecture.layers), "classifier"), start=1):
        console.print(f"  {number:>2} {layer}")


def _print_epochs(epochs: Sequence[EpochRecord], console: Console) -> None:
    if not epochs:
        return
    console.print()
    heads = (">epoch", ">train loss", ">train acc.", ">test loss", ">test acc.", ">lr", ">time")
    rows = [
        (
            str(record.epoch),
            format_loss(record.train_loss),
            format_fraction(record.train_accuracy),
            format_loss(record.test_loss),
            format_fraction(record.test_accuracy),
            format_number(record.learning_rate),
            format_duration(record.seconds),
        )
        for record in epochs
    ]
    print_table(console, heads, rows)


def _print_messages(messages: Sequence[Message], console: Console) -> None:
    if messages:
        console.print("\nlog")
    for message in messages:
        mark = "" if message.level == "info" else f"{message.level}: "
        console.print(f"  {format_moment(message.time)}  {mark}{message.text}", soft_wrap=True)


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case _:
            return value
