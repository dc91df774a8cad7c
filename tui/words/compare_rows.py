"""The table beneath compared curves: one row a run (or a setting's seeds), with only the fields that differ."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lazytrain.engine.analysis.comparison import (
    ARCHITECTURE,
    SEED,
    SEED_NAMES,
    Compared,
    Family,
    Outcome,
    best_of,
    differing,
    family_outcome,
    metric_outcome,
    settings_of,
)
from lazytrain.engine.analysis.queries import CONFIG
from lazytrain.engine.configuration import SHORT_NAMES
from lazytrain.tui.words.text import NOTHING, chosen_on, format_duration, format_fraction, format_loss, format_setting

BEST = "★"
"""Stands before the best figure: it is not only coloured."""
MOST_FIELDS = 3
"""In a short label."""
NAME, BEST_ACCURACY, SEEDS = "name", "best", "seeds"
FIGURES = {"best": "best", "last": "last", "lowest": "smallest", "highest": "largest"}
"""How figures of a metric are called in columns."""
_OWN_PART = re.compile(r" (?:seed=\d+|#\d+)(?= |$)")
"""Of a suggested name, what only one of several seeds has."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; numbers are aligned right."""

    key: str
    title: str
    right: bool = True
    higher_first: bool = False
    """Whether the highest value comes first when the column is first sorted by."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is read, and what it is sorted by; None stands last, whichever way."""

    text: str
    value: float | str | None = None


@dataclass(frozen=True, slots=True)
class TableRow:
    """One run, or the seeds of one setting."""

    key: str
    """Id of its first run."""
    name: str
    cells: dict[str, Cell] = field(default_factory=dict[str, Cell])
    best: bool = False
    label: str = ""
    """How it is called beside its curve, in few words."""


@dataclass(frozen=True, slots=True)
class CompareTable:
    """Columns and rows, in the order in which runs were marked."""

    columns: tuple[Column, ...] = ()
    rows: tuple[TableRow, ...] = ()
    chosen: str = ""
    """On which images the best epochs were chosen."""
    main: str = BEST_ACCURACY
    """The column that says how good each got."""

    def sorted_by(self, key: str | None, *, reverse: bool = False) -> list[TableRow]:
        """The rows by a column, equals as they stand; as they were marked without one."""
        rows = list(self.rows)
        if key is None or all(column.key != key for column in self.columns):
            return rows
        known = [row for row in rows if row.cells[key].value is not None]
        known.sort(key=lambda row: _comparable(row.cells[key].value), reverse=reverse)
        return known + [row for row in rows if row.cells[key].value is None]


@dataclass(frozen=True, slots=True)
class Extra:
    """A column that a person asks for: a setting, or a figure of a metric."""

    figure: str
    """`setting`, or which figure: `best`, `last`, `lowest`, `highest`."""
    name: str

    @classmethod
    def parse(cls, key: str) -> Extra:
        """`config.lr`, `best val/bleu`."""
        figure, _, name = key.partition(" ")
        return cls(figure, name) if figure in FIGURES and name else cls("setting", key)


