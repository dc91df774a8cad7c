"""What is unsafe in a text from outside, and files in other encodings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lazytrain.presets import load_catalogue
from lazytrain.presets.listing import list_titles
from lazytrain.presets.plain_text import EncodingError, find_unsafe, harmless, invisible, read_utf8


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
        ("a\x9b2Jb\x7f", r"a\x9b2Jb\x7f"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
        ("a\nb\tc\u2028", r"a\nb\tc\u2028"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert harmless(text) == shown
    assert find_unsafe(text) is not None
    assert find_unsafe(invisible(text).replace("?", "")) is None


@pytest.mark.parametrize("text", ["coolnet-v10 lr=0.1", "größer 漢字", "שלום\u200f", "👩\u200d👩\u200d👧", "a\u0301"])
def test_letters_of_any_language_stay(text: str) -> None:
    assert harmless(text) == invisible(text) == text
    assert find_unsafe(text) is None


def test_lines_may_break_where_that_is_meant() -> None:
    assert harmless("a\nb\x1b", lines=True) == "a\nb\\x1b"
    assert find_unsafe("a\nb\tc", lines=True) is None


def test_a_file_is_read_with_a_byte_order_mark_and_else_its_encoding_is_guessed(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert read_utf8(file) == "a = 1\n"
    file.write_bytes(b"\xef\xbb\xbf\xef\xbb\xbfa = 1")  # joined of two files
    assert read_utf8(file) == "a = 1"
    for content, words in (
        ("a = 1".encode("utf-16"), "it seems to be UTF-16: save it as UTF-8"),
        ("a = 1".encode("utf-16-le"), "it seems to be UTF-16: save it as UTF-8"),
        ("a = 1".encode("utf-16-be"), "it seems to be UTF-16: save it as UTF-8"),
        ("# Žluťoučký\na = 1".encode("utf-16"), "it seems to be UTF-16: save it as UTF-8"),
        ("a = 1".encode("utf-32"), "it seems to be UTF-32: save it as UTF-8"),
        ("a = 1".encode("utf-32-be"), "it seems to be UTF-32: save it as UTF-8"),
        (b"a = 1\nb = 2\0\n", r"it is no text \(byte 0x00 in line 2\): put a text file in its place"),
        (b"\x1f\x8b\x08\0\0\0rest of a gzip", r"it is no text \(byte 0x00 in line 1\)"),
        (b"\x1f\x8b\x08rest", r"it is no text \(byte 0x8b in line 1\)"),
        (b"a = 1\nb = 'caf\xe9'", r"it is no UTF-8 \(byte 0xe9 in line 2\); it seems to be Latin-1: save it as UTF-8"),
    ):
        file.write_bytes(content)
        with pytest.raises(EncodingError, match=words):
            read_utf8(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_named_pipe_is_listed_as_broken_and_never_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "hyperparameters"
    folder.mkdir()
    os.mkfifo(folder / "pipe.toml")
    (folder / "device.toml").symlink_to("/dev/zero")
    assert {"pipe", "device"} < list_titles("hyperparameters", tmp_path).keys()
    presets = load_catalogue(tmp_path).hyperparameters
    for name in ("pipe", "device"):
        assert "a named pipe, a socket or a device, not a file" in (presets[name].error or "")


def test_hidden_and_backup_files_are_no_presets(tmp_path: Path) -> None:
    folder = tmp_path / "hyperparameters"
    folder.mkdir()
    for name in (
        "mine.toml",
        "._mine.toml",
        ".mine.toml.swp",
        "mine.toml~",
        "#mine.toml#",
        "mine~.toml",
        "~$mine.toml",
    ):
        (folder / name).write_text("title = 'mine'\n")
    (folder / ".#mine.toml").symlink_to("nowhere")
    mine = [name for name, preset in load_catalogue(tmp_path).hyperparameters.items() if preset.origin == "yours"]
    assert mine == ["mine"]
    assert list(list_titles("hyperparameters", tmp_path))[-1] == "mine"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("caf\udce9", b"title = 'x'", "its name holds \\xe9, which is no UTF-8: rename the file"),
        ("bell\x07", b"title = 'x'", "its name holds the control character \\x07: rename the file"),
        ("title", b'title = "a\\u001b[2J"', r"title = 'a\x1b[2J': leave out the control character \x1b"),
        ("about", b'title = "a"\nabout = "\\u202e"', "leave out the control character \\u202e"),
        ("digits", b"title = 'x'\nseed = " + b"9" * 5000, "Exceeds the limit"),
        ("deep", b"title = 'x'\na = " + b"[" * 5000, "too many brackets in brackets"),
    ],
)
def test_a_preset_that_would_harm_is_listed_as_broken(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    folder = tmp_path / "hyperparameters"
    folder.mkdir()
    (folder / f"{name}.toml").write_bytes(content)
    preset = load_catalogue(tmp_path).hyperparameters[harmless(name)]
    assert words in (preset.error or "")
    assert find_unsafe(preset.error or "") is None
