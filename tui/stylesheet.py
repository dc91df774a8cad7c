"""A stylesheet that parses nothing twice: with several screens, Textual reparses all of it for each, before the first
frame.

Relies on the stylesheet's inner workings as they are in Textual 8.2.
"""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


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
