"""Where the numbers of a layer lie: one plane a channel, whose rows may be wider than what is meant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plane:
    """A channel's `height` × `width` numbers, each row `row` after the one before, the first number at `origin`.

    What lies beside them is zero (a border that a convolution wants) or nobody's (columns past the edge, which a
    convolution computes, since one long loop is faster than many short ones).
    """

    channels: int
    height: int
    width: int
    row: int
    origin: int
    size: int
    """Numbers of a channel, all in all."""

    @classmethod
    def compact(cls, channels: int, height: int, width: int) -> Plane:
        return cls(channels, height, width, width, 0, height * width)

    @classmethod
    def padded(cls, channels: int, height: int, width: int, padding: int) -> Plane:
        row = width + 2 * padding
        return cls(channels, height, width, row, padding * row + padding, (height + 2 * padding) * row)

    @property
    def is_compact(self) -> bool:
        return self.row == self.width and self.size == self.height * self.width

    @property
    def features(self) -> int:
        return self.channels * self.height * self.width
