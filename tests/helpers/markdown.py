"""What stands in a page: fenced blocks, code in the text, links, and the anchors of its headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
OPERATORS = frozenset("();<>|&")


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file."""

    path: Path
    text: str

    @property
    def prose(self) -> str:
        """All but fenced blocks and comments."""
        return COMMENT.sub("", FENCE.sub("", self.text))

    @property
    def codes(self) -> list[str]:
        """Code in the text and in tables, as it is read."""
        return [code.replace("\\|", "|") for code in CODE.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        """The targets of links and pictures."""
        return LINK.findall(CODE.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """What its headings are linked by, on GitHub and in the site alike."""
        return {anchor(heading) for heading in HEADING.findall(self.prose)}

    def blocks(self, *languages: str) -> Iterator[str]:
        """Fenced blocks of these languages."""
        for found in FENCE.finditer(self.text):
            if found["language"] in languages:
                yield found["body"]

    def commands(self) -> Iterator[ShellCommand]:
        """Every `lazytrain …` in blocks for a shell."""
        for block in self.blocks("sh", "console"):
            for line in block.splitlines():
                yield from find_commands(line)


def anchor(heading: str) -> str:
    """`How a step is computed?` → `how-a-step-is-computed`."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A `lazytrain …` in a line of shell."""

    arguments: list[str]
    output: str | None = None
    """The file that takes what it prints: `> output`."""

    def __str__(self) -> str:
        return " ".join(("lazytrain", *self.arguments))


def find_commands(line: str) -> Iterator[ShellCommand]:
    """Each `lazytrain` in a line of shell; comments are left out."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = [*lexer, ";"]
    while "lazytrain" in words:
        words = words[words.index("lazytrain") + 1 :]
        end = next(number for number, word in enumerate(words) if set(word) <= OPERATORS)
        yield ShellCommand(words[:end], words[end + 1] if words[end] == ">" else None)
        words = words[end:]


def read_pages(folder: Path) -> list[Page]:
    """Every Markdown file of a repository that is for people: at the top, and in docs/."""
    files = sorted([*folder.glob("*.md"), *folder.glob("docs/*.md")])
    return [Page(path.relative_to(folder), path.read_text(encoding="utf-8")) for path in files]
