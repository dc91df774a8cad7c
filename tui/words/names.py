"""Names in little room: what they share is cut, what tells them apart stays."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

from rich.cells import cell_len

from lazytrain.tui.words.text import shorten

CUT = "…"
_WORD = re.compile(r"[^\s/_-]*[\s/_-]*")
"""A word of a name with what separates it from the next: `coolnet-`, `v7 `, `lr=0.01`."""


def tell_apart(names: Sequence[str], width: int) -> list[str]:
    """Each name in at most `width` cells, so that no two different ones look alike.

    `coolnet-v7 quick lr=0.1`, `coolnet-v7 quick lr=0.01` → `coolne…lr=0.1`, `coolne…lr=0.01`: of a name that is too
    long, the words in which it differs from others stay, and of the rest as much of its beginning as there is room for.
    Where words are too long for that, single characters stay; where even these are too many, a number is put behind.
    """
    shown = {name: name for name in names}
    if width < 1 or all(cell_len(name) <= width for name in shown):
        return [shorten(name, width) for name in names]
    alike = list(shown)
    for split in (_words, list[str]):
        differing = _differing(list(shown), split)
        shown |= {name: _cut(name, differing[name], width) for name in alike}
        counts = Counter(shown.values())
        alike = [name for name in shown if counts[shown[name]] > 1]
    for number, name in enumerate(alike, 1):
        shown[name] = shorten(name, width - len(f"~{number}")) + f"~{number}"
    return [shown[name] for name in names]


def _words(name: str) -> list[str]:
    return [word for word in _WORD.findall(name) if word]


def _differing(names: list[str], split: Callable[[str], list[str]]) -> dict[str, list[tuple[int, int]]]:
    """Of each name the spans of the words in which it parts from others that begin as it does."""
    spans: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    groups = [[(name, split(name)) for name in names]]
    depth = 0
    while groups:
        longer: list[list[tuple[str, list[str]]]] = []
        for group in groups:
            by_word: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
            for name, words in group:
                by_word[words[depth] if depth < len(words) else ""].append((name, words))
            for word, same in by_word.items():
                if word and len(by_word) > 1:
                    for name, words in same:
                        start = sum(map(len, words[:depth]))
                        spans[name].append((start, start + len(word.rstrip())))
                if word and len(same) > 1:
                    longer.append(same)
        groups, depth = longer, depth + 1
    return spans


def _cut(name: str, spans: Sequence[tuple[int, int]], width: int) -> str:
    """A name in `width` cells, with these spans of it if they have room."""
    if cell_len(name) <= width:
        return name
    kept = [False] * len(name)

    def text() -> str:
        runs = groupby(zip(name, kept, strict=True), itemgetter(1))
        parts = ((keeps, "".join(character for character, _ in run)) for keeps, run in runs)
        # What is cut must be longer than what says so.
        return "".join(part if keeps or len(part) == 1 else CUT for keeps, part in parts)

    def keep(start: int, end: int) -> bool:
        before = kept[start:end]
        kept[start:end] = [True] * (end - start)
        if cell_len(text()) <= width:
            return True
        kept[start:end] = before
        return False

    # The last ones first: names that part late are the hardest to tell apart.
    for start, end in reversed(spans):
        keep(start, end)
    for index in range(len(name)):
        if not keep(index, index + 1):
            break
    return text()
