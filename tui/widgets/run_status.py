"""The selected run in two lines: its progress, and what it does or what to do next."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from engine.records import Run, State, Trainer, Wanted
from tui.text import (
    PENDING_WORDS,
    format_count,
    format_duration,
    format_number,
    format_rate,
    state_colour,
    state_glyph,
    state_word,
)

BAR_WIDTHS = (8, 30)
"""The narrowest and the widest progress bar, in cells."""


class RunStatus(Widget):
    """Progress of one run; repainted only when its text changes."""

    DEFAULT_CSS = "RunStatus { height: auto; min-height: 2; max-height: 5; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._run: Run | None = None
        self._waits_for = ""
        self._overfitting: int | None = None
        self._content = Content("")
        self._wrapped: tuple[int, list[Content]] = (0, [])
        """`_content` in lines of so many cells."""

    def show(self, run: Run | None, *, waits_for: str = "", overfitting: int | None = None) -> None:
        """Show a run.

        Args:
            waits_for: what keeps a queued one from starting.
            overfitting: the epoch since which it overfits.
        """
        self._run, self._waits_for, self._overfitting = run, waits_for, overfitting
        self._compose_text()

    @property
    def text(self) -> str:
        """What is shown, without its colours."""
        return self._content.plain

    def on_resize(self) -> None:
        self._compose_text()

    def render(self) -> Content:
        return self._content

    def _compose_text(self) -> None:
        run = self._run
        if run is None:
            content = Content(
                "Nothing to show yet.\nPress 1, choose a net and its settings, and press enter to train it."
            )
        else:
            first = compose_progress(run, max(20, self.content_size.width), self._overfitting)
            content = Content("\n").join((first, compose_situation(run, self._waits_for)))
        if content.is_same(self._content):
            return
        # A second line that wraps, or no longer does, changes the height: only then is the screen laid out anew.
        width = max(1, self.content_size.width)
        lines = content.wrap(width)
        before = self._wrapped[1] if self._wrapped[0] == width else self._content.wrap(width)
        self._content, self._wrapped = content, (width, lines)
        if len(lines) != len(before) or not self.is_mounted:
            self.refresh(layout=True)
            return
        changed = [y for y, (line, old) in enumerate(zip(lines, before, strict=True)) if not line.is_same(old)]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))


def compose_progress(run: Run, width: int, overfitting: int | None = None) -> Content:
    """`epoch 31/50 ━━━╸── 62 %  5,410 images/s  ETA 3 min 10 s  lr 0.01  overfitting since epoch 14`, in `width` cells.

    Where there isn't room for all, the bar is short and the last facts are left out.
    """
    epochs = format_count(run.num_epochs)
    at_work = run.progress.epoch if run.progress is not None and run.progress.epoch else run.epoch
    left = f"epoch {format_count(at_work):>{len(epochs)}}/{epochs} "
    percent = f" {int(run.fraction * 100):>3} %"
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
    colour = state_colour(run)
    return Content.assemble(
        left,
        (done, f"${colour}"),
        (rest, "$foreground 18%"),
        percent,
        (facts, "$foreground 80%"),
    )


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
    if not run.state.active:
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


def compose_situation(run: Run, waits_for: str) -> Content:
    """What the run does or what became of it, and what to do next."""
    head = f"{state_glyph(run)} {state_word(run)}"
    return Content.assemble((head, f"${state_colour(run)}"), (f"  {_situation(run, waits_for)}", "$foreground 80%"))


def _situation(run: Run, waits_for: str) -> str:
    match run.trainer:
        case Trainer.SUSPENDED:
            wish = f"{PENDING_WORDS[run.pending]} when it goes on · " if run.pending is not None else ""
            return f"{wish}its process is frozen: `fg` in its terminal, or `kill -CONT` its process, goes on"
        case Trainer.GONE:
            return "its process ended without a word · the next lazytrain that is free goes on with it"
        case Trainer.ALIVE:
            pass
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


def _phase(run: Run) -> str:
    where = f" on {run.device}" if run.device else ""
    progress = run.progress
    if progress is None:
        return f"is made ready{where}" if run.state is State.STARTING else f"training{where}"
    unit = "step " if progress.phase == "training" else ""
    share = f" · {unit}{progress.done:>{len(f'{progress.total:,}')},}/{progress.total:,}" if progress.total else ""
    return f"{progress.phase}{where}{share} · {format_duration(progress.seconds or run.seconds)}"
