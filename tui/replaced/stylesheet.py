"""A stylesheet that does nothing twice, and nothing that isn't looked at.

With several screens Textual parses all of it again for each, before the first frame; and it finds the style of every
component class of a widget, such as a chart's for each of eight runs, whenever the widget's own is found.
Relies on the stylesheet's inner workings as they are in Textual 8.2.

It is about the time until a screen is there: the first frame takes 28 % less of the processor with it (75 and 102 ms,
imports apart), Monitor opened for the first time 34 % (134 and 209 ms), Compare 65 % (93 and 261 ms); medians of
7 pairs: `python -m benchmarks.startup --plain stylesheet --trials 7`.
"""

from __future__ import annotations

from typing import Any, cast

from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode


class KeptStylesheet(Stylesheet):
    """Rules stay as they were parsed until a variable (the theme's colours) changes."""

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:
            super().set_variables(variables)
            self._require_parse = True

    def reparse(self) -> None:
        if self._require_parse:
            # What was parsed before is in the sheet's own cache. Where a source is wrong, the rules stay as they were.
            self.parse()

    def _process_component_classes(self, node: DOMNode) -> None:
        names = node._get_component_classes()
        if not names:
            return
        before = dict(node._component_styles)
        styles = ComponentStyles(self, node, names)
        node._component_styles = styles
        # Only what was used can have been shown.
        if any(name in styles and styles[name] != style for name, style in before.items()):
            node.refresh()


class ComponentStyles(dict[str, Any]):
    """Component class → its style for one widget, found when it is first asked for."""

    def __init__(self, stylesheet: Stylesheet, node: DOMNode, names: frozenset[str]) -> None:
        super().__init__()
        self._stylesheet, self._node, self._names = stylesheet, node, names

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __missing__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        virtual = DOMNode(classes=name)
        virtual._attach(cast("Any", self._node))
        self._stylesheet.apply(virtual, animate=False)
        self[name] = virtual.styles
        return virtual.styles

    def clear(self) -> None:
        """The widget is gone, and so are its styles."""
        super().clear()
        self._names = frozenset[str]()
