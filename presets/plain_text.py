"""Text from outside: what of it a terminal, a table or a file format would obey, and files in other encodings."""

from __future__ import annotations

import codecs
import re
from importlib.resources.abc import Traversable
from pathlib import Path

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters, line separators, overrides of the writing direction, and what no encoding can write."""
_UNSAFE_IN_LINES = re.compile(rf"(?![\n\t]){UNSAFE.pattern}")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")
"""Bytes of no text in any encoding of a byte a letter."""
_REPLACE = "put a text file in its place, in UTF-8"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""How what a spreadsheet runs begins; tabs and line ends, which do too, are written out."""
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


def harmless_cell(text: str) -> str:
    """`text` for a cell of a CSV: what a spreadsheet would run as a formula has a quote before it, as OWASP advises."""
    text = harmless(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


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
    if b"\0" in content or content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise EncodingError(_guess_wide(content))
    try:
        # As a file opened as text: any line end is one.
        return content.decode().lstrip("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x} in line {line}"
        if _CONTROLS.search(content):
            raise EncodingError(f"it is no text ({byte}): {_REPLACE}") from None
        raise EncodingError(f"it is no UTF-8 ({byte}); it seems to be Latin-1: save it as UTF-8") from None


def _guess_wide(content: bytes) -> str:
    """What a file with bytes of nought, or with UTF-16's mark, seems to be."""
    is_marked_32 = content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE))
    for name, encodings in (("UTF-32", ("utf-32-le", "utf-32-be")), ("UTF-16", ("utf-16-le", "utf-16-be"))):
        marked = is_marked_32 if name == "UTF-32" else content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        if marked or any(_is_mostly_ascii(content, encoding) for encoding in encodings):
            return f"it seems to be {name}: save it as UTF-8"
    first = content.find(b"\0")
    line = content.count(b"\n", 0, first) + 1
    return f"it is no text (byte 0x00 in line {line}): {_REPLACE}"


def _is_mostly_ascii(content: bytes, encoding: str) -> bool:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return "\0" not in text and 2 * sum(map(str.isascii, text)) > len(text)
