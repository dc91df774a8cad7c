"""How things are said everywhere on the screen: states, times, counts and figures, with their units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from lazytrain.engine.records import Kind, Run, State, TrainerState, Wanted, local_time
from lazytrain.presets.plain_text import harmless

MOST_SECONDS = 1000 * 365.25 * 86_400
"""Above this a time is no figure that anybody counts in days."""
NOTHING = "–"
"""Stands where there is no figure yet."""


@dataclass(frozen=True, slots=True)
class StateLook:
    """A state as people see it: one glyph of one cell, a word, and the theme variable of its colour (without `$`)."""

    glyph: str
    word: str
    colour: str

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


# Not ⏸: many monospaced fonts lack it, and terminals that draw it as an emoji make it two cells wide.
STATE_LOOKS: dict[State, StateLook] = {
    State.QUEUED: StateLook("◌", "queued", "text-muted"),
    State.STARTING: StateLook("▷", "starting", "text-success"),
    State.RUNNING: StateLook("▶", "running", "text-success"),
    State.PAUSED: StateLook("‖", "paused", "text-warning"),
    State.FINISHED: StateLook("✓", "finished", "text-success"),
    State.STOPPED: StateLook("■", "stopped", "text-muted"),
    State.FAILED: StateLook("✗", "failed", "text-error"),
    State.INTERRUPTED: StateLook("⚠", "interrupted", "text-warning"),
}

SUSPENDED = StateLook("◇", "suspended", "text-warning")
"""An active run whose trainer is frozen."""

PENDING_WORDS: dict[Wanted, str] = {
    Wanted.RUN: "resuming…",
    Wanted.PAUSE: "pausing…",
    Wanted.STOP: "stopping…",
    Wanted.DISCARD: "discarding…",
}


def chosen_on(*, validated: bool) -> str:
    """What stands beside a best figure: on which images it was chosen."""
    return "chosen on validation" if validated else "chosen on test"


def state_look(run: Run) -> StateLook:
    """How the run stands: its state, unless its trainer is frozen or dead."""
    match run.trainer:
        case TrainerState.ALIVE:
            return STATE_LOOKS[run.state]
        case TrainerState.SUSPENDED:
            return SUSPENDED
        case TrainerState.GONE:
            return STATE_LOOKS[State.INTERRUPTED]


def state_glyph(run: Run) -> str:
    """One cell wide."""
    return state_look(run).glyph


def state_word(run: Run) -> str:
    """`running`, `pausing…`, `suspended`: what training confirmed, or what was asked and is not confirmed yet."""
    if run.pending is not None and run.trainer is TrainerState.ALIVE:
        return PENDING_WORDS[run.pending]
    return state_look(run).word


def state_colour(run: Run) -> str:
    """Name of the theme variable for the run's state, without `$`."""
    return state_look(run).colour


def format_duration(seconds: float | None) -> str:
    """Seconds → `8 s`, `3 min 10 s`, `1 h 15 min`, `2 d 3 h`; at most two units."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds > MOST_SECONDS:
        return "over 1,000 years"
    whole = max(0, round(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour} h" if hour else f"{days} d"
    if hours:
        return f"{hours} h {minute} min" if minute else f"{hours} h"
    if minutes:
        return f"{minutes} min {second} s" if second else f"{minutes} min"
    return f"{second} s"


def rough(seconds: float) -> float:
    """An expected time without digits that promise too much: 9 min, not 9 min 3 s."""
    for step, above in ((300, 7200), (60, 300), (10, 60), (5, 20)):
        if seconds >= above:
            return round(seconds / step) * step
    return max(1, round(seconds))


def format_count(count: int | None) -> str:
    """12500 → `12,500`."""
    return NOTHING if count is None else f"{count:,}"


def format_rate(images_per_second: float | None) -> str:
    """5410.3 → `5,410 images/s`; one decimal below 10."""
    if images_per_second is None or not math.isfinite(images_per_second):
        return f"{NOTHING} images/s"
    digits = 0 if images_per_second >= 9.95 else 1
    return f"{images_per_second:,.{digits}f} images/s"


def format_fraction(fraction: float | None, digits: int = 1) -> str:
    """0.6238 → `62.4 %`."""
    if fraction is None:
        return NOTHING
    return f"{fraction * 100:.{digits}f} %" if math.isfinite(fraction) else "NaN"


def format_done(run: Run) -> str:
    """`62 %` of its steps; 100 % only when all are done. `step 407` where its program never says of how many."""
    if run.kind is not Kind.OWN and not run.num_steps:
        return f"step {format_steps(run.step)}"
    return f"{int(run.fraction * 100)} %"


def format_loss(loss: float | None) -> str:
    """A loss with the digits that matter: `0.412`, `12.31`, `1.23e+05`, `NaN`."""
    if loss is None:
        return NOTHING
    if math.isnan(loss):
        return "NaN"
    if math.isinf(loss):
        return "∞"
    if loss and not 0.001 <= abs(loss) < 10_000:
        return f"{loss:.2e}"
    return f"{loss:.{3 if abs(loss) < 9.9995 else 2 if abs(loss) < 99.995 else 1}f}"


def format_number(value: float | None) -> str:
    """A setting as people write it: 0.01 → `0.01`, 0.0001 → `0.0001`, 50.0 → `50`."""
    return NOTHING if value is None else f"{value:.6g}".replace("e-0", "e-").replace("e+0", "e+")


def format_steps(step: int) -> str:
    """A number of steps in 7 cells: `1,234`, `12.3 k`, `4.56 M`."""
    if step < 10_000:
        return f"{step:,}"
    unit, size = next((unit, size) for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if step >= size)
    return f"{step / size:.3g} {unit}"


def format_setting(value: object, *, absent: str = NOTHING) -> str:
    """A hyperparameter's value in words: True → `yes`, 0.0001 → `0.0001`, None → `absent`."""
    match value:
        case None:
            return absent
        case bool():
            return "yes" if value else "no"
        case float():
            return format_number(value)
        case _:
            return str(value)


def format_clock(time: float, now: float) -> str:
    """A coming moment (Unix seconds) → `about 06:40`, `about 06:40 tomorrow`, `about 06:40 on Fri 3 May`.

    A year is told from ten months on; what is no time is `–`, and what no calendar has is `after the year 9999`.
    """
    moment, today = local_time(time), local_time(now)
    if moment is None or today is None:
        return "after the year 9999" if time > now else NOTHING
    days = (moment.date() - today.date()).days
    if days == 0:
        return f"about {moment:%H:%M}"
    if days == 1:
        return f"about {moment:%H:%M} tomorrow"
    # Within a year the month says which.
    year = f" {moment.year}" if abs(days) > 300 else ""
    return f"about {moment:%H:%M} on {moment:%a} {moment.day} {moment:%b}{year}"


def format_moment(time: float | None) -> str:
    """A past moment (Unix seconds) → `2026-05-03 06:40:12`, local time."""
    moment = local_time(time)
    return NOTHING if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` cells, its end replaced by `…` where it doesn't fit."""
    text = harmless(text)
    if (len(text) if text.isascii() else cell_len(text)) <= width:
        return text
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def cut(text: str, width: int) -> str:
    """As much of `text` as has room in `width` cells, for heads so narrow that `…` would cost too much of them."""
    text = harmless(text)
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width)).rstrip()


def pad_left(text: str, width: int) -> str:
    """`text` with blanks before it, so that it ends after `width` cells."""
    return " " * (width - cell_len(text)) + text


def pad(text: str, width: int) -> str:
    """`text` in just `width` cells, shortened or with blanks after it."""
    return set_cell_size(shorten(text, width), max(0, width))
