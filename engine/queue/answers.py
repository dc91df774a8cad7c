"""What a runner finds out for clients between two steps: how fast a net trains here, whether its layers fit."""

from __future__ import annotations

from collections.abc import Callable

from lazytrain.engine.errors import first_line
from lazytrain.engine.places import module_folder
from lazytrain.engine.queue.finding import Finding, find_out, is_foreign
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.trouble import StoreTrouble


class Answers:
    """Answers the newest question that waits, in a moment; a user's own net is looked at beside, in its own process.

    Args:
        found: called, in another thread, when such a process has its answer: `give` it then.
    """

    def __init__(self, found: Callable[[], object]) -> None:
        self._found = found
        self._finding: Finding | None = None

    def give(self, journal: Journal, device: str) -> None:
        """Answer the newest question that waits in the store, about `device`, if it can be answered now."""
        if self._finding is not None and self._finding.done:
            # Let go of once it is written.
            _write(journal, self._finding)
            self._finding = None
        waiting = journal.next_question()
        if waiting is None:
            return
        key, question = waiting
        if not is_foreign(question):
            _answer(journal, key, question, device)
        elif self._finding is None:
            self._finding = Finding(key, question, device, module_folder(journal.home), self._found)

    def wait(self, journal: Journal) -> None:
        """Wait for the answer that is found out beside, if one is, and write it."""
        if self._finding is not None:
            self._finding.wait()
            _write(journal, self._finding)
            self._finding = None

    def close(self) -> None:
        """Nobody waits for an answer any more."""
        if self._finding is not None:
            self._finding.stop()


def _answer(journal: Journal, key: str, question: dict[str, object], device: str) -> None:
    try:
        result = find_out(question, device, module_folder(journal.home))
    except StoreTrouble:
        raise
    except Exception as error:  # noqa: BLE001  torchvision may raise anything; the asker is told
        journal.answer(key, error=first_line(error))
    else:
        journal.answer(key, result)


def _write(journal: Journal, finding: Finding) -> None:
    journal.answer(finding.key, finding.result, finding.error)
