"""`lazytrain report`, and what the first screen after an absence shows: the same words for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lazytrain.engine.analysis.digest import Digest
from lazytrain.engine.records import Run, State, iso, local_time
from lazytrain.presets.plain_text import harmless
from lazytrain.tui.words.text import (
    NOTHING,
    chosen_on,
    format_duration,
    format_fraction,
    format_loss,
)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A run in a report."""

    run: Run
    best: str
    """`62.4 % @ 14`"""
    chosen: str
    """On which images: `test`, `validation`; empty where there is no best."""
    last: str
    time: str
    notes: tuple[str, ...]
    """Why it failed, what its log warns of."""


def describe_span(report: Digest) -> str:
    """`the last 8 h 12 min, since 22:48 yesterday`."""
    since, until = local_time(report.since), local_time(report.until)
    if since is None or until is None or report.since <= 0:
        return "since the beginning"
    days = (until.date() - since.date()).days
    day = "" if days == 0 else " yesterday" if days == 1 else f" on {since:%a} {since.day} {since:%b}"
    if since.year != until.year:
        day = f" on {since:%Y-%m-%d}"
    return f"the last {format_duration(report.until - report.since)}, since {since:%H:%M}{day}"


def describe_counts(report: Digest) -> str:
    """`3 finished, 1 failed; 1 in training, 2 queued`."""
    ended = [
        f"{len(runs)} {word}"
        for runs, word in ((report.finished, "finished"), (report.failed, "failed"), (report.stopped, "stopped"))
        if runs
    ]
    now = [f"{len(report.active)} in training"] if report.active else []
    now += [f"{report.num_queued} queued"] if report.num_queued else []
    return "; ".join(part for part in (", ".join(ended) or "no run ended", ", ".join(now)) if part)


def describe_best(report: Digest) -> str:
    """`best: coolnet-v10 quick, 62.4 % at epoch 14, chosen on test; 5 h 10 min of training`; empty if nothing ended."""
    if not report.ended:
        return ""
    best = report.best
    words = ""
    if best is not None:
        chosen = chosen_on(validated=best.id in report.validated)
        words = (
            f"best: {harmless(best.name)}, {format_fraction(best.best_accuracy)} at epoch {best.best_epoch}, {chosen}; "
        )
    return f"{words}{format_duration(report.seconds)} of training"


def report_rows(report: Digest) -> list[ReportRow]:
    """The runs that ended, then those in training."""
    return [_row(run, report) for run in (*report.ended, *report.active)]


def report_record(report: Digest) -> dict[str, Any]:
    """The report for scripts."""
    return {
        "since": iso(report.since),
        "until": iso(report.until),
        "seconds": report.seconds,
        "best": None if report.best is None else report.best.id,
        "queued": report.num_queued,
        **{
            name: [_record(run, report) for run in runs]
            for name, runs in (
                ("finished", report.finished),
                ("failed", report.failed),
                ("stopped", report.stopped),
                ("active", report.active),
            )
        },
    }


def _row(run: Run, report: Digest) -> ReportRow:
    warnings = list(report.warnings.get(run.id, ()))
    chosen = ("validation" if run.id in report.validated else "test") if run.best_epoch else ""
    best = f"{format_fraction(run.best_accuracy)} @ {run.best_epoch}" if run.best_epoch else NOTHING
    notes = [run.error] if run.error else []
    if warnings:
        more = f" (and {len(warnings) - 1} more in its log)" if len(warnings) > 1 else ""
        notes.append(f"{warnings[-1]}{more}")
    if run.state is State.FAILED and not notes:
        notes.append(f"train loss {format_loss(run.train_loss)}; no reason was recorded")
    if run.state is State.FINISHED and run.outcome not in (None, "all epochs done"):
        notes.insert(0, str(run.outcome))
    if run.state.active:
        notes.insert(0, f"epoch {run.epoch} of {run.num_epochs} is done")
    last, time = format_fraction(run.test_accuracy), format_duration(run.seconds or None)
    return ReportRow(run, best, chosen, last, time, tuple(dict.fromkeys(notes)))


def _record(run: Run, report: Digest) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state.value,
        "epoch": run.epoch,
        "num_epochs": run.num_epochs,
        "best_accuracy": run.best_accuracy,
        "best_epoch": run.best_epoch,
        "best_by": "validation" if run.id in report.validated else "test",
        "test_accuracy": run.test_accuracy,
        "test_loss": run.test_loss,
        "seconds": run.seconds,
        "error": run.error,
        "outcome": run.outcome,
        "ended": iso(run.ended),
        "warnings": list(report.warnings.get(run.id, ())),
    }