def make_table(families: Sequence[Family], metric: str = "", extra: Sequence[str] = ()) -> CompareTable:
    """The table of what is compared.

    Args:
        metric: the title of the metric whose best is told in place of the accuracy's, if any.
        extra: further columns, as `Extra.parse` reads them.
    """
    firsts = [family.members[0] for family in families]
    folded = any(len(family.members) > 1 for family in families)
    fields = differing(firsts, without=(SEED, *(f"{CONFIG}{name}" for name in SEED_NAMES)) if folded else ())
    outcomes = {family.key: family_outcome(family) for family in families}
    best, reported = best_of(outcomes), any(each.report_accuracy is not None for each in outcomes.values())
    by_validation = [each.validated for each in firsts]
    mixed = len({each.validated for each in firsts if each.configuration is not None}) > 1
    own = any(each.configuration is not None for each in firsts)
    scored = own or any(each.best_accuracy is not None for each in outcomes.values())
    wanted = [Extra("best", metric), Extra("last", metric)] if metric else []
    wanted += [each for key in extra if (each := Extra.parse(key)) not in wanted]
    made = [_extra_column(each, families) for each in wanted if each.figure != "setting" or each.name not in fields]
    # Of which images a program's best accuracy is, only its name for it tells.
    accuracy = Column(BEST_ACCURACY, "best test" if own else "best accuracy", higher_first=True)
    head = [column for column, _ in made[: 1 if metric else 0]] + ([accuracy] if scored or not metric else [])
    columns = (
        Column(NAME, "run", right=False),
        head[0],
        *(column for column, _ in made[1 if metric else 0 :]),
        *(
            # Beside runs that lazytrain trains, whose settings may be called the same.
            Column(name, name if own and name.startswith(CONFIG) else field_title(name), right=_is_number(values))
            for name, values in fields.items()
        ),
        *head[1:],
        *((Column(SEEDS, "seeds", higher_first=True),) if folded else ()),
        *((Column("range", "of the seeds", higher_first=True),) if folded and scored else ()),
        *((Column("epoch", "at epoch"),) if own else ()),
        *((Column("last", "last test", higher_first=True),) if scored else ()),
        *((Column("gap", "train − test"),) if own else ()),
        Column("time", "time"),
        *((Column("rate", "images/s", higher_first=True),) if own else ()),
        *((Column("report", "report", higher_first=True),) if reported else ()),
    )
    labels = short_labels(firsts, fields)
    rows: list[TableRow] = []
    for number, (family, label) in enumerate(zip(families, labels, strict=True)):
        figures = outcomes[family.key]
        name = family_name(family)
        cells = {
            NAME: Cell(name, name.casefold()),
            **{each: _field_cell(values[number]) for each, values in fields.items()},
            **_figure_cells(figures, best=family.key in best, star=("*" if by_validation[number] else " ") * mixed),
            **{column.key: found[number] for column, found in made},
        }
        if folded:
            used, members = len(family.used), len(family.members)
            cells[SEEDS] = Cell(str(used) if used == members else f"{used} of {members}", used)
        leads = cells[head[0].key].text.startswith(BEST)
        rows.append(TableRow(family.key, name, cells, leads, label))
    chosen = f"{chosen_on(validated=False)}, * on validation" if mixed else chosen_on(validated=any(by_validation))
    return CompareTable(columns, tuple(rows), chosen if own and not metric else "", head[0].key)


def _extra_column(extra: Extra, families: Sequence[Family]) -> tuple[Column, list[Cell]]:
    """The column, and its cell in each row."""
    if extra.figure == "setting":
        values = [settings_of(family.members[0]).get(extra.name) for family in families]
        column = Column(extra.name, field_title(extra.name), right=_is_number(values))
        return column, [_field_cell(value) for value in values]
    outcomes = [metric_outcome(family, extra.name) for family in families]
    goal = next((each.goal for each in outcomes if each.goal is not None), None)
    figures = [getattr(each, FIGURES[extra.figure]) for each in outcomes]
    known = [value for value in figures if value is not None and math.isfinite(value)]
    best = None
    if extra.figure == "best" and len(families) > 1:
        best = (min if goal == "min" else max)(known, default=None)
    cells = [
        Cell(
            f"{BEST} {format_loss(value)}" if value is not None and value == best else format_loss(value), _known(value)
        )
        for value in figures
    ]
    return Column(f"{extra.figure} {extra.name}", f"{extra.figure} {extra.name}", higher_first=goal == "max"), cells


def family_name(family: Family) -> str:
    """The run's, or what the names of several seeds share."""
    names = {_OWN_PART.sub("", each.run.name) for each in family.members}
    if len(family.members) == 1:
        return family.members[0].run.name
    configuration = family.members[0].configuration
    if configuration is None:
        return names.pop() if len(names) == 1 else family.members[0].run.project
    edits = tuple(name for name in configuration.edits if name != SEED)
    return names.pop() if len(names) == 1 else configuration.model_copy(update={"edits": edits}).suggested_name


