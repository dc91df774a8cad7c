"""The colours of charts: train and test, and eight runs over each other, safe for colour-blind eyes.

The palette is Okabe and Ito's (https://jfly.uni-koeln.de/color/), darkened where a light background needs it.
"""

from __future__ import annotations

from typing import Literal, cast, get_args

Tone = Literal[
    "frame", "title", "axis", "text", "cursor", "bad", "overfit",
    "train", "test", "best", "raw", "raw-test",
    "run-0", "run-1", "run-2", "run-3", "run-4", "run-5", "run-6", "run-7",
    "faint-0", "faint-1", "faint-2", "faint-3", "faint-4", "faint-5", "faint-6", "faint-7",
]  # fmt: skip
TONES: tuple[Tone, ...] = get_args(Tone)

COLOURS: dict[Tone, tuple[str, str]] = {
    "train": ("#56B4E9", "#0072B2"),
    "test": ("#E69F00", "#B35C00"),
    "run-0": ("#56B4E9", "#0072B2"),
    "run-1": ("#E69F00", "#A86F00"),
    "run-2": ("#009E73", "#00704F"),
    "run-3": ("#F0E442", "#7A7200"),
    "run-4": ("#D55E00", "#D1410C"),
    "run-5": ("#CC79A7", "#A8477F"),
    "run-6": ("#3D8BD0", "#2E86B8"),
    "run-7": ("#D5D9DF", "#22272E"),
}
"""On a dark and on a light background."""
_FAINT: dict[Tone, Tone] = {
    "train": "raw",
    "test": "raw-test",
    **{cast("Tone", f"run-{number}"): cast("Tone", f"faint-{number}") for number in range(8)},
}
RUN_TONES: tuple[Tone, ...] = tuple(tone for tone in TONES if tone.startswith("run-"))
RUN_MARKERS = ("●", "▲", "■", "◆", "○", "△", "□", "◇")
"""A shape for each of them: curves are told apart without colour, too."""


def faint(tone: Tone) -> Tone:
    """The tone of what lies behind a curve: its raw values, or its band."""
    return _FAINT.get(tone, "axis")


def component_css(widget: str, prefix: str) -> str:
    """The rules that give a widget's component classes `prefix--<tone>` their colours."""
    dark, light = (
        "\n".join(
            f"& > .{prefix}--{name} {{ color: {colours[index]}{opacity}; {extra} }}"
            for tone, colours in COLOURS.items()
            for name, opacity, extra in (
                (tone, "", ""),
                (faint(tone), " 40%", ""),
                *((("best", "", "text-style: bold;"),) if tone == "test" else ()),
            )
        )
        for index in (0, 1)
    )
    return f"{widget} {{\n{dark}\n&:light {{\n{light}\n}}\n}}\n"
