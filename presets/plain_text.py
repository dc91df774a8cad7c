"""Text from outside: what of it a terminal, a table or a file format would obey, and files in other encodings."""

from __future__ import annotations

import codecs
import re
from importlib.resources.abc import Traversable
from pathlib import Path

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters, line separators, overrides of the writing direction, and what no encoding can write."""
_UNSAFE_IN_LINES = re.compile(rf"(?![\n\t]){UNSAFE.pattern}")
_SHORT = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


class EncodingError(ValueError):
    """A file isn't UTF-8; the message says what it seems to be, and what to do."""


def find_unsafe(text: str, *, lines: bool = False) -> str | None:
    """What of `text` can't stand in a name, as `control character \\x1b`; None if nothing. `lines` may break."""
    found = (_UNSAFE_IN_LINES if lines else UNSAFE).search(text)
    if found is None:
        return None
    character = found[0]
    if "\ud800" <= character <= "\udfff":
        return f"{_show(found)}, which is no UTF-8"
    what = "the line break" if character in "\r\n\x0b\x0c\x85\u2028\u2029" else "the control character"
    return f"{what} {_show(found)}"


def harmless(text: str, *, lines: bool = False) -> str:
    """`text` in which nothing but a letter is meant: what is unsafe is written out, as `\\x1b`. `lines` stay."""
    if text.isprintable():
        return text
    return (_UNSAFE_IN_LINES if lines else UNSAFE).sub(_show, text)


def invisible(text: str) -> str:
    """`text` of the same width without what is unsafe: for a cell whose place is fixed already."""
    return text if text.isprintable() else UNSAFE.sub(lambda found: "?" if found[0] > "\ud7ff" else "", text)


def _show(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        # A byte of a file's name that is no UTF-8, as Python keeps it.
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def read_utf8(file: Traversable | Path, *, pipes: bool = False) -> str:
    """The text of a file that a person wrote: UTF-8, with a byte order mark or without.

    A named pipe or a device would be waited for without end, so that they are refused; `pipes` for a file that a
    person named, as a shell's `<(…)`.

    Raises:
        EncodingError: it is something else.
        OSError: it can't be read.
    """
    if isinstance(file, Path) and not pipes and file.exists() and not (file.is_file() or file.is_dir()):
        raise OSError("it is a named pipe, a socket or a device, not a file: take it away")
    content = file.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:64]:
        raise EncodingError("it seems to be UTF-16: save it as UTF-8")
    try:
        # As a file opened as text: any line end is one.
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x} in line {line}"
        raise EncodingError(f"it is no UTF-8 ({byte}); it seems to be Latin-1: save it as UTF-8") from None
