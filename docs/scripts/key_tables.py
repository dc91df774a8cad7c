"""Tables of keys, from the bindings of the screens themselves."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Sequence
from functools import cache

from textual.binding import Binding
from textual.dom import DOMNode

import lazytrain.tui
from docs.scripts.tables import table

NAMES = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pageup": "page up",
    "pagedown": "page down",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}
TITLES = {
    "ChartScreen": "charts",
    "LazytrainApp": "everywhere",
    "LogScreen": "the log",
    "HelpScreen": "help",
    "RunList": "the list of runs",
    "PresetList": "a list of presets",
    "StudyRuns": "a study's runs",
    "ComparisonTable": "the table",
    "DetailsScreen": "everything that is set",
    "ConfirmScreen": "a question",
    "LabelScreen": "a name, tags or a note",
    "ExportScreen": "export",
    "SummaryScreen": "what happened meanwhile",
    "EditScreen": "edit before the start",
    "MetricGrid": "charts of metrics",
    "PickScreen": "a choice of many",
}
"""Of classes whose name isn't what people call it."""


APART = ("ChartScreen",)
"""Classes whose keys have a table of their own, wherever they are inherited."""


def list_keys(names: Sequence[str]) -> str:
    """A table for each of these classes, its title in the head. Raises KeyError if there is no such class."""
    found = nodes()
    return "\n".join(
        table((title(name), "what it does"), ((keys, said) for keys, said in _lines(found[name]))) for name in names
    )


def title(name: str) -> str:
    """`Monitor`, `the list of runs`."""
    return TITLES.get(name, name.removesuffix("Screen"))


def _lines(node: type[DOMNode]) -> Iterator[tuple[str, str]]:
    for binding in bindings(node):
        if binding.tooltip and binding.description:
            yield " ".join(f"`{key}`" for key in names_of(binding)), binding.tooltip


def names_of(binding: Binding) -> list[str]:
    """The keys of a binding, as they are called in the text: `ctrl+p`, `←`, `?`."""
    return ["+".join(NAMES.get(part, part) for part in key.strip().split("+")) for key in binding.key.split(",")]


def bindings(node: type[DOMNode]) -> list[Binding]:
    """Those that the class or one of ours that it is made from declares, the latter first."""
    ours = [
        each
        for each in reversed(node.__mro__)
        if each.__module__.startswith("lazytrain.") and (each is node or each.__name__ not in APART)
    ]
    return [each for kind in ours for each in vars(kind).get("BINDINGS", ()) if isinstance(each, Binding)]


@cache
def nodes() -> dict[str, type[DOMNode]]:
    """Every class of the screen that declares bindings, by name."""
    found: dict[str, type[DOMNode]] = {}
    for module in pkgutil.walk_packages(lazytrain.tui.__path__, "lazytrain.tui."):
        for name, each in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if each.__module__ == module.name and issubclass(each, DOMNode) and "BINDINGS" in vars(each):
                found[name] = each
    return found


def known_keys() -> set[str]:
    """Every key that does something on some screen."""
    return {name for node in nodes().values() for binding in bindings(node) for name in names_of(binding)}
