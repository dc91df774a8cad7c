"""What launching a study would do: its runs, what each and all of them take, and when they would be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from lazytrain.engine.data.datasets import DatasetError, DatasetFacts
from lazytrain.engine.places import module_folder
from lazytrain.engine.queue.studies import PlannedRun, Twins, plan_study
from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store
from lazytrain.presets import Hyperparameters, Preset, Study, expand_study
from lazytrain.tui.lists.preset_list import WARNING
from lazytrain.tui.lists.study_runs import StudyRuns
from lazytrain.tui.state.headline import Expectation
from lazytrain.tui.state.study_plan import StudyDraft, StudyRow, queue_rows
from lazytrain.tui.state.study_words import describe_end, describe_reuse, describe_total
from lazytrain.tui.widgets.flow import Flow
from lazytrain.tui.widgets.plan import describe_settings

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host

ESTIMATE_DELAY = 0.4
"""Seconds that a study must stand before its times are measured: a runner leaves its training for that."""


class StudyPanel(Vertical):
    """One study at a time; does nothing until `show_study`."""

    app: Host  # type: ignore[assignment]

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.preset: Preset[Study] | None = None
        self.rows: list[StudyRow] = []
        self.ready = False
        """Whether the data was looked up and what is there already was found."""
        self._draft: StudyDraft | None = None
        self._twins = Twins()
        self._expectation: Expectation | None = None
        self._measure = False
        self._timer: Timer | None = None
        self._after: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        yield StudyRuns(id="study-runs")
        with VerticalScroll(id="study-plan", can_focus=False):
            yield Static(id="study-refusal")
            yield Static(id="study-about")
            yield Static(id="study-total")
            yield Static(id="study-reuse")
            yield Static(id="study-run")
            yield Flow(id="study-settings")

    def on_mount(self) -> None:
        self.query_one("#study-plan").border_title = "to train"

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    def show_study(self, preset: Preset[Study]) -> None:
        """Show another study: its runs at once, what is there of them as soon as it is known."""
        if preset is self.preset:
            return
        self.preset, self._draft, self._after = preset, None, None
        self.ready, self._measure = False, False
        self.query_one(StudyRuns).border_title = Content(preset.value.title if preset.value else preset.name)
        if self._timer is not None:
            self._timer.stop()
        if preset.value is not None:
            values = [run.values for run in expand_study(self.app.catalogue, preset.name)]
            if all(isinstance(self.app.shelf.known(each), DatasetFacts) for each in values):
                self._draft = StudyDraft(self._plan(preset))
            self._look_up(preset, values)
            self._timer = self.set_timer(ESTIMATE_DELAY, self._begin_measuring)
        self.show()

    @work(thread=True, exclusive=True, group="studies")
    def _look_up(self, preset: Preset[Study], values: list[Hyperparameters]) -> None:
        """Look at the data and at the runs there are, off the screen's thread: either may take a moment."""
        shelf = self.app.shelf
        for each in {(each.dataset, each.image_size): each for each in values}.values():
            if not shelf.is_found(each):
                shelf.find(each)
        planned = self._plan(preset)
        with Store(self.app.home, by="the screen") as store:
            self._twins.find(store, planned, store.runs())
        self.app.call_from_thread(self._looked_up, preset, planned)

    def _looked_up(self, preset: Preset[Study], planned: tuple[PlannedRun, ...]) -> None:
        if preset is not self.preset or not self.is_attached:
            return
        if self._draft is None:
            self._draft = StudyDraft(planned)
        self._draft.planned, self.ready = planned, True
        self.show()

    def _plan(self, preset: Preset[Study]) -> tuple[PlannedRun, ...]:
        app = self.app
        return plan_study(
            app.catalogue,
            preset.name,
            lambda values: app.shelf.known(values) or DatasetError(f"no dataset {values.dataset}"),
            device=app.device,
            module_folder=module_folder(app.home),
        )

    def _begin_measuring(self) -> None:
        self._measure = True
        self.show()

    def show(self) -> None:
        """Show what is known by now; something in the store may have changed."""
        if not self.is_attached or self.preset is None:
            return
        app = self.app
        self.rows = []
        if self._draft is not None:
            self.rows = self._draft.rows(app.store, self._twins, app.runs if self.ready else (), measure=self._measure)
        runs = self.query_one(StudyRuns)
        runs.show_rows(self.rows)
        study = self.preset.value
        refusal = self.preset.error or next((row.refusal for row in self.rows if row.refusal), None)
        if runs.row is not None and runs.row.refusal is not None:
            refusal = runs.row.refusal
        self._fill("#study-refusal", Content.assemble((f"{WARNING} ", "bold"), refusal) if refusal else None)
        words = [study.about, f"report: {study.report}" if study.report else ""] if study is not None else []
        self._fill("#study-about", Content("\n".join(word for word in words if word)))
        self._show_total()
        self._show_run()
        if self._after is not None and self.pending is None:
            then, self._after = self._after, None
            then()

    def _show_total(self) -> None:
        app = self.app
        if not self.rows:
            self._fill(
                "#study-total", Content("looking at the dataset…") if self.preset and self.preset.value else None
            )
            self._fill("#study-reuse", None)
            return
        if self._expectation is None:
            self._expectation = Expectation(app.store, app.shelf)
        total = describe_total(self.rows, app.measuring_text)
        end = describe_end(self.rows, app.runs, self._expectation.seconds, app.clock())
        self._fill("#study-total", Content.styled(" · ".join(part for part in (total, end) if part), "bold"))
        self._fill("#study-reuse", Content(describe_reuse(self.rows)))

    def _show_run(self) -> None:
        """What is set in the run under the cursor."""
        row = self.query_one(StudyRuns).row
        self._fill("#study-run", Content.styled(row.planned.name, "$foreground-muted") if row else None)
        self.query_one("#study-settings", Flow).pieces = describe_settings(row.planned.configuration) if row else ()

    def _fill(self, selector: str, content: Content | None) -> None:
        widget = self.query_one(selector, Static)
        widget.update(content or "")
        widget.set_class(not content, "-empty")

    # ── switching and starting ─────────────────────────────────────────────────────────────────────────────

    def on_study_runs_run_moved(self, event: StudyRuns.RunMoved) -> None:
        event.stop()
        self.show()

    def on_study_runs_flipped(self, event: StudyRuns.Flipped) -> None:
        event.stop()
        if self._draft is not None:
            self._draft.flip(event.planned)
            self.show()

    @property
    def pending(self) -> str | None:
        """What it waits for before it can be queued."""
        if self.preset is None or self.preset.value is None:
            return None
        if not self.ready:
            return "the data has been looked at"
        if any(row.check.pending for row in self.rows if row.chosen):
            return "its nets have been checked"
        return None

    def launch(self, then: Callable[[list[Run]], None]) -> None:
        """Queue what is switched on, now or as soon as all of it was checked; `then` gets the runs."""
        if self.pending is not None:
            self._after = lambda: self._queue(then)
            self.app.notify(f"queued as soon as {self.pending}", markup=False)
        else:
            self._queue(then)

    def _queue(self, then: Callable[[list[Run]], None]) -> None:
        app, preset, draft = self.app, self.preset, self._draft
        if preset is None or draft is None or not any(row.chosen for row in self.rows):
            text = (preset.error if preset else None) or (
                "every run of it is there already, or can't be trained: space switches one on"
            )
            app.notify(text, title="nothing to queue", severity="warning", timeout=10, markup=False)
            return
        rows = [row for row in self.rows if row.chosen]
        times = [row.seconds_to_go for row in rows]
        title = preset.value.title if preset.value else preset.name
        app.ask_if_long(times, title, lambda: self._queue_rows(tuple(self.rows), title, draft, then))

    def _queue_rows(
        self, rows: Sequence[StudyRow], title: str, draft: StudyDraft, then: Callable[[list[Run]], None]
    ) -> None:
        app = self.app
        reuse = describe_reuse(rows)
        queued = queue_rows(app.store, rows)
        draft.settle()
        app.nudge()
        app.notify(
            f"{len(queued)} run{'' if len(queued) == 1 else 's'} queued{f'; {reuse}' if reuse else ''}",
            title=title,
            timeout=4,
            markup=False,
        )
        self.show()
        then(queued)
