"""The written report as Markdown: what was compared, the table, the curves as pictures, and all that must be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from lazytrain.engine.analysis.original import AGREEMENT, verdict
from lazytrain.engine.data.datasets import DatasetFacts
from lazytrain.engine.export.written_report import Describe, Setting, Spread, WrittenReport
from lazytrain.engine.records import State
from lazytrain.presets import Architecture
from lazytrain.tui.words.markdown import field_name, plain, setting_text, table
from lazytrain.tui.words.text import NOTHING, STATE_LOOKS, format_count, format_duration, format_moment


def write_markdown(
    report: WrittenReport, describe: Describe, *, now: float, version: str, pictures: Sequence[str | None] = ()
) -> str:
    """The report.

    Args:
        describe: what is known of a setting's data, for the sizes of its net.
        now: Unix seconds, when it is written.
        version: of lazytrain.
        pictures: a relative address for each chapter that has one, else None; () if no pictures are made.
    """
    parts = [
        f"# {report.title[:1].upper()}{report.title[1:]}",
        _opening(report, now, version),
        "## What was compared",
        _compared(report),
        "## Results",
        _results(report),
        *_curves(report, pictures),
        *_beside_the_original(report),
        *_not_there(report),
        "## Configuration",
        *_configuration(report, describe),
        "## Versions and device",
        _places(report),
        "## How it was measured",
        _method(report),
        "## Runs",
        _runs(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(report: WrittenReport, now: float, version: str) -> str:
    states = Counter(each.run.state for each in report.runs)
    order = sorted(states, key=lambda state: (state is not State.FINISHED, state is not State.FAILED))
    counts = [f"{states[state]} {STATE_LOOKS[state].word}" for state in order]
    if report.missing:
        counts.append(f"{len(report.missing)} not trained yet")
    runs = len(report.runs) + len(report.missing)
    said = f"{runs} run{'' if runs == 1 else 's'}: {', '.join(counts)}." if runs else "No runs."
    when = datetime.fromtimestamp(now)
    program = "lazytrain" if version.startswith("(") else f"lazytrain {version}"
    return f"{said} Written by {program} on {when:%Y-%m-%d} at {when:%H:%M}."


def _compared(report: WrittenReport) -> str:
    lines = [plain(report.about)] if report.about else []
    nets = list(dict.fromkeys(each.configuration.architecture_name for each in report.settings))
    changed = [f"- architecture: {', '.join(map(plain, nets))}"] if len(nets) > 1 else []
    for name in report.differing:
        values = dict.fromkeys(setting_text(_field(each, name)) for each in report.settings)
        changed.append(f"- {field_name(name)}: {', '.join(values)}")
    seeds = sorted({seed for each in report.settings for seed in _seeds(each)})
    if "seed" not in report.differing and len(seeds) > 1:
        changed.append(f"- seed: {', '.join(map(str, seeds))} (each setting with several)")
    if changed:
        lines.append("These differ, and nothing else:\n\n" + "\n".join(changed))
    elif len(report.settings) == 1:
        lines.append(f"One setting: {plain(report.settings[0].label)}.")
    if report.original:
        lines.append(f"The original report saw: {plain(report.original)}.")
    return "\n\n".join(lines)


def _seeds(setting: Setting) -> list[int]:
    here = [each.run.seed for each in setting.runs]
    return [*here, *(planned.seed for planned in setting.missing)]


# ── the table ──────────────────────────────────────────────────────────────────────────────────────────────


def _results(report: WrittenReport) -> str:
    columns: list[tuple[str, Callable[[Setting], str]]] = [("setting", lambda each: plain(each.label))]
    for name in report.differing:
        columns.append((f">{field_name(name)}", lambda each, name=name: setting_text(_field(each, name))))
    if any(len(_seeds(each)) > 1 for each in report.settings):
        columns.append((">seeds", _num_seeds))
    columns += [
        (">best test (%)", lambda each: _percent(each.best_test)),
        (">at epoch", _epochs),
        (">last test (%)", lambda each: _percent(each.last_test)),
        (">last train (%)", lambda each: _percent(each.last_train)),
        (">gap (points)", lambda each: _percent(each.gap)),
        (">time", lambda each: format_duration(each.seconds.mean) if each.seconds else NOTHING),
        (">images/s", lambda each: _rate(each.images_per_second)),
    ]
    if any(each.original and each.original.test_accuracy is not None for each in report.settings):
        columns.append((">original report: last test (%)", _original_accuracy))
    columns.append(("state", _state))
    best = None
    if len(report.settings) > 1 and "dataset" in report.common:
        best = max((each.best_test.mean for each in report.settings if each.best_test), default=None)
    rows: list[list[str]] = []
    for each in report.settings:
        row = [cell(each) for _, cell in columns]
        if each.best_test and each.best_test.mean == best:
            place = next(number for number, (head, _) in enumerate(columns) if head == ">best test (%)")
            row[place] = f"**{row[place]}**"
        rows.append(row)
    return table([head for head, _ in columns], rows)


def _num_seeds(setting: Setting) -> str:
    trained, all_of_them = len(setting.scored), len(_seeds(setting))
    return str(trained) if trained == all_of_them else f"{trained} of {all_of_them}"


def _epochs(setting: Setting) -> str:
    """`14`, or `12–16` of several seeds, with what was asked for."""
    found = setting.best_epochs
    asked = setting.configuration.hyperparameters.epochs
    if not found:
        return NOTHING
    low, high = min(found), max(found)
    return f"{low} of {asked}" if low == high else f"{low}–{high} of {asked}"


def _original_accuracy(setting: Setting) -> str:
    original = setting.original
    if original is None or original.test_accuracy is None:
        return ""
    figure = f"{100 * original.test_accuracy:.0f}"
    if original.epochs == setting.configuration.hyperparameters.epochs:
        return figure
    return f"{figure} after {original.epochs} epochs"


def _state(setting: Setting) -> str:
    states = Counter(STATE_LOOKS[each.run.state].word for each in setting.runs)
    if setting.missing:
        states["not trained yet"] = len(setting.missing)
    if len(states) == 1:
        return next(iter(states))
    return ", ".join(f"{count} {word}" for word, count in states.items())


def _percent(figure: Spread | None) -> str:
    if figure is None:
        return NOTHING
    spread = f" ± {100 * figure.deviation:.1f}" if figure.deviation is not None else ""
    return f"{100 * figure.mean:.1f}{spread}".replace("-", "−")


def _rate(figure: Spread | None) -> str:
    return NOTHING if figure is None else f"{figure.mean:,.0f}"


# ── what surrounds it ──────────────────────────────────────────────────────────────────────────────────────


def _curves(report: WrittenReport, pictures: Sequence[str | None]) -> list[str]:
    if not any(pictures):
        return []
    parts = ["## Curves"]
    for chapter, picture in zip(report.chapters, pictures, strict=True):
        title = plain(chapter.title[:1].upper() + chapter.title[1:])
        if len(report.chapters) > 1:
            parts.append(f"### {title}")
        parts.append(f"![{title}: loss and accuracy by epoch]({quote(picture)})" if picture else "No figures yet.")
    return parts


def _beside_the_original(report: WrittenReport) -> list[str]:
    """What the original report says of each setting, and whether it is so here."""
    rows: list[list[str]] = []
    for each in report.settings:
        original = each.original
        if original is None or not (original.words or original.test_accuracy is not None):
            continue
        figures: list[str] = []
        if original.train_accuracy is not None:
            figures.append(f"train {100 * original.train_accuracy:.0f} %")
        if original.test_accuracy is not None:
            figures.append(f"test {100 * original.test_accuracy:.0f} %")
        said = "; ".join(part for part in (", ".join(figures), original.words) if part)
        ours = NOTHING
        if each.last_test is not None and each.last_train is not None:
            ours = f"train {_percent(each.last_train)} %, test {_percent(each.last_test)} %"
        elif each.diverged:
            ours = "diverged"
        rows.append([plain(each.label), plain(said), ours, verdict(each) or "not trained yet"])
    if not rows:
        return []
    how = (
        f"Figures are after the last epoch; test accuracies within {100 * AGREEMENT:.0f} percentage points of each "
        "other agree. The original report's are rounded, and of one run each."
    )
    return ["## Beside the original report", table(["setting", "original report", "here", ""], rows), how]


def _not_there(report: WrittenReport) -> list[str]:
    parts: list[str] = []
    failed = [each.run for each in report.runs if each.run.state is State.FAILED]
    if failed:
        lines = [f"- {plain(run.name)} ({run.id}): {plain(run.error or 'no reason was written')}" for run in failed]
        parts += ["## Failed", "\n".join(lines)]
    going = [each.run for each in report.runs if each.run.state not in (State.FINISHED, State.FAILED)]
    if going:
        lines = [
            f"- {plain(run.name)} ({run.id}): {STATE_LOOKS[run.state].word}, {run.epoch} of {run.num_epochs} epochs"
            for run in going
        ]
        parts += ["## Not finished", "\n".join(lines)]
    if report.missing:
        lines = [
            f"- {plain(planned.short_name)}" + (f": {plain(planned.error)}" if planned.error else "")
            for planned in report.missing
        ]
        parts += ["## Not trained yet", "\n".join(lines)]
    return parts


def _configuration(report: WrittenReport, describe: Describe) -> list[str]:
    parts: list[str] = []
    if report.common:
        rows = [[field_name(name), setting_text(value)] for name, value in report.common.items()]
        what = "All runs have these:" if len(report.settings) > 1 else "Hyperparameters:"
        parts += [what, table(["hyperparameter", "value"], rows)]
    if report.differing:
        heads = ["setting", *(f">{field_name(name)}" for name in report.differing)]
        rows = [
            [plain(each.label), *(setting_text(_field(each, name)) for name in report.differing)]
            for each in report.settings
        ]
        parts += ["These differ:", table(heads, rows)]
    nets = {each.configuration.architecture_name: each for each in reversed(report.settings)}
    lines = [
        f"- **{plain(name)}** ({plain(each.configuration.architecture.title)}): "
        + _net(each.configuration.architecture, describe(each.configuration.hyperparameters))
        for name, each in reversed(nets.items())
    ]
    return [*parts, "Nets, from the image to the classifier:", "\n".join(lines)] if lines else parts


def _net(architecture: Architecture, data: object) -> str:
    """Its layers on one line, with the number of parameters where the data's size is known."""
    if architecture.layers is None:
        arguments = ", ".join(f"{name} = {value!r}" for name, value in architecture.arguments.items())
        kind = "torchvision's" if architecture.torchvision else "module"
        return f"{kind} `{architecture.torchvision or architecture.module}`" + (f" ({arguments})" if arguments else "")
    names = [layer.describe() for layer in architecture.layers]
    if not isinstance(data, DatasetFacts):
        return " → ".join([*names, "classifier"])
    from lazytrain.presets.layers import LayerError, count_parameters, size_layers

    try:
        sized = size_layers(architecture.layers, data.input_shape, data.num_classes)
    except LayerError as error:
        return f"{' → '.join(names)}; it doesn't fit: {error}"
    return f"{' → '.join([*names, f'linear {data.num_classes}'])}; {format_count(count_parameters(sized))} parameters"


