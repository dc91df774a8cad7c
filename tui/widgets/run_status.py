"""The selected run in two lines: its progress, and what it does or what to do next."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from lazytrain.engine.records import Kind, Run, State, TrainerState, Wanted
from lazytrain.tui.charts.spans import changed_span
from lazytrain.tui.words.text import (
    NOTHING,
    PENDING_WORDS,
    format_count,
    format_done,
    format_duration,
    format_number,
    format_rate,
    state_colour,
    state_glyph,
    state_word,
)

Text = tuple[tuple[str, str], ...]
"""Words, each with its look: `plain`, `detail`, `rest` (of a bar), or the colour of a state."""
LOOKS = {
    "plain": "color: $foreground;",
    "detail": "color: $foreground 80%;",
    "rest": "color: $foreground 18%;",
    **{colour: f"color: ${colour};" for colour in ("text-muted", "text-success", "text-warning", "text-error")},
}
NOTHING_TO_SHOW: tuple[Text, ...] = (
    (("Nothing to show yet.", "plain"),),
    (("Press 1, choose a net and its settings, and press enter to train it.", "plain"),),
)
BAR_WIDTHS = (8, 30)
"""The narrowest and the widest progress bar, in cells."""


class RunStatus(Widget):
    """Progress of one run; of its lines only what changed is repainted."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"run-status--{look}" for look in LOOKS}
    DEFAULT_CSS = (
        "RunStatus {\n  height: auto; min-height: 2; max-height: 5; padding: 0 1;\n"
        + "".join(f"  & > .run-status--{look} {{ {css} }}\n" for look, css in LOOKS.items())
        + "}"
    )

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._run: Run | None = None
        self._waits_for = ""
        self._overfitting: int | None = None
        self._trouble = ""
        self._texts: tuple[Text, ...] = ()
        """Progress and situation, however long."""
        self._lines: list[Text] = []
        """The same in lines of the widget's width."""
        self._styles: dict[str, Style] = {}

    def show(self, run: Run | None, *, waits_for: str = "", overfitting: int | None = None, trouble: str = "") -> None:
        """Show a run.

        Args:
            waits_for: what keeps a queued one from starting.
            overfitting: the epoch since which it overfits.
            trouble: why no more can be shown of it.
        """
        self._run, self._waits_for, self._overfitting, self._trouble = run, waits_for, overfitting, trouble
        self._update()

    @property
    def text(self) -> str:
        """What is shown, without its colours."""
        return "\n".join("".join(words for words, _ in text) for text in self._texts)

    # ── Textual ────────────────────────────────────────────────────────────────────────────────────────────

    def on_resize(self) -> None:
        self._update()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        # Of that width, which may not be the one it has yet.
        return len(wrap(self._compose_texts(width), width))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if y >= len(self._lines):
            return Strip.blank(width, self._style("plain"))
        strip = Strip([Segment(words, self._style(look)) for words, look in self._lines[y]])
        return strip.adjust_cell_length(width, self._style("plain"))

    def _style(self, look: str) -> Style:
        if look not in self._styles:
            self._styles[look] = self.get_component_rich_style(f"run-status--{look}")
        return self._styles[look]

    def _compose_texts(self, width: int) -> tuple[Text, ...]:
        if self._run is None:
            return NOTHING_TO_SHOW
        progress = compose_progress(self._run, max(20, width), self._overfitting)
        return progress, compose_situation(self._run, self._waits_for, self._trouble)

    def _update(self) -> None:
        width = self.content_size.width
        self._texts = self._compose_texts(width)
        before, self._lines = self._lines, wrap(self._texts, width)
        # A second line that wraps, or no longer does, changes the height: only then is the screen laid out anew.
        if len(self._lines) != len(before) or not self.is_mounted:
            self.refresh(layout=True)
            return
        spans = enumerate(map(repainted_span, self._lines, before))
        regions = [Region(span[0], y, span[1] - span[0], 1) for y, span in spans if span is not None]
        if regions:
            self.refresh(*regions)


def wrap(texts: tuple[Text, ...], width: int) -> list[Text]:
    """Texts in lines of at most `width` cells, broken between words and where an error's words are."""
    # Less has no room for a character of two cells, and may be none at all.
    width = max(2, width)
    lines: list[Text] = []
    for text in texts:
        if sum(cell_len(words) for words, _ in text) <= width and not any("\n" in words for words, _ in text):
            lines.append(text)
            continue
        for line in Content.assemble(*text).wrap(width):
            lines.append(tuple((line.plain[span.start : span.end], str(span.style)) for span in line.spans))
    return lines


