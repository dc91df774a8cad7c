"""Whether a terminal draws images in real pixels: asked of it, and its answer told apart from what is typed.

Kitty's protocol with Unicode placeholders is spoken by few terminals. Konsole and Warp, and kitty before 0.28, answer
its question with yes and then show the placeholders as text: so the terminal is asked for its name first, with a
sequence that does nothing where it isn't known, and the protocol's own question goes to those that are known to mean
it. tmux and screen, which take it for a window's title, never see it.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

NAME_QUERY = "\x1b[>q"
"""XTVERSION."""
CELL_QUERY = "\x1b[16t"
"""How many pixels a cell has."""
ATTRIBUTES_QUERY = "\x1b[c"
"""DA1, which every terminal answers: whatever it says to what was asked before comes before that."""
GRAPHICS_QUERY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
PLACEHOLDERS_SINCE = {"kitty": (0, 28), "ghostty": (1, 0)}
"""Terminals that draw images where placeholders stand, and their first version that does."""
SIXEL = "4"
"""Among the attributes of a terminal that draws Sixels."""
PATIENCE_SECONDS = 1.0
"""How long a terminal on a slow line may take to answer a command."""
MOST_HELD = 256
"""Characters; an answer is shorter."""

_ANSWER = re.compile(
    r"\x1bP>\|(?P<name>[^\x1b]*)\x1b\\"
    r"|\x1b_G(?P<graphics>[^\x1b]*)\x1b\\"
    r"|\x1b\[\?(?P<attributes>[\d;]*)c"
    r"|\x1b\[6;(?P<height>\d+);(?P<width>\d+)t"
)
_BEGUN = re.compile(r"\x1b(?:P(?:>(?:\|[^\x1b]*\x1b?)?)?|_(?:G[^\x1b]*\x1b?)?)\Z")
"""An answer to the name's or the graphics' query whose end hasn't come yet."""
_VERSION = re.compile(r"(?P<name>[A-Za-z]+)[ (]v?(?P<major>\d+)\.(?P<minor>\d+)")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a terminal has said of itself."""

    name: str = ""
    graphics: bool = False
    """It speaks Kitty's protocol."""
    attributes: tuple[str, ...] | None = None
    cell: tuple[int, int] | None = None
    """Width and height in pixels."""

    @property
    def places_images(self) -> bool:
        """Whether it is one of those that are known to draw images where placeholders stand."""
        match = _VERSION.match(self.name)
        if match is None or match["name"].lower() not in PLACEHOLDERS_SINCE:
            return False
        return (int(match["major"]), int(match["minor"])) >= PLACEHOLDERS_SINCE[match["name"].lower()]

    def read(self, text: str) -> Answers:
        """With what one of its answers says."""
        match = _ANSWER.fullmatch(text)
        if match is None:
            return self
        if match["name"] is not None:
            return replace(self, name=match["name"])
        if match["graphics"] is not None:
            return replace(self, graphics=match["graphics"].endswith(";OK"))
        if match["attributes"] is not None:
            return replace(self, attributes=tuple(match["attributes"].split(";")))
        return replace(self, cell=(int(match["width"]), int(match["height"])))


def in_multiplexer(environment: Mapping[str, str]) -> bool:
    """Whether what draws is a program in between, such as tmux, and not the terminal."""
    inside = any(environment.get(name) for name in ("TMUX", "STY", "ZELLIJ"))
    return inside or environment.get("TERM", "").startswith(("tmux", "screen"))


def take_answers(text: str) -> tuple[str, list[str]]:
    """What is left without a terminal's answers, and these."""
    return _ANSWER.sub("", text), [match[0] for match in _ANSWER.finditer(text)]


class ImageQuestion:
    """Asks a terminal from which somebody else reads; nothing waits for the answer.

    Args:
        send: writes to the terminal.
        tell: called once it has said that it draws images.
    """

    def __init__(self, send: Callable[[str], object], tell: Callable[[], object]) -> None:
        self._send, self._tell = send, tell
        self._answers = Answers()
        self._held = ""

    def begin(self) -> None:
        """Ask for its name."""
        self._send(NAME_QUERY)

    def take(self, text: str) -> str:
        """What was typed of what came, without answers; the begin of one is held back until its end comes."""
        text, answers = take_answers(self._held + text)
        for answer in answers:
            self._hear(answer)
        begun = _BEGUN.search(text)
        self._held = begun[0] if begun is not None and len(begun[0]) <= MOST_HELD else ""
        return text[: len(text) - len(self._held)]

    def _hear(self, answer: str) -> None:
        before, self._answers = self._answers, self._answers.read(answer)
        if self._answers.name != before.name and self._answers.places_images:
            self._send(GRAPHICS_QUERY)
        elif self._answers.graphics and not before.graphics and self._answers.places_images:
            self._tell()


def ask(reads: int, writes: int, patience: float = PATIENCE_SECONDS) -> Answers:
    """Ask the terminal on two descriptors, where nobody else reads from it; says nothing where that could do harm.

    A terminal that doesn't answer is waited for `patience` seconds. Where something was typed before, nothing is asked,
    and it stays for whom it was meant for.
    """
    import termios  # not on Windows, where nothing is asked
    import tty

    try:
        if os.tcgetpgrp(reads) != os.getpgrp():
            return Answers()
        before = termios.tcgetattr(reads)
    except (OSError, termios.error):
        return Answers()
    try:
        tty.setcbreak(reads, termios.TCSANOW)
        if select.select([reads], [], [], 0)[0]:
            return Answers()
        answers = _converse(reads, writes, NAME_QUERY + CELL_QUERY, Answers(), patience)
        if answers.places_images:
            answers = _converse(reads, writes, GRAPHICS_QUERY, answers, patience)
    finally:
        termios.tcsetattr(reads, termios.TCSANOW, before)
    return answers


def _converse(reads: int, writes: int, question: str, answers: Answers, patience: float) -> Answers:
    deadline = time.monotonic() + patience
    os.write(writes, (question + ATTRIBUTES_QUERY).encode())
    answers, text = replace(answers, attributes=None), ""
    while answers.attributes is None:
        if not select.select([reads], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
        data = os.read(reads, 4096)
        if not data:
            break
        text, found = take_answers(text + data.decode(errors="replace"))
        for answer in found:
            answers = answers.read(answer)
    return answers
