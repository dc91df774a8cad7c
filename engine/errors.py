"""Errors that screens and commands word, without torch; and how an error that somebody else's code raised is worded.

A net may raise anything: an error whose text can't be made, can't be encoded, or is megabytes long. What is said of it
must reach SQLite, a log and a terminal all the same.
"""

from __future__ import annotations

import traceback

MOST_CHARACTERS = 1_000
"""What is told of an error in a line; all of it is in the traceback."""
MOST_TRACE_CHARACTERS = 100_000


class DeviceError(RuntimeError):
    """The device asked for is not there; the message names those that are."""


class DatasetError(RuntimeError):
    """A dataset can't be had; the message says what was looked for, where, and how to go on."""


def encodable(text: str) -> str:
    """`text` as UTF-8 can hold it: half a surrogate pair, as from a name that isn't UTF-8, is shown as `\\udc80`."""
    return str.encode(text, "utf-8", "backslashreplace").decode("utf-8")


def text_of(error: BaseException) -> str:
    """All that the error says, as text that can be written; empty if it says nothing."""
    try:
        text = encodable(str(error))
    except BaseException:  # noqa: BLE001  a foreign `__str__` may raise anything, SystemExit too
        return "its text can't be made: its __str__ fails"
    return _shorten(text.strip(), MOST_TRACE_CHARACTERS)


def first_line(error: BaseException) -> str:
    """The first line of what it says; its type's name if it says nothing."""
    text = text_of(error)
    return _shorten(text.splitlines()[0].rstrip(), MOST_CHARACTERS) if text else type_name(error)


def describe(error: BaseException) -> str:
    """`ZeroDivisionError: division by zero`: its type and the first line of what it says."""
    name = type_name(error)
    return f"{name}: {first_line(error)}" if text_of(error) else name


def type_name(error: BaseException) -> str:
    """Its type's name, whatever its metaclass makes of that."""
    return encodable(type.__dict__["__name__"].__get__(type(error)))


def traceback_of(error: BaseException) -> str:
    """Its traceback, as text that can be written."""
    try:
        text = "".join(traceback.format_exception(error))
    except BaseException as fault:  # noqa: BLE001  formatting asks foreign code for its words, as `text_of` does
        told = f"{describe(error)}\n({type_name(fault)} while formatting)\n"
        text = "".join(traceback.format_tb(error.__traceback__)) + told
    return _shorten(encodable(text), MOST_TRACE_CHARACTERS)


def _shorten(text: str, most: int) -> str:
    """At most so many characters: the beginning and the end, which says most."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} […] {text[-half:]}"
