"""Completion in bash, zsh and fish: what may stand where, and an answer to a shell that stays silent if it has none.

`lazytrain --install-completion` makes the shell ask; Typer speaks its protocol. This is imported by every command and
for every key press on Tab, so what takes long is imported where it is needed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from lazytrain.presets.plain_text import harmless

if TYPE_CHECKING:
    from lazytrain.presets.listing import Kind
    from lazytrain.tui.state.environment import Places

ASKED = "_LAZYTRAIN_COMPLETE"
"""The variable by which a shell asks, as Typer names it."""
INSTRUCTION = re.compile("(complete|source)_(bash|zsh|fish|powershell|pwsh)")
BREAKS = frozenset("=:")
"""Where bash, but no other shell, parts words: `--set optimizer=ad` comes as `--set`, `optimizer`, `=`, `ad`."""
UNSAFE = re.compile(r"([^\w@%+=:,./-])")

Candidate = tuple[str, str]
"""A word and what it stands for, which zsh and fish show beside it."""


# ── the shell's question ───────────────────────────────────────────────────────────────────────────────────


def shell_asks(environment: Mapping[str, str]) -> bool:
    """Whether this process was started by a shell for a completion."""
    return ASKED in environment


def answer_shell(typer_answers: Callable[[], object], environment: MutableMapping[str, str], stdout: TextIO) -> int:
    """Write what Typer answers to the shell's question in `environment`, if anything; returns the exit status.

    Nothing else is written, whatever happens: somebody is in the middle of a line there.
    """
    if not INSTRUCTION.fullmatch(environment[ASKED]):
        return 1
    bash = environment[ASKED] == "complete_bash"
    left_out = _join_words(environment) if bash else ""
    answer, status = io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(answer), contextlib.redirect_stderr(io.StringIO()):
            typer_answers()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001  # whatever is wrong with a store, a preset or a terminal is no matter of this line
        return 1
    for line in filter(None, answer.getvalue().splitlines()):
        stdout.write((_bash_word(line, environment).removeprefix(left_out) if bash else line) + "\n")
    return status


def _join_words(environment: MutableMapping[str, str]) -> str:
    """Join in `environment` the words that bash parted at `=` and `:`.

    Returns:
        The beginning of the word to complete that bash won't replace: it is left out of the answer.
    """
    words, current = environment.get("COMP_WORDS", "").split("\n"), environment.get("COMP_CWORD", "")
    if not current.isdecimal() or int(current) >= len(words) or not any(_is_break(word) for word in words):
        return ""
    joined: list[str] = []
    glued = False
    for number, word in enumerate(words[: int(current) + 1]):
        # A word of its own in bash's eyes, but `--` before the sign is an option that Typer parts itself.
        if number > 1 and (glued or _is_break(word)):
            joined[-1] += word
        else:
            joined.append(word)
        glued = _is_break(word)
    environment["COMP_WORDS"], environment["COMP_CWORD"] = "\n".join(joined), str(len(joined) - 1)
    last = words[int(current)]
    whole = joined[-1].lstrip("'\"")
    return whole if _is_break(last) else whole[: len(whole) - len(last)]


def _is_break(word: str) -> bool:
    return bool(word) and set(word) <= BREAKS


def _bash_word(word: str, environment: Mapping[str, str]) -> str:
    """`word` as bash must have it on its line, where the names of runs have spaces."""
    words, current = environment.get("COMP_WORDS", "").split("\n"), environment.get("COMP_CWORD", "")
    quoted = current.isdecimal() and "".join(words[int(current) :][:1])[:1] in ("'", '"')
    return word if quoted else UNSAFE.sub(r"\\\1", word)


# ── what may stand where ───────────────────────────────────────────────────────────────────────────────────


def architectures(ctx: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """Presets of nets."""
    return _presets("architectures", ctx, incomplete)


def architectures_and_commands(ctx: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """What can be trained by its name alone."""
    yield from _presets("architectures", ctx, incomplete)
    yield from _presets("commands", ctx, incomplete)


def hyperparameters(ctx: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """Presets of hyperparameters."""
    return _presets("hyperparameters", ctx, incomplete)


def studies(ctx: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """Studies."""
    return _presets("studies", ctx, incomplete)


def runs(ctx: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """`last` and the runs' names; ids where somebody begins to write one."""
    from lazytrain.engine.places import store_file
    from lazytrain.engine.store.glance import list_run_names

    found = list_run_names(store_file(_places(ctx).home))
    if found and "last".startswith(incomplete):
        yield "last", harmless(found[0].name)
    for run in found:
        shown = harmless(run.name)
        if shown == run.name and run.name.startswith(incomplete):
            yield run.name, f"{run.state}, {run.id}"
        elif incomplete and run.id.startswith(incomplete):
            yield run.id, f"{shown}, {run.state}"


def studies_and_runs(ctx: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """What a report is written about."""
    yield from studies(ctx, incomplete)
    yield from runs(ctx, incomplete)


def settings(ctx: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """`field=` for `--set`, and the values of a field where it is the only one left."""
    from lazytrain.engine.configuration import flatten  # these take pydantic
    from lazytrain.presets import Hyperparameters
    from lazytrain.tui.words.fields import form_groups

    fields = [field for group in form_groups().values() for field in group]
    named, equals, _ = incomplete.partition("=")
    fitting = [field for field in fields if (field.name == named if equals else field.name.startswith(named))]
    if not equals:
        yield from ((f"{field.name}=", field.about) for field in fitting)
    if len(fitting) == 1:
        # At once: a shell that had `field=` alone to offer would put a space behind it.
        field = fitting[0]
        default = dict(flatten(Hyperparameters().model_dump()))[field.name]
        values = field.options or (
            ("true", "false") if field.kind == "switch" else () if default is None else (default,)
        )
        yield from ((f"{field.name}={value}", field.about) for value in values)


def devices(incomplete: str) -> Iterator[Candidate]:
    """Kinds of devices; which of them are here only torch knows, and that takes a second."""
    del incomplete
    yield "auto", "the best there is"
    yield "cpu", ""
    yield "cuda", "an NVIDIA or AMD GPU"
    yield "mps", "an Apple GPU"


def _presets(kind: Kind, ctx: typer.Context, incomplete: str) -> Iterator[Candidate]:
    from lazytrain.presets.listing import list_titles

    for name, title in list_titles(kind, _places(ctx).presets).items():
        if name.startswith(incomplete):
            yield name, title


def _places(ctx: Any) -> Places:
    """As the command line being written has them: `--home` before or after the subcommand, else the environment."""
    from lazytrain.tui.state.environment import find_places

    given: str | Path | None = None
    while ctx is not None and given is None:
        given, ctx = ctx.params.get("home"), ctx.parent
    return find_places(Path(given) if given is not None else None, environment=os.environ)