def repainted_span(text: Text, before: Text) -> tuple[int, int] | None:
    """The cells from the first to after the last that differ; None if none does."""
    if text == before:
        return None
    (now, looks), (old, looked) = _places(text), _places(before)
    width = max(len(now), len(old))
    if cell_len(now) != len(now) or cell_len(old) != len(old):
        return 0, 2 * width  # a character of two cells: which ones they are isn't worth knowing
    for each in (looks, looked):
        each.extend(["plain"] * (width - len(each)))
    return changed_span((now.ljust(width), old.ljust(width)), (looks, looked))


def _places(text: Text) -> tuple[str, list[str]]:
    """Its characters, and each one's look."""
    return "".join(words for words, _ in text), [look for words, look in text for _ in words]


def compose_progress(run: Run, width: int, overfitting: int | None = None) -> Text:
    """`epoch 31/50 ━━━╸── 62 %  5,410 images/s  ETA 3 min 10 s  lr 0.01  overfitting since epoch 14`, in `width` cells.

    Where there isn't room for all, the bar is short and the last facts are left out.
    """
    if run.kind is not Kind.OWN and not run.num_steps:
        # Nobody has said how long it will be.
        if run.kind is Kind.COMMAND and not run.step:
            return ((" ".join(_progress_facts(run)) or NOTHING, "detail"),)
        return (f"step {format_count(run.step)} ", "plain"), (
            "".join(f"  {fact}" for fact in _progress_facts(run)),
            "detail",
        )
    epochs = format_count(run.num_epochs)
    at_work = run.progress.epoch if run.progress is not None and run.progress.epoch else run.epoch
    left = f"epoch {format_count(at_work):>{len(epochs)}}/{epochs} "
    if run.kind is not Kind.OWN:
        steps = format_count(run.num_steps or 0)
        left = f"step {format_count(run.step):>{len(steps)}}/{steps} "
    percent = f" {format_done(run):>5}"
    told = _progress_facts(run)
    short = told
    if overfitting is not None:
        told = [*told, f"overfitting since epoch {overfitting}"]
        # Where not all have room, the learning rate, which is in the run's settings, goes first.
        short = [fact for fact in short if not fact.startswith("lr ")] + [f"overfits since {overfitting}"]
    facts = "".join(f"  {fact}" for fact in told)
    low, high = BAR_WIDTHS
    if len(left) + low + len(percent) + len(facts) > width:
        facts = shorten_facts(short, width - len(left) - low - len(percent))
    bar_width = max(low, min(high, width - len(left) - len(percent) - len(facts)))
    done, rest = draw_bar(run.fraction, bar_width)
    return (left, "plain"), (done, state_colour(run)), (rest, "rest"), (percent, "plain"), (facts, "detail")


def draw_bar(fraction: float, width: int) -> tuple[str, str]:
    """The filled and the empty part of a bar of `width` cells, to half a cell."""
    full, half = divmod(int(max(0.0, min(1.0, fraction)) * width * 2), 2)
    done = "━" * full + "╸" * half
    # Another stroke, not only another colour.
    return done, "─" * (width - len(done))


def shorten_facts(facts: list[str], room: int) -> str:
    """As many facts, from the first on, as fit into `room` cells."""
    text = ""
    for fact in facts:
        if len(text) + 2 + len(fact) > room:
            break
        text += f"  {fact}"
    return text


def _progress_facts(run: Run) -> list[str]:
    if not run.state.active or (run.kind is not Kind.OWN and not run.num_steps):
        return [f"trained for {format_duration(run.seconds)}"] if run.seconds else []
    progress = run.progress
    facts: list[str] = []
    if progress is not None and progress.images_per_second is not None:
        facts.append(f"{format_rate(progress.images_per_second):>14}")
    if run.eta_seconds is not None:
        facts.append(f"ETA {format_duration(run.eta_seconds)}")
    if progress is not None and progress.learning_rate is not None:
        facts.append(f"lr {format_number(progress.learning_rate)}")
    return facts


def compose_situation(run: Run, waits_for: str, trouble: str = "") -> Text:
    """What the run does or what became of it, and what to do next; `trouble` in the place of that."""
    head = f"{state_glyph(run)} {state_word(run)}"
    return (head, state_colour(run)), (f"  {trouble or _situation(run, waits_for)}", "detail")