def _places(report: WrittenReport) -> str:
    """Where runs were trained, and with what; each once."""
    places = Counter(
        (each.run.versions, each.run.device, each.run.device_reason, each.run.threads, each.run.path)
        for each in report.runs
        if each.run.device is not None
    )
    lines: list[str] = []
    for (versions, device, reason, threads, path), count in places.items():
        thread = f", {threads} thread{'' if threads == 1 else 's'}" if device == "cpu" else ""
        facts = (f"{device} ({reason}){thread}", f"steps by {path}", versions or "versions not recorded")
        lines.append(f"- {count} run{'' if count == 1 else 's'}: {'; '.join(map(plain, facts))}")
    return "\n".join(lines) or "Nothing was trained yet."


def _method(report: WrittenReport) -> str:
    validated = {each.configuration.hyperparameters.validation_fraction > 0 for each in report.settings}
    lines = [
        "Images are RGB, normalised as (x / 255 − 0.5) / 0.5. Accuracy is the share of images whose largest output "
        "is their class.",
        "Test figures are taken over all test images after each epoch, with the net in evaluation mode. Train figures "
        "are means over an epoch's steps, taken while the weights change and on the images as they are trained on, "
        "with what augmentation does to them; so they lag behind by half an epoch.",
    ]
    if False in validated:
        lines.append(
            "The best epoch is the one with the highest test accuracy. It is chosen by the images that it is measured "
            "on, so it flatters a little; the last epoch's figure doesn't."
        )
    if True in validated:
        lines.append(
            "Where images are held out for validation, the best epoch is the one with the highest accuracy on them, "
            "and the test accuracy given is that epoch's."
        )
    lines.append(
        "The gap is train minus test accuracy after the last epoch. Time is that of training and evaluation, without "
        "pauses; images/s is that of training alone."
    )
    if any(len(each.scored) > 1 for each in report.settings):
        lines.append(
            "± is the standard deviation over seeds (n − 1), of the figure before it, which is their mean. In the "
            "pictures a mean lies in a band from the lowest seed to the highest. A seed that failed counts in neither."
        )
    return "\n".join(f"- {line}" for line in lines)


def _runs(report: WrittenReport) -> str:
    rows = [
        [
            *(plain(each.run.name), f"`{each.run.id}`", plain(setting.label), str(each.run.seed)),
            *(STATE_LOOKS[each.run.state].word, format_moment(each.run.ended)),
            f"`{each.run.weights_sha256[:16]}`" if each.run.weights_sha256 else NOTHING,
        ]
        for setting in report.settings
        for each in setting.runs
    ]
    heads = ["run", "id", "setting", ">seed", "state", "ended", "SHA-256 of the last weights"]
    return table(heads, rows) if rows else "None yet."


def _field(setting: Setting, name: str) -> Any:
    values: Any = setting.configuration.hyperparameters.model_dump()
    for part in name.split("."):
        values = values[part]
    return values
