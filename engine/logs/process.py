"""The process that follows logs beside a screen, so that reading them never holds up a key.

Arguments: the store's home, `mirror` or `keep`, and the folders. It ends, after it has written down how things stand,
when its standard input does. What can't be read it says on standard output, a line each.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from lazytrain.engine.logs.following import FollowedElsewhere, Follower
from lazytrain.engine.store.database import StoreError
from lazytrain.engine.store.log_journal import LogJournal

PAUSE_SECONDS = 0.5
"""How often it looks whether something was written."""
RETRY_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    """Follow until standard input ends."""
    for name in ("SIGINT", "SIGHUP"):
        # Ctrl-C and a hang-up are the business of the screen.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), name="lazytrain-starter", daemon=True).start()
    home, how, *folders = arguments
    told = ""
    while not ended.is_set():
        try:
            with LogJournal(Path(home)) as journal:
                _follow(journal, [Path(folder) for folder in folders], mirror=how == "mirror", ended=ended)
        except FollowedElsewhere as error:
            _say(str(error))
            return 0
        except StoreError as error:
            # A full disk, maybe: nothing is lost by waiting, since the logs are still there.
            if str(error) != told:
                _say(str(error))
            told = str(error)
            ended.wait(RETRY_SECONDS)
    return 0


def _follow(journal: LogJournal, folders: list[Path], *, mirror: bool, ended: threading.Event) -> None:
    follower = Follower(journal, folders, mirror=mirror)
    said = 0
    try:
        while not ended.is_set():
            for each in follower.finder.left_out[said:]:
                _say(each)
            said = len(follower.finder.left_out)
            if not follower.step():
                ended.wait(PAUSE_SECONDS)
            follower.look()
    finally:
        follower.close()


def _say(text: str) -> None:
    sys.stdout.write(" ".join(text.split()) + "\n")
    sys.stdout.flush()


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
