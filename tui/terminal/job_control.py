"""Job control: whether there is a shell that a stopped job gives the prompt back to."""

from __future__ import annotations

import contextlib
import os


def has_shell() -> bool:
    """Whether a shell would get its prompt back if this job stopped: it can't be continued otherwise."""
    import psutil

    with contextlib.suppress(OSError, psutil.Error):
        group, session = os.getpgrp(), os.getsid(0)
        process = psutil.Process()
        while os.getpgid(process.pid) == group:
            process = process.parent()
            if process is None:
                return False
        return os.getsid(process.pid) == session
    return False