def _situation(run: Run, waits_for: str) -> str:
    match run.trainer:
        case TrainerState.SUSPENDED:
            wish = f"{PENDING_WORDS[run.pending]} when it goes on · " if run.pending is not None else ""
            return f"{wish}its process is frozen: `fg` in its terminal, or `kill -CONT` its process, goes on"
        case TrainerState.GONE if run.kind is Kind.COMMAND:
            return "the process that ran it ended without a word, and the command with it · r will start it again"
        case TrainerState.GONE if run.kind is not Kind.OWN:
            return "its process ended without a word"
        case TrainerState.GONE:
            return "its process ended without a word · the next lazytrain that is free goes on with it"
        case TrainerState.ALIVE:
            pass
    match run.kind:
        case Kind.COMMAND:
            return _situation_of_command(run, waits_for)
        case Kind.SCRIPT | Kind.LOGS:
            return _situation_of_another(run)
        case Kind.OWN:
            return _situation_of_own(run, waits_for)


def _situation_of_another(run: Run) -> str:
    """Of a program's run: only its person can start that again."""
    if run.pending is not None:
        return {
            Wanted.PAUSE: "at its next step",
            Wanted.STOP: "its program is told; one that never asks run.should_stop goes on to its end",
            Wanted.DISCARD: "its program leaves it first",
            Wanted.RUN: "",
        }[run.pending]
    again = "its program, started again with resume, goes on with it; x discards it"
    match run.state:
        case State.QUEUED | State.STARTING | State.RUNNING:
            return _phase(run)
        case State.PAUSED:
            return "its program waits · space goes on, s stops it"
        case State.FINISHED:
            return run.outcome or "its program has ended"
        case State.STOPPED:
            return again
        case State.INTERRUPTED:
            return f"its process ended without a word · {again}"
        case State.FAILED:
            return f"{run.error or 'no reason was recorded'} · {again}"


def _situation_of_own(run: Run, waits_for: str) -> str:
    if run.pending is not None:
        return {
            Wanted.PAUSE: "after the step that is being trained",
            Wanted.STOP: "its checkpoint is saved; r goes on from there",
            Wanted.DISCARD: "its trainer leaves it first",
            Wanted.RUN: "",
        }[run.pending]
    after = f"after step {format_count(run.step)} of {format_count(run.num_steps)}" if run.num_steps else ""
    match run.state:
        case State.QUEUED:
            reason = waits_for or run.error
            goes_on = f"goes on {after}; " if run.step else ""
            return (
                f"{goes_on}{reason}"
                if reason
                else f"{goes_on}starts when its turn comes; K and J move it, x removes it"
            )
        case State.STARTING | State.RUNNING:
            return _phase(run)
        case State.PAUSED if run.error is not None:
            return f"{run.error} · goes on by itself"
        case State.PAUSED:
            held = f"and holds {run.device} " if run.device else ""
            return f"stays in memory {held}· space goes on, s stops and keeps it"
        case State.FINISHED:
            return f"{run.outcome or 'all epochs done'}"
        case State.STOPPED:
            return f"{after} · r goes on from there, x discards it".lstrip(" ·")
        case State.INTERRUPTED:
            return f"{after}: its process ended · r goes on from the last checkpoint".lstrip(": ")
        case State.FAILED:
            return f"{run.error or 'no reason was recorded'} · r tries again"


def _situation_of_command(run: Run, waits_for: str) -> str:
    if run.pending is not None:
        return {
            Wanted.PAUSE: "its processes are halted, or its program waits at its next step",
            Wanted.STOP: "it is told to end; what doesn't is killed",
            Wanted.DISCARD: "its processes are ended first",
            Wanted.RUN: "",
        }[run.pending]
    again = "r starts it again from its beginning"
    match run.state:
        case State.QUEUED:
            return run.error or waits_for or "starts when its turn comes; K and J move it, x removes it"
        case State.STARTING | State.RUNNING:
            return _phase(run)
        case State.PAUSED if run.error is not None:
            return f"{run.error} · goes on by itself"
        case State.PAUSED:
            return "its processes keep what they have in memory · space goes on, s stops it"
        case State.FINISHED:
            return run.outcome or "finished"
        case State.STOPPED | State.INTERRUPTED:
            return f"{f'{run.outcome} · ' if run.outcome else ''}{again}, x discards it"
        case State.FAILED:
            return f"{run.error or 'no reason was recorded'} · {again}"


def _phase(run: Run) -> str:
    where = f" on {run.device}" if run.device else ""
    progress = run.progress
    if progress is None:
        if run.state is State.STARTING:
            return f"is made ready{where}"
        return f"{'runs' if run.kind is Kind.COMMAND else 'training'}{where}"
    unit = "step " if progress.phase == "training" else ""
    share = f" · {unit}{progress.done:>{len(f'{progress.total:,}')},}/{progress.total:,}" if progress.total else ""
    return f"{progress.phase}{where}{share} · {format_duration(progress.seconds or run.seconds)}"
