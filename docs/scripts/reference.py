"""`python -m docs.scripts.reference`: writes the tables of the pages that are made from the code itself.

A page has `<!-- generated: KIND … -->`, what was made, and `<!-- end -->`. A test fails while a page is not what this
would write: after a change of a field, an option or a key, run it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.scripts.command_tables import list_commands
from docs.scripts.key_tables import list_keys
from docs.scripts.preset_tables import (
    list_architectures,
    list_hyperparameter_presets,
    list_layers,
    list_studies,
)
from docs.scripts.tables import list_fields
from lazytrain.engine.settings.settings import Settings
from lazytrain.presets.schema import Augmentation, Hyperparameters

PAGES = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?P<head><!-- generated: (?P<kind>[^>]+?) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)


def render(text: str) -> str:
    """A page with each of its generated blocks made anew. Raises KeyError for an unknown kind."""
    return BLOCK.sub(lambda found: f"{found['head']}{make(found['kind'])}{found['end']}", text)


def make(kind: str) -> str:
    """What goes into a block of this kind, such as `hyperparameters` or `keys MonitorScreen RunList`."""
    name, _, rest = kind.partition(" ")
    if name == "keys":
        return "\n" + list_keys(rest.split()) + "\n"
    makers = {
        "architectures": list_architectures,
        "hyperparameter presets": list_hyperparameter_presets,
        "studies": list_studies,
        "layers": list_layers,
        "hyperparameters": lambda: list_fields(Hyperparameters, leave_out=("augmentation",)),
        "augmentation": lambda: list_fields(Augmentation),
        "settings": lambda: list_fields(Settings),
        "commands": list_commands,
    }
    return "\n" + makers[kind]() + "\n"


def pages() -> Iterator[Path]:
    """Every page that may have generated blocks."""
    yield from sorted(PAGES.glob("*.md"))


def main() -> None:
    for page in pages():
        text = page.read_text(encoding="utf-8")
        made = render(text)
        if made != text:
            page.write_text(made, encoding="utf-8")
            sys.stdout.write(f"{page}\n")


if __name__ == "__main__":
    main()
