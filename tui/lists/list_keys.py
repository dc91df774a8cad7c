"""The keys with which one goes through a list; the list has the actions: move, first, last, page."""

from __future__ import annotations

from textual.binding import Binding


def moving_keys(group: str, what: str) -> list[Binding]:
    """Arrows and their letters, home, end and pages, in a list of `what` (`run`); `group` begins their ids."""
    rows = (
        ("up,k", "move(-1)", "up", f"The {what} above"),
        ("down,j", "move(1)", "down", f"The {what} below"),
        ("home,g", "first", "first", f"The first {what}"),
        ("end,G", "last", "last", f"The last {what}"),
        ("pageup", "page(-1)", "page up", "A page up"),
        ("pagedown", "page(1)", "page down", "A page down"),
    )
    return [
        Binding(keys, action, name, id=f"{group}.{name.replace(' ', '_')}", tooltip=tooltip, show=False)
        for keys, action, name, tooltip in rows
    ]
