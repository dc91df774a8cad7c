"""Where the numbers of a layer lie: one plane a channel, whose rows may be wider than what is meant."""

from __future__ import annotations

from dataclasses import dataclass

LANES = 16
"""Numbers of a vector, at most: loops over planes end with a whole one."""


@dataclass(frozen=True, slots=True)
class Registers:
    """What a processor sums up in."""

    lanes: int
    """Numbers of a vector."""
    sums: int
    """Vectors of sums at work at once: some registers are left for what is multiplied."""


WIDE = Registers(LANES, 24)
"""AVX-512's: 32 of 16 numbers."""
NARROW = Registers(LANES // 2, 12)
"""Others': AVX2 has 16 of 8 numbers, NEON 32 of 4."""


def whole_vectors(size: int) -> int:
    """The next multiple of a vector's numbers."""
    return -(-size // LANES) * LANES


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
    def padded(cls, channels: int, height: int, width: int, padding: tuple[int, int], kernel: tuple[int, int]) -> Plane:
        """With a border of zeros, and with room behind it for what a convolution looks at past its last place."""
        above, beside = padding
        row = width + 2 * beside
        seen = whole_vectors((height + 2 * above - kernel[0]) * row + row - kernel[1] + 1)
        reach = (kernel[0] - 1) * row + kernel[1] - 1
        size = whole_vectors(max((height + 2 * above) * row, seen + reach))
        return cls(channels, height, width, row, above * row + beside, size)

    @property
    def type(self) -> str:
        """In a program's text."""
        return f"f32[{self.channels}, {self.size}]"

    @property
    def is_compact(self) -> bool:
        return self.row == self.width and self.size == self.height * self.width

    @property
    def features(self) -> int:
        return self.channels * self.height * self.width