def short_labels(compared: Sequence[Compared], fields: dict[str, tuple[Any, ...]]) -> list[str]:
    """`lr 0.1`, `v7 lr 0.1`: the fewest fields that tell the runs apart; else their names."""
    names, labels = [each.run.name for each in compared], [""] * len(compared)
    left = {name: _without_common_start(values) for name, values in fields.items()}
    for _ in range(MOST_FIELDS):
        if len(set(labels)) == len(labels) or not left:
            break
        made = {
            field: [f"{label} {_say_field(field, value)}".strip() for label, value in zip(labels, values, strict=True)]
            for field, values in left.items()
        }
        chosen = max(made, key=lambda field: len(set(made[field])))  # the first of equals
        labels = made[chosen]
        del left[chosen]
    return labels if len(set(labels)) == len(labels) and all(labels) else names


def _without_common_start(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """`coolnet-v7`, `coolnet-v10` → `v7`, `v10`: a curve's label has little room."""
    if not all(isinstance(value, str) for value in values):
        return values
    start = os.path.commonprefix(values).rfind("-") + 1  # noqa: RUF071  characters are compared, these are no paths
    return tuple(value[start:] or value for value in values)


def _say_field(name: str, value: Any) -> str:
    if value is None:
        return ""  # what a run doesn't have tells nothing
    return format_setting(value) if isinstance(value, str) else f"{field_title(name)} {format_setting(value)}"


def field_title(name: str) -> str:
    """`lr`, `batch`, `flip`: a field's name in a column's head."""
    if name == ARCHITECTURE:
        return "architecture"
    if name.startswith(CONFIG):
        return name.removeprefix(CONFIG)
    return SHORT_NAMES.get(name, name.rpartition(".")[2]).replace("_", " ")


def _figure_cells(figures: Outcome, *, best: bool, star: str = "") -> dict[str, Cell]:
    mark = BEST if best else " "
    span = (
        f"{format_fraction(figures.lowest)} to {format_fraction(figures.highest)}"
        if figures.lowest is not None
        else NOTHING
    )
    gap = NOTHING if figures.gap is None else f"{figures.gap * 100:+.1f} %".replace("-", "−")
    whole = figures.best_epoch is None or figures.best_epoch == int(figures.best_epoch)
    epoch = NOTHING if figures.best_epoch is None else f"{figures.best_epoch:.{0 if whole else 1}f}"
    rate = NOTHING if figures.images_per_second is None else f"{figures.images_per_second:,.0f}"
    return {
        BEST_ACCURACY: Cell(f"{mark} {format_fraction(figures.best_accuracy):>6}{star}", _known(figures.best_accuracy)),
        "range": Cell(span, _known(figures.highest)),
        "epoch": Cell(epoch, _known(figures.best_epoch)),
        "last": Cell(format_fraction(figures.last_accuracy), _known(figures.last_accuracy)),
        "gap": Cell(gap, _known(figures.gap)),
        "time": Cell(format_duration(figures.seconds), _known(figures.seconds)),
        "rate": Cell(rate, _known(figures.images_per_second)),
        "report": Cell(format_fraction(figures.report_accuracy, 0), _known(figures.report_accuracy)),
    }


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _field_cell(value: Any) -> Cell:
    match value:
        case None:
            return Cell(format_setting(value))
        case bool() | int() | float():
            return Cell(format_setting(value), float(value))
        case _:
            return Cell(format_setting(value), str(value).casefold())


def _is_number(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) or value is None for value in values)


def _comparable(value: float | str | None) -> tuple[bool, float | str]:
    """Numbers before words."""
    return (isinstance(value, str), value if value is not None else 0.0)
