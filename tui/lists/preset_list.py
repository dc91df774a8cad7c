"""A list of presets: one line each, chosen by moving, narrowed by typing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lazytrain.tui.lists.list_keys import moving_keys
from lazytrain.tui.words.names import tell_apart
from lazytrain.tui.words.text import pad

if TYPE_CHECKING:
    from lazytrain.presets import Catalogue

WARNING = "⚠"
PENDING = "?"


@dataclass(frozen=True, slots=True)
class PresetRow:
    """A preset as it is listed."""

    name: str
    title: str
    detail: str = ""
    """At the right: `62 k`."""
    mark: str = ""
    """`⚠` where it can't be trained, `?` where that isn't known yet."""

    def matches(self, text: str) -> bool:
        """Whether every word of `text` is in the title or the name."""
        own = f"{self.title} {self.name}".casefold()
        return all(word in own for word in text.casefold().split())


def list_studies(catalogue: Catalogue) -> list[PresetRow]:
    """Every study with the number of its runs; those of commands last."""
    from lazytrain.presets import expand_study
    from lazytrain.presets.command import expand_commands

    of_commands = [
        PresetRow(name, preset.get().title, f"{len(expand_commands(preset.get()))} runs")
        for name, preset in catalogue.command_studies.items()
    ]
    return [
        PresetRow(name, preset.value.title, f"{len(expand_study(catalogue, name))} runs")
        if preset.value is not None
        else PresetRow(name, name, mark=WARNING)
        for name, preset in catalogue.studies.items()
    ] + of_commands


def list_commands(catalogue: Catalogue) -> list[PresetRow]:
    """The user's own commands."""
    return [
        PresetRow(name, preset.value.title if preset.value else name, mark="" if preset.value else WARNING)
        for name, preset in catalogue.commands.items()
    ]


