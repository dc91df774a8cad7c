"""What is written to standard output and error while a screen has the terminal: a file without a name, read bit by bit.

A pipe would do but for one thing: a C library that fills it while it holds Python's lock waits for a reader that waits
for the lock. A file always takes what is written; once read it is emptied, so it stays small.
"""

from __future__ import annotations

import contextlib
import os

MOST_BYTES = 1 << 20
"""What has been read is let go once there is so much of it."""
MOST_AT_ONCE = 1 << 16
"""What one look reads for its words; of more, only the lines are counted."""


class KeptOutput:
    """Takes what is written to `descriptor`, also by children; `new` reads on from where it was left.

    Where it was left is common to a process and what was forked from it: either can read what the other hasn't.
    """

    def __init__(self) -> None:
        self.descriptor, self._reads = _open()

    def new(self) -> tuple[bytes, int]:
        """What was written since the last look, and how many lines there are beyond that."""
        data = os.read(self._reads, MOST_AT_ONCE)
        skipped = 0
        if len(data) == MOST_AT_ONCE:
            while more := os.read(self._reads, MOST_BYTES):
                skipped += more.count(b"\n")
        if os.lseek(self._reads, 0, os.SEEK_CUR) >= MOST_BYTES:
            # What is written just between is lost. Only a flood comes here often, and of that little is kept anyway.
            os.ftruncate(self.descriptor, 0)
            os.lseek(self._reads, 0, os.SEEK_SET)
        return data, skipped

    def close(self) -> None:
        for descriptor in (self.descriptor, self._reads):
            os.close(descriptor)


def _open() -> tuple[int, int]:
    """One descriptor that appends to a new file, and one that reads it."""
    flags = os.O_WRONLY | os.O_APPEND
    if hasattr(os, "memfd_create"):
        # No disk has anything to do with it: a full one is no reason for a net's `print` to fail.
        with contextlib.suppress(OSError):  # no /proc
            made = os.memfd_create("lazytrain-output")
            try:
                path = f"/proc/self/fd/{made}"
                return os.open(path, flags), os.open(path, os.O_RDONLY)
            finally:
                os.close(made)
    import tempfile  # takes a moment that most needn't wait for

    with tempfile.NamedTemporaryFile(prefix="lazytrain-output-") as file:
        return os.open(file.name, flags), os.open(file.name, os.O_RDONLY)
