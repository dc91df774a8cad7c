"""The subcommand that gives a metric's values."""

from __future__ import annotations

import csv
import sys
from typing import Annotated

import typer

from lazytrain.engine.analysis.curve_metrics import curve_series, metric_of
from lazytrain.engine.records import Kind
from lazytrain.engine.store.series import SAMPLE_FORMAT, Metric, Sample
from lazytrain.engine.store.store import Store
from lazytrain.presets.plain_text import harmless_cell
from lazytrain.tui.commands.options import AsJson, Home, RunReference
from lazytrain.tui.commands.shared import Refused, places_of
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.output import make_console, print_json
from lazytrain.tui.plain.run_page import print_metrics


def metrics(
    context: typer.Context,
    run: RunReference,
    name: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Metrics to give the values of.", show_default=False)
    ] = None,
    since_step: Annotated[int, typer.Option("--since-step", metavar="N", help="Only values from step N on.")] = 0,
    as_csv: Annotated[bool, typer.Option("--csv", help="As lines of metric, step, seconds, value.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Show what a run has logged, or a metric's values.

    For example: lazytrain metrics last, or: lazytrain metrics last val/acc --csv > acc.csv
    """
    with open_store(places_of(context, home).home) as store:
        found = store.find(run)
        curve = curve_series(store, found.id) if found.kind is Kind.OWN else {}
        in_curve = {each: metric_of(each, samples) for each, samples in curve.items()}
        known = in_curve | {metric.name: metric for metric in store.metrics(found.id)}
        if missing := [each for each in name or () if each not in known]:
            raise Refused(
                f"{found.shown_name} has no metric {missing[0]!r}: "
                + (f"it has {', '.join(list(known)[:10])}" if known else "it has logged none")
            )
        wanted = [known[each] for each in name] if name else list(known.values())
        if not name and not as_csv:
            if as_json:
                print_json([_record(metric) for metric in wanted])
            else:
                print_metrics(wanted, make_console())
            return
        read = {metric.name: curve.get(metric.name) or _samples(store, found.id, metric.name) for metric in wanted}
        values = {each: [sample for sample in samples if sample.step >= since_step] for each, samples in read.items()}
        if as_json:
            print_json(
                [_record(metric) | {"values": [list(sample) for sample in values[metric.name]]} for metric in wanted]
            )
            return
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(("metric", "step", "seconds", "value"))
        for each, samples in values.items():
            rows.writerows(
                (harmless_cell(each), sample.step, f"{sample.seconds:.3f}", repr(sample.value)) for sample in samples
            )


def _samples(store: Store, run_id: str, name: str) -> list[Sample]:
    packed = store.packed_series(run_id, [name])[name]
    return [Sample(*values) for values in SAMPLE_FORMAT.iter_unpack(packed)]


def _record(metric: Metric) -> dict[str, object]:
    return {
        "name": metric.name,
        "num_values": metric.num_values,
        "highest_step": metric.highest_step,
        "last": metric.last,
        "smallest": metric.smallest,
        "largest": metric.largest,
    }
