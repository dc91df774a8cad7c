"""Whatever an error of somebody else's code says, or can't say: its words can be written anywhere."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from lazytrain.engine.compute.device import is_out_of_memory
from lazytrain.engine.errors import (
    MOST_CHARACTERS,
    MOST_TRACE_CHARACTERS,
    describe,
    encodable,
    first_line,
    text_of,
    traceback_of,
)
from lazytrain.engine.store.journal import Journal
from tests.helpers.bench import configuration


class NameFails(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]  # as nobody should
        raise RuntimeError("no name")


class Mute(RuntimeError):
    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


class Leaving(Mute):
    def __str__(self) -> str:
        raise SystemExit(0)


class NoText(RuntimeError):
    def __str__(self) -> str:
        return 3  # type: ignore[return-value]  # noqa: PLE0307  as a careless class does


class Nameless(RuntimeError, metaclass=NameFails):
    pass


class Liar(str):
    def splitlines(self, *_: object) -> list[str]:  # type: ignore[override]  # a hostile text
        raise KeyError("no lines")

    __str__ = splitlines  # type: ignore[assignment]


ERRORS: list[BaseException] = [
    RuntimeError("a name of \udcff no UTF-8"),
    Mute(),
    Leaving(),
    NoText(),
    Nameless("of no name"),
    RuntimeError(Liar("a text")),
    RuntimeError(),
    RuntimeError("\n\n"),
    RuntimeError("x" * 10**6),
    RuntimeError("x\n" * 10**6),
    ExceptionGroup("several", [Mute(), RuntimeError("\ud800")]),
    SystemExit(0),
    KeyboardInterrupt(),
    UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
]


@pytest.mark.parametrize("error", ERRORS, ids=range(len(ERRORS)))
def test_its_words_can_be_made_and_written(error: BaseException, tmp_path: Path) -> None:
    with sqlite3.connect(":memory:") as connection:
        for words in (describe, first_line, text_of, traceback_of):
            said = words(error)
            (tmp_path / "log").write_text(said, encoding="utf-8")
            assert json.loads(json.dumps(said, ensure_ascii=False).encode()) == said
            assert connection.execute("SELECT ?", (said,)).fetchone() == (said,)
            assert len(said) <= MOST_TRACE_CHARACTERS + 10
    for line in (describe(error), first_line(error)):
        assert len(line.splitlines()) == 1
        assert len(line) < MOST_CHARACTERS + 100
    assert is_out_of_memory(error) is False


def test_what_they_say() -> None:
    assert describe(ZeroDivisionError("division by zero\nfurther")) == "ZeroDivisionError: division by zero"
    assert (describe(KeyboardInterrupt()), describe(SystemExit(0))) == ("KeyboardInterrupt", "SystemExit: 0")
    assert describe(Mute()) == "Mute: its text can't be made: its __str__ fails"
    assert describe(Nameless("of no name")) == "Nameless: of no name"
    assert first_line(RuntimeError("  \n")) == "RuntimeError"
    assert encodable("caf\udce9, é") == "caf\\udce9, é"


def test_a_traceback_has_its_lines_though_its_error_has_no_words() -> None:
    try:
        raise Mute
    except Mute as error:
        said = traceback_of(error)
    assert "test_errors.py" in said
    assert "Mute" in said


def test_a_store_takes_reasons_that_are_no_utf_8(home: Path) -> None:
    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id
        journal.say(run_id, "caf\udce9")
        journal.hold(run_id, "caf\udce9 is full")
        assert journal.run(run_id).error == "caf\\udce9 is full"
        assert journal.messages(run_id)[-2].text == "caf\\udce9"
