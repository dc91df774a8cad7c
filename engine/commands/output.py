"""What a command prints, on its way into the store: lines for its log, and figures read off them; both bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from lazytrain.engine.commands.figures import FigureReader, Standing
from lazytrain.engine.commands.terminal import Printed, Terminal
from lazytrain.engine.store.printed import Line
from lazytrain.engine.store.series import Sample

MOST_LINES = 400
"""Taken out at once; where more came meanwhile, the newest."""
MOST_READ = 500
"""So many lines are read for figures between two times that they are taken out."""
MOST_SAMPLES = 200
"""Of a series, taken out at once: beyond, the last counts."""


class Output:
    """Both streams of a command.

    Args:
        now: Unix seconds, for the log.
        seconds: since the run's start, for its series.
    """

    def __init__(self, now: Callable[[], float], seconds: Callable[[], float]) -> None:
        self._now, self._seconds = now, seconds
        self._terminals = {"stdout": Terminal(), "stderr": Terminal()}
        self._reader: FigureReader | None = FigureReader()
        self._read = dict.fromkeys(self._terminals, "")
        """What stood last in a line that isn't whole yet."""
        self._lines: deque[Line] = deque(maxlen=MOST_LINES)
        self._num_lost = self._num_read = 0
        self._series: dict[str, list[Sample]] = {}
        self.last_error = ""
        """The last line on stderr that says something: no bar of tqdm's."""

    @property
    def standing(self) -> Standing | None:
        """Where the training stands, by what it prints."""
        return self._reader.standing if self._reader is not None else None

    @property
    def names(self) -> list[str]:
        """Of the series read so far."""
        return sorted(self._reader.names) if self._reader is not None else []

    def ignore_figures(self) -> None:
        """The program logs by itself: what it prints are only lines."""
        self._reader = None
        self._series.clear()

    def feed(self, stream: str, data: bytes) -> None:
        """Take what came on `stdout` or `stderr`."""
        self._take(stream, self._terminals[stream].feed(data))

    def look(self) -> None:
        """Read what progress bars show now."""
        for stream, terminal in self._terminals.items():
            self._take(stream, terminal.look())

    def close(self, stream: str) -> None:
        """Nothing more comes there."""
        self._take(stream, self._terminals[stream].close())

    def take_lines(self) -> list[Line]:
        """The lines since the last call, and how many came too fast."""
        lines = list(self._lines)
        self._lines.clear()
        lost, self._num_lost = self._num_lost, 0
        if lost:
            told = f"… {lost:,} line{'s' * (lost > 1)} not kept: they came too fast"
            lines.insert(0, (lines[0][0], lines[0][1], told))
        return lines

    def take_series(self) -> dict[str, list[Sample]]:
        """The values since the last call."""
        self._num_read = 0
        series, self._series = self._series, {}
        return series

    def give_back(self, lines: Iterable[Line], series: dict[str, list[Sample]]) -> None:
        """They couldn't be written: what there is room for is kept until the next call."""
        for line in reversed(list(lines)):
            if len(self._lines) < MOST_LINES:
                self._lines.appendleft(line)
            else:
                self._num_lost += 1
        for name, samples in series.items():
            # A store that can't be written for hours must not fill the memory.
            self._series[name] = [*samples, *self._series.get(name, ())][-100 * MOST_SAMPLES :]

    def _take(self, stream: str, printed: Iterable[Printed]) -> None:
        for text, whole in printed:
            # A line whose end comes later was read as far as it stood there.
            is_new, self._read[stream] = text != self._read[stream], "" if whole else text
            if self._reader is not None and is_new and self._num_read < MOST_READ:
                self._num_read += 1
                for name, sample in self._reader.read(text, self._seconds()):
                    samples = self._series.setdefault(name, [])
                    if len(samples) >= MOST_SAMPLES:
                        samples.pop()
                    samples.append(sample)
            if not whole:
                continue
            if stream == "stderr" and text and "%|" not in text:
                self.last_error = text
            self._num_lost += len(self._lines) == MOST_LINES
            self._lines.append((self._now(), stream, text))
