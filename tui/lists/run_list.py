"""The list of runs: its filter, its order, its marks, and what a person calls the selected run.

The list can be narrowed by a filter (`engine.analysis.queries`) and sorted, on all screens alike. What a person calls
the selected run, its name, tags and note, is asked here, so that every screen with the list can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message

from lazytrain.engine.records import Run, State
from lazytrain.tui.lists.run_lines import RunLines
from lazytrain.tui.state.run_view import ORDER_WORDS, SHORT_ORDER_WORDS

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Verb
    from lazytrain.tui.state.run_view import RunView

NOTHING_FITS = "none fits: escape for all"
ALL_ARCHIVED = "all runs are archived: / archived"
FILTER_TOOLTIP = "Show only runs that fit: coolnet lr>0.01 state:finished tag:night acc>60"


class RunList(RunLines):
    """The runs that fit the filter, archived ones left out unless it asks for them."""

    BINDING_GROUP_TITLE = "Runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/", id="runs.filter", tooltip=FILTER_TOOLTIP),
        Binding("enter", "keep_filter", "keep filter", id="runs.keep_filter", tooltip="Stop typing, keep the filter"),
        Binding("escape", "clear_filter", "show all", id="runs.clear_filter", tooltip="Show every run again"),
        Binding(
            "o",
            "sort",
            "sort",
            id="runs.sort",
            tooltip="Sort: as they stand, by name, best accuracy, training time, age",
            show=False,
        ),
        Binding("c", "mark", "mark", id="runs.mark", tooltip="Mark the run for comparison, or no longer", show=False),
        Binding(
            "M",
            "mark_all",
            "mark all",
            id="runs.mark_all",
            tooltip="Mark every run that is listed, or none of them: with a filter, a study's",
            show=False,
        ),
        Binding(
            "C", "compare", "compare", id="runs.compare", tooltip="Lay the marked runs over each other", show=False
        ),
        Binding("n", "label('rename')", "rename", id="runs.rename", tooltip="Give the run another name", show=False),
        Binding("t", "label('tag')", "tag", id="runs.tag", tooltip="Give the run tags, or take them away", show=False),
        Binding("N", "label('note')", "note", id="runs.note", tooltip="Keep a note beside the run", show=False),
        Binding(
            "A",
            "label('archive')",
            "archive",
            id="runs.archive",
            tooltip="Take the run out of the list, or back into it; `/ archived` shows those that are",
            show=False,
        ),
    ]

    class Marked(Message):
        """Other runs are marked than before."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.border_title = "Runs"
        self.filtering = False
        """Whether keys are typed into the filter."""
        self._all: Sequence[Run] = ()
        self._num_marked = 0
        self._viewed: tuple[str, str] = ("", "now")
        """The filter and the order that the frame tells."""
        self._anchor: str | None = None
        """What was selected when the filter was begun."""

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def view(self) -> RunView:
        """The filter and the order: one for all lists of runs, as marks are."""
        return self._lazytrain.run_view

    def show(self, runs: Sequence[Run]) -> None:
        """List what is to be shown of the runs as they are now.

        A selected run that is gone, or hidden by the filter, leaves the selection to the one in its place.
        """
        line = self.line_of(self.selected_id)
        counts = len(self._all), len(self.runs)
        self._all, runs = runs, self.view.apply(runs, self._lazytrain.store)
        self.runs = runs
        self._places = {run.id: place for place, run in enumerate(runs)}
        if self.selected_id is None:
            # At first, what trains now is what people came to see.
            self.selected_id = next((run.id for run in runs if run.state is State.RUNNING), None)
        if self.line_of(self.selected_id) < 0:
            self.selected_id = runs[min(max(0, line), len(runs) - 1)].id if runs else None
        moved = self.line_of(self.selected_id) != line
        if (len(self._all), len(runs)) != counts or len(self._lazytrain.marks) != self._num_marked:
            self._num_marked = len(self._lazytrain.marks)
            self._fit()
        if (self.view.text, self.view.order) != self._viewed:
            # It was set in another screen's list.
            self._show_filter()
            self._fit()
        self._repaint()
        if moved:
            self._keep_selected_in_view()

    @property
    def empty_text(self) -> str:
        if not self._all:
            return self._lazytrain.no_runs
        return NOTHING_FITS if self.view.narrowed else ALL_ARCHIVED

    def select(self, run_id: str) -> None:
        """Select a run, even one that isn't listed yet: it will be when it comes."""
        if run_id != self.selected_id:
            self._anchor = None
        super().select(run_id)

    def on_resize(self) -> None:
        self._fit()
        self._repaint()
        self._keep_selected_in_view()

    def _fit(self) -> None:
        self._show_title()
        self.virtual_size = Size(self.scrollable_content_region.width, max(1, len(self.runs)))
        self.refresh()

    # ── narrowing and sorting ──────────────────────────────────────────────────────────────────────────────

    def reveal(self, run_id: str) -> None:
        """Give up the filter where it hides this run."""
        if self.line_of(run_id) < 0 and any(run.id == run_id for run in self._all):
            self.filter("")

    def filter(self, text: str) -> None:
        """Show only what fits `text`; one that can't be understood changes nothing but the frame, which shows it."""
        self.view.filter(text)
        self._show_filter()
        self._show_again()

    def _show_again(self) -> None:
        selected = self.selected_id
        self._lines.clear()
        if self._anchor is not None:
            # What is typed may hide it for a moment.
            self.selected_id = self._anchor
        self.show(self._all)
        self._fit()
        self._keep_selected_in_view()
        if self.selected_id is not None and self.selected_id != selected:
            self.post_message(self.Selected(self.selected_id))

    def _show_title(self) -> None:
        shown, there = len(self.runs), sum(run.archived is self.view.query.archived for run in self._all)
        count = f"{shown:,} of {there:,}" if self.view.narrowed else f"{shown:,}"
        marked = len(self._lazytrain.marks)
        said = f"{marked} marked" if marked else ""
        parts = ("Runs", count if there else "", said, SHORT_ORDER_WORDS[self.view.order])
        self.border_title = " · ".join(part for part in parts if part)

    def _show_filter(self) -> None:
        self._viewed = self.view.text, self.view.order
        self.set_class(self.view.error is not None, "wrong")
        typed = f"/{self.view.text}{'▏' if self.filtering else ''}{' ?' if self.view.error else ''}"
        self.border_subtitle = Content(typed) if self.filtering or self.view.text else None
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "keep_filter":
                return self.filtering
            case "clear_filter":
                return self.filtering or bool(self.view.text)
            case "label" | "mark" | "mark_all":
                return bool(self.runs) and not self.filtering
            case "compare":
                return not self.filtering and self.app.current_mode != "compare"
            case _:
                return True

    def action_filter(self) -> None:
        """From now on, type to narrow the list."""
        self.focus()
        self.filtering, self._anchor = True, self.selected_id
        self._show_filter()

    def action_keep_filter(self) -> None:
        if self.view.error is not None:
            self.notify(self.view.error, title="filter", severity="warning", markup=False)
            return
        self.filtering, self._anchor = False, None
        self._show_filter()

    def action_clear_filter(self) -> None:
        self.filtering, self._anchor = False, None
        self.filter("")

    def on_blur(self) -> None:
        self.filtering, self._anchor = False, None
        self.view.revert()
        self._show_filter()

    def on_key(self, event: events.Key) -> None:
        """While filtering, printable keys are text and do nothing else."""
        if not self.filtering:
            return
        if event.key == "enter":
            # At once: a binding's turn comes after keys that arrived with it, which would become text.
            self.action_keep_filter()
        elif event.key == "escape":
            self.action_clear_filter()
        elif event.key == "backspace":
            self.filter(self.view.text[:-1])
        elif event.is_printable and event.character:
            self.filter(self.view.text + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        if self.filtering:
            self.filter(self.view.text + " ".join(event.text.splitlines()))
            event.stop()

    def action_sort(self) -> None:
        self.notify(f"runs: {ORDER_WORDS[self.view.next_order()]}", timeout=2)
        self._show_again()

    # ── marking ────────────────────────────────────────────────────────────────────────────────────────────

    def action_mark(self) -> None:
        if self.selected is not None:
            self._lazytrain.marks.toggle(self.selected.id)
            self.show_marks()
            self.post_message(self.Marked())

    def action_mark_all(self) -> None:
        marks, listed = self._lazytrain.marks, [run.id for run in self.runs]
        if all(run_id in marks for run_id in listed):
            marks.remove(listed)
        else:
            marks.add(listed)
        self.show_marks()
        self.post_message(self.Marked())

    async def action_compare(self) -> None:
        await self._lazytrain.action_mode("compare")

    def show_marks(self) -> None:
        """Show which runs are marked now."""
        self._num_marked = len(self._lazytrain.marks)
        self._fit()

    # ── what a person calls a run ──────────────────────────────────────────────────────────────────────────

    def action_label(self, verb: str) -> None:
        """Ask for the selected run's name, tags or note, or archive it."""
        if self.selected is not None:
            self._lazytrain.command(cast("Verb", verb), self.selected)
