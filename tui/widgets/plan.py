"""What would be trained, in words: the settings, what differs, the data, the report's words and the expected time."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from lazytrain.engine.configuration import SHORT_NAMES, RunConfiguration
from lazytrain.engine.data.datasets import DatasetFacts
from lazytrain.engine.queue.estimate import Estimate
from lazytrain.presets import HyperparameterPreset, Hyperparameters, Report
from lazytrain.tui.state.draft import Draft, differences
from lazytrain.tui.words.text import format_count, format_duration, format_fraction, format_rate, format_setting, rough

CORE = ("dataset", "epochs", "batch_size", "learning_rate")
"""Fields that are always shown."""


def describe_presets(draft: Draft) -> Content:
    """What the two presets say of themselves, and where one of the user's own lies."""
    lines: list[str] = []
    for preset in (draft.architecture, draft.hyperparameters):
        if preset.value is not None and preset.value.about:
            lines.append(f"{preset.value.title}: {preset.value.about}")
        if preset.origin == "yours":
            lines.append(f"yours: {preset.path}")
    return Content("\n".join(lines))


def describe_settings(configuration: RunConfiguration) -> tuple[Content, ...]:
    """The core settings, then whatever else isn't as the default has it: a piece each."""
    values = configuration.hyperparameters
    different = differences(values, Hyperparameters())
    others = {name: value for name, (value, _) in different.items() if name not in CORE}
    settings = {**{name: getattr(values, name) for name in CORE}, **others}
    if configuration.device != "auto":
        settings["device"] = configuration.device
    return tuple(_setting(name, value) for name, value in settings.items())


def describe_differences(draft: Draft, configuration: RunConfiguration) -> Content | None:
    """What the default has instead, and what the edits changed."""
    values, lines = configuration.hyperparameters, list[Content]()
    different = differences(values, Hyperparameters())
    if different:
        was = ", ".join(f"{short(name)} ({_value(before)})" for name, (_, before) in different.items())
        lines.append(Content.styled(f"unlike default: {was}", "$foreground-muted"))
    preset = draft.hyperparameters.value
    if preset is not None and draft.edits:
        lines.append(_describe_edits(draft, preset, values))
    return Content("\n").join(lines) if lines else None


def _describe_edits(draft: Draft, preset: HyperparameterPreset, values: Hyperparameters) -> Content:
    edits = [
        f"{short(name)} {_value(value)} (was {_value(before)})"
        for name, (value, before) in differences(values, preset.values).items()
    ]
    if draft.edits.run_name:
        edits.append(f"name {draft.edits.run_name}")
    if draft.edits.device:
        edits.append(f"device {draft.edits.device}")
    return Content.styled(f"edited: {', '.join(edits)}", "$text-accent")


def describe_data(facts: DatasetFacts) -> tuple[Content, Content | None]:
    """`1,442 train, 355 test images`, and where they are with what to know of them."""
    counts = f"{format_count(facts.num_train)} train, {format_count(facts.num_test)} test images"
    source = " · ".join(part for part in (facts.source, *facts.notes) if part)
    return Content(counts), Content(source) if source else None


def describe_report(configuration: RunConfiguration, preset: HyperparameterPreset) -> Content | None:
    """What the original report found with this pair, or with these settings; None where it says nothing."""
    words = report_words(configuration.report) if configuration.report else ""
    if not words:
        words = preset.report if not configuration.edits else ""
    return Content(f"report: {words}") if words else None


def report_words(report: Report) -> str:
    """`test 62 %, train 99 %, 1 h 15 min; higher test peaks early`."""
    figures = [
        f"{name} {format_fraction(value, 0)}"
        for name, value in (("test", report.test_accuracy), ("train", report.train_accuracy))
        if value is not None
    ]
    if report.minutes is not None:
        figures.append(format_duration(report.minutes * 60))
    return "; ".join(part for part in (", ".join(figures), report.words) if part)


def describe_time(estimate: Estimate | None, waiting: str) -> Content:
    """`about 9 min on cpu (measured: 5,400 images/s)`, or why it isn't known: `waiting` while it is measured."""
    match estimate:
        case Estimate(seconds=float() as seconds, images_per_second=rate, device=device):
            about = Content.styled(f"about {format_duration(rough(seconds))}", "bold")
            return about + Content(f" on {device} (measured: {format_rate(rate)})")
        case Estimate(error=str() as error):
            return Content.styled(f"time unknown: {error}", "$text-warning")
        case _:
            return Content.styled(waiting, "$foreground-muted")


def short(name: str) -> str:
    """`learning_rate` → `lr`, `augmentation.flip` → `flip`, `decay_epochs` → `decay epochs`."""
    return SHORT_NAMES.get(name, name.rpartition(".")[2].replace("_", " "))


def _setting(name: str, value: Any) -> Content:
    return Content.assemble((f"{short(name)} ", "$foreground-muted"), (_value(value), "bold"))


def _value(value: Any) -> str:
    return format_setting(value, absent="none")


def count_words(count: int) -> str:
    """62006 → `62 k`, 11181642 → `11.2 M`."""
    if count >= 1_000_000:
        return f"{count / 1_000_000:.1f} M"
    return f"{count / 1_000:.0f} k" if count >= 1_000 else str(count)
