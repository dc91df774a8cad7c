"""One run in full, for people: its facts, settings, figures and log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from lazytrain.engine.configuration import RunConfiguration, flatten
from lazytrain.engine.events import EpochRecord
from lazytrain.engine.records import Kind, Message, Run
from lazytrain.engine.store.series import Metric
from lazytrain.engine.store.store import Store
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.presets.plain_text import harmless
from lazytrain.tui.plain.output import print_table
from lazytrain.tui.plain.run_record import best_by, read_configuration, read_details
from lazytrain.tui.plain.run_table import state_text
from lazytrain.tui.words.text import (
    NOTHING,
    format_count,
    format_duration,
    format_fraction,
    format_loss,
    format_moment,
    format_number,
)

LAST_LINES = 10
"""Of what a command printed."""
READ_OFF = "read off what it printed"
"""Said of figures that a program didn't log itself."""


def print_run(store: Store, run: Run, console: Console) -> None:
    """One run in full."""
    if run.kind is not Kind.OWN:
        _print_script(store, run, console)
        return
    configuration, unreadable = read_configuration(store, run)
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
    (details, unreadable), metrics = read_details(store, run), store.metrics(run.id)
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
