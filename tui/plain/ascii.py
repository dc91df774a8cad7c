"""Glyphs for an output that isn't Unicode: each is replaced by one character, so that columns stay in their places."""

from __future__ import annotations

import codecs

HANDLER = "lazytrain.ascii"
"""The name that streams know it by, as their way with what they can't encode."""
_PLAIN = {
    **dict(zip("●▲■◆○△□◇•┊╎│┤─╭╮╰╯✗★↻░…⠀", "o^#%0A=&.::||-++++x@>:_ ", strict=True)),
    **dict(zip("━═┃╸╺▌█▏▓▒✓◌▷▶‖⚠→←↑↓×·–—−⏎▀⟨⟩“”‘’ ∞", "-=|--|#|##vo>>=!><^vx.---<#<>\"\"'' *", strict=True)),
    **{chr(code): "*" for code in range(0x2801, 0x2900)},
}


def register() -> None:
    """Make the way known to Python's streams."""
    codecs.register_error(HANDLER, _replace)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end
