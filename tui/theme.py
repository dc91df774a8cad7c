"""lazytrain's own colours: quiet, with one accent.

It is neither the train curve's blue nor the test curve's orange.
"""

from __future__ import annotations

from textual.theme import Theme

THEMES = (
    Theme(
        name="lazytrain",
        primary="#8FBC8F",
        secondary="#7A8A99",
        accent="#8FBC8F",
        foreground="#D5D9DF",
        background="#0F1216",
        surface="#161A20",
        panel="#20262E",
        success="#7FB98C",
        warning="#D9B65F",
        error="#D9706B",
        dark=True,
        variables={
            "footer-key-foreground": "#8FBC8F",
            "block-cursor-text-style": "none",
            "scrollbar": "#3A434E",
            "scrollbar-hover": "#4A5563",
            "scrollbar-active": "#8FBC8F",
            "scrollbar-background": "#161A20",
            "scrollbar-background-hover": "#161A20",
            "scrollbar-background-active": "#161A20",
        },
    ),
    Theme(
        name="lazytrain-light",
        primary="#3E7A4E",
        secondary="#66727F",
        accent="#3E7A4E",
        foreground="#22272E",
        background="#FAFAF7",
        surface="#F1F1EC",
        panel="#E4E5DF",
        success="#2F7D4A",
        warning="#8A6A00",
        error="#B3362F",
        dark=False,
        variables={
            "footer-key-foreground": "#3E7A4E",
            "block-cursor-text-style": "none",
            "scrollbar": "#C2C4BC",
            "scrollbar-hover": "#A9ABA3",
            "scrollbar-active": "#3E7A4E",
            "scrollbar-background": "#F1F1EC",
            "scrollbar-background-hover": "#F1F1EC",
            "scrollbar-background-active": "#F1F1EC",
        },
    ),
)
