"""A terminal that answers what it is asked of itself, and keeps account of images as Kitty does."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image

from lazytrain.tui.terminal.asking import ATTRIBUTES_QUERY, CELL_QUERY, GRAPHICS_QUERY, NAME_QUERY
from tests.helpers.terminals import PtyTerminal

PLACEHOLDER = "\U0010eeee"
KITTY = {
    NAME_QUERY: "\x1bP>|kitty(0.35.2)\x1b\\",
    GRAPHICS_QUERY: "\x1b_Gi=31;OK\x1b\\",
    ATTRIBUTES_QUERY: "\x1b[?62;c",
}
GHOSTTY = {**KITTY, NAME_QUERY: "\x1bP>|ghostty 1.1.3\x1b\\"}
OLD_KITTY = {**KITTY, NAME_QUERY: "\x1bP>|kitty(0.26.5)\x1b\\"}
KONSOLE = {**KITTY, NAME_QUERY: "\x1bP>|Konsole 24.08.3\x1b\\"}
REFUSES = {**KITTY, GRAPHICS_QUERY: "\x1b_Gi=31;ENOTSUP:no\x1b\\"}
XTERM = {ATTRIBUTES_QUERY: "\x1b[?64;1;2;6;22c"}
SIXEL = {ATTRIBUTES_QUERY: "\x1b[?62;4;22c", CELL_QUERY: "\x1b[6;24;12t"}
SIXEL_WITHOUT_SIZE = {ATTRIBUTES_QUERY: "\x1b[?62;4;22c"}

_STRING = re.compile(rb"\x1b[_P][^\x1b]*\x1b\\")
_BEGUN = re.compile(rb"\x1b(?:[_P][^\x1b]*\x1b?|\[>?)?\Z")


def finditer(query: str, sent: bytes) -> Iterator[re.Match[bytes]]:
    """Where a query stands in what was sent."""
    return re.finditer(re.escape(query.encode()), sent)


class ImageTerminal(PtyTerminal):
    """A pseudo-terminal whose `answers` say what comes after which query; what isn't in it is not answered.

    Attributes:
        sent: every byte that came.
        images: number → the image, of those that were transmitted and not deleted.
        placed: number → columns and lines over which placeholders spread it.
        num_deleted: how many were let go of.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        answers: Mapping[str, str],
        *,
        controlling: bool = False,
    ) -> None:
        self.sent = b""
        self.images: dict[int, Image.Image] = {}
        self.placed: dict[int, tuple[int, int]] = {}
        self.num_deleted = 0
        self._answers = answers
        self._payloads: dict[int, str] = {}
        self._begun = b""
        super().__init__(command, folder, environment, controlling=controlling)

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:
            return False
        self.sent += data
        new = self._begun + data
        match = _BEGUN.search(new)
        self._begun = match[0] if match is not None else b""
        new = new[: len(new) - len(self._begun)]
        # In the order in which it was asked, as terminals do: the last answer ends the conversation.
        asked = ((found.start(), answer) for query, answer in self._answers.items() for found in finditer(query, new))
        for _, answer in sorted(asked):
            os.write(self._ours, answer.encode())
        for string in _STRING.findall(new):
            if string.startswith(b"\x1b_G") and string != GRAPHICS_QUERY.encode():
                self._keep(string[3:-2].decode())
        # pyte knows neither strings nor the name's query.
        self._stream.feed(_STRING.sub(b"", new).replace(NAME_QUERY.encode(), b""))
        return bool(data)

    def _keep(self, message: str) -> None:
        controls, _, payload = message.partition(";")
        keys = dict(pair.split("=", 1) for pair in controls.split(","))
        number = int(keys["i"])
        match keys.get("a", "t"):
            case "t":
                assert keys["q"] == "2", "an answer would be typed text"
                self._payloads[number] = self._payloads.get(number, "") + payload
                if keys["m"] == "0":
                    data = base64.b64decode(self._payloads.pop(number))
                    self.images[number] = Image.open(io.BytesIO(data)).convert("RGB")
            case "p":
                assert number in self.images
                assert keys["U"] == "1"
                self.placed[number] = (int(keys["c"]), int(keys["r"]))
            case "d":
                assert keys["d"] == "I"
                self.num_deleted += number in self.images
                self.images.pop(number, None)
                self.placed.pop(number, None)

    def resize(self, width: int, height: int) -> None:
        """Another number of cells."""
        import fcntl
        import signal
        import struct
        import termios

        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._screen.resize(height, width)
        self.send_signal(signal.SIGWINCH)

    def shown(self) -> dict[int, set[tuple[int, int]]]:
        """Number → lines and columns of the image that placeholders on the screen stand for.

        A placeholder's colour is the number's lower bytes, and its marks are line, column, and the upper byte.
        """
        from textual_image.renderable.tgp import _NUMBER_TO_DIACRITIC

        self.text()
        place = {chr(mark): index for index, mark in enumerate(_NUMBER_TO_DIACRITIC)}
        found: dict[int, set[tuple[int, int]]] = {}
        for y in range(self._screen.lines):
            for x in range(self._screen.columns):
                cell = self._screen.buffer[y][x]
                if not cell.data.startswith(PLACEHOLDER):
                    continue
                marks = [place[mark] for mark in cell.data[1:]]
                if len(marks) == 3:
                    found.setdefault((marks[2] << 24) + int(cell.fg, 16), set()).add((marks[0], marks[1]))
                else:
                    found[-1] = set()  # half of it is still to come
        return found

    @property
    def whole(self) -> bool:
        """Whether there are images, each of them at the terminal, placed, and shown in all of its cells."""
        shown = self.shown()
        return bool(shown) and all(
            number in self.placed
            and cells == {(y, x) for y in range(self.placed[number][1]) for x in range(self.placed[number][0])}
            for number, cells in shown.items()
        )