class PresetList(ScrollView, can_focus=True):
    """Presets by name. Moving the cursor chooses: there is no second step."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "preset-list--cursor",
        "preset-list--detail",
        "preset-list--mark",
        "preset-list--bar",
    }
    BINDING_GROUP_TITLE = "List"
    BINDINGS: ClassVar[list[BindingType]] = [
        *moving_keys("list", "preset"),
        Binding("enter", "keep_filter", "keep filter", id="list.keep_filter", tooltip="Stop typing, keep the filter"),
        Binding("escape", "clear_filter", "clear filter", id="list.clear_filter", tooltip="Show the whole list again"),
    ]

    chosen: reactive[str] = reactive("", repaint=False)
    """Name of the preset under the cursor."""
    filter: reactive[str] = reactive("", repaint=False)
    filtering: reactive[bool] = reactive(False, repaint=False)
    """Whether keys are typed into the filter."""

    class Chosen(Message):
        """Another preset is under the cursor."""

        def __init__(self, preset_list: PresetList, name: str) -> None:
            super().__init__()
            self.preset_list, self.name = preset_list, name

        @property
        def control(self) -> PresetList:
            return self.preset_list

    def __init__(self, rows: Sequence[PresetRow], chosen: str, *, title: str, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.border_title = title
        self.rows: tuple[PresetRow, ...] = tuple(rows)
        self._titles: tuple[object, dict[str, str]] = (None, {})
        """Of what they were made, and titles as they are shown."""
        self.set_reactive(PresetList.chosen, chosen)

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def visible_rows(self) -> tuple[PresetRow, ...]:
        """The rows that the filter lets through."""
        return tuple(row for row in self.rows if row.matches(self.filter)) if self.filter else self.rows

    @property
    def cursor(self) -> int:
        """Line of the chosen preset; -1 where the filter hides it."""
        return next((line for line, row in enumerate(self.visible_rows) if row.name == self.chosen), -1)

    def show_rows(self, rows: Sequence[PresetRow]) -> None:
        """List other rows; only lines that differ are drawn again."""
        new = tuple(rows)
        if new and self.chosen not in {row.name for row in new}:
            self.chosen = new[0].name  # its file is gone
        if len(new) != len(self.rows):
            self.rows = new
            self._relist()
            return
        changed = [line for line, (old, row) in enumerate(zip(self.rows, new, strict=True)) if old != row]
        self.rows = new
        if self.filter and changed:
            self.refresh()
        for line in changed:
            self.refresh_lines(line)

    def render_line(self, y: int) -> Strip:
        line, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        rows = self.visible_rows
        if line >= len(rows):
            text = " nothing fits" if not rows and line == 0 else ""
            style = self.get_component_rich_style("preset-list--detail")
            return Strip([Segment(text.ljust(width)[:width], style)], width)
        return self._strip(rows[line], width, at_cursor=rows[line].name == self.chosen)

    def _shown_titles(self, width: int) -> dict[str, str]:
        """Titles cut so that they differ, beside the widest of what stands at their right; kept until others come."""
        rows = self.visible_rows
        titles = tuple(row.title for row in rows)
        room = width - 2 - max(cell_len("".join(_beside(row, width))) for row in rows)
        if self._titles[0] != (titles, room):
            self._titles = (titles, room), dict(zip(titles, tell_apart(titles, room), strict=True))
        return self._titles[1]

    def _strip(self, row: PresetRow, width: int, *, at_cursor: bool) -> Strip:
        base = self.get_component_rich_style("preset-list--cursor") if at_cursor else self.rich_style

        def style(name: str) -> Style:
            return base + Style(color=self.get_component_rich_style(name).color)

        detail, mark = _beside(row, width)
        room = width - 2 - cell_len(detail + mark)
        return Strip(
            [
                Segment("▌" if at_cursor else " ", style("preset-list--bar")),
                Segment(pad(self._shown_titles(width)[row.title], room), base),
                Segment(detail, style("preset-list--detail")),
                Segment(mark, style("preset-list--mark")),
                Segment(" ", base),
            ],
            width,
        )

    def on_mount(self) -> None:
        self._relist()

    def on_resize(self) -> None:
        self._relist()

    def _relist(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, max(1, len(self.visible_rows)))
        self.refresh()
        self._keep_cursor_in_view()

    def _keep_cursor_in_view(self) -> None:
        if self.cursor >= 0:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)

    # ── choosing ───────────────────────────────────────────────────────────────────────────────────────────

    def choose_line(self, line: int) -> None:
        """Put the cursor on a line, the nearest there is."""
        rows = self.visible_rows
        if rows:
            self.chosen = rows[max(0, min(len(rows) - 1, line))].name

    def watch_chosen(self, old: str, new: str) -> None:
        for line, row in enumerate(self.visible_rows):
            if row.name in (old, new):
                self.refresh_lines(line)
        self._keep_cursor_in_view()
        self.post_message(self.Chosen(self, new))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y + self.scroll_offset.y < len(self.visible_rows):
            self.choose_line(offset.y + self.scroll_offset.y)

    def action_move(self, lines: int) -> None:
        self.choose_line(self.cursor + lines)

    def action_first(self) -> None:
        self.choose_line(0)

    def action_last(self) -> None:
        self.choose_line(len(self.visible_rows) - 1)

    def action_page(self, pages: int) -> None:
        self.choose_line(self.cursor + pages * max(1, self.scrollable_content_region.height - 1))

    # ── narrowing ──────────────────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "keep_filter":
                return self.filtering
            case "clear_filter":
                return self.filtering or bool(self.filter)
            case _:
                return True

    def start_filter(self) -> None:
        """From now on, type to narrow the list."""
        self.focus()
        self.filtering = True

    def action_keep_filter(self) -> None:
        self.filtering = False

    def action_clear_filter(self) -> None:
        self.filter, self.filtering = "", False

    def on_blur(self) -> None:
        self.filtering = False

    def on_key(self, event: events.Key) -> None:
        """While filtering, printable keys are text and do nothing else."""
        if not self.filtering:
            return
        if event.key == "backspace":
            self.filter = self.filter[:-1]
        elif event.is_printable and event.character:
            self.filter += event.character
        else:
            return
        event.stop()
        event.prevent_default()

    def watch_filter(self) -> None:
        self._show_filter()
        if self.cursor < 0:
            self.choose_line(0)
        self._relist()

    def watch_filtering(self) -> None:
        self._show_filter()
        self.refresh_bindings()

    def _show_filter(self) -> None:
        shown = self.filtering or self.filter
        self.border_subtitle = Content(f"/{self.filter}{'▏' if self.filtering else ''}") if shown else None
        self.refresh_bindings()


def _beside(row: PresetRow, width: int) -> tuple[str, str]:
    """What stands at the right of a title, each after a blank: the detail where there is room, and the mark."""
    detail = f" {row.detail}" if row.detail and width >= 24 else ""
    return detail, f" {row.mark}" if row.mark else ""
