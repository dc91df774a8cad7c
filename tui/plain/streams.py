"""The standard streams, as a shell may have left them: closed, full, or without a reader."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable

from lazytrain.tui.terminal.outlet import Outlet

UNWRITABLE = 1
"""Exit status of a command whose output could not be written."""
NO_READER = 128 + getattr(signal, "SIGPIPE", 13)
"""Exit status of a command whose reader has gone (`| head`): what a shell shows for programs that SIGPIPE ends."""


def guard(command: Callable[[], int]) -> int:
    """Run `command`; returns its exit status, or what stands for an output that can't be written."""
    said_nothing = fill_closed()
    if said_nothing:
        sys.stderr.write("lazytrain: standard output is closed: send it to /dev/null if nobody is to read it\n")
        return UNWRITABLE
    try:
        status = command()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BrokenPipeError:
        _let_go()
        return NO_READER
    except OSError as error:
        # A folder or file that can't be written is worded where it is: this one has no file.
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT):
            raise
        _let_go()
        Outlet(sys.stderr).write(f"lazytrain: the output can't be written: {error.strerror}\n")
        Outlet(sys.stderr).flush()
        return UNWRITABLE
    return status


def fill_closed() -> bool:
    """Point closed standard descriptors at nothing, so that no file is opened in their place.

    Returns:
        Whether standard output was among them.
    """
    closed = [descriptor for descriptor in (0, 1, 2) if not _is_open(descriptor)]
    for descriptor in closed:
        # The lowest free number is given: in ascending order, each gets its own.
        os.open(os.devnull, os.O_RDWR)
        name, mode = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))[descriptor]
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", errors="replace", closefd=False))  # noqa: SIM115
    return 1 in closed


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _let_go() -> None:
    """Point the streams that can't be written at nothing: what is left in their buffers must fail nobody at the end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
