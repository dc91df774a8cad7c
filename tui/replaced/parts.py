"""Which parts of Textual and of plotext are replaced here: each can be left out, and is where Textual has changed.

`LAZYTRAIN_PLAIN=cell_diff,tail lazytrain` starts a screen without these two, `LAZYTRAIN_PLAIN=all` one without any.
What each of them gains is in its module; `python -m benchmarks.screen --plain PART` and `python -m benchmarks.startup
--plain stylesheet` measure it, with and without in turns.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Literal, get_args

SWITCH = "LAZYTRAIN_PLAIN"
"""This variable of the environment names the parts to be left out."""
OLD_SWITCH = "LAZYTRAIN_CELL_DIFF"
"""Set to 0, it leaves out the cell diff: what there was before."""

Part = Literal["cell_diff", "compositor", "stylesheet", "tail"]
PARTS: tuple[Part, ...] = get_args(Part)

NEEDS: Mapping[str, tuple[str, ...]] = {
    "cell_diff": (
        "textual._cells:cell_len",
        "textual._compositor:CompositorUpdate.render_segments",
        "textual._compositor:LayoutUpdate.strips",
        "textual._compositor:LayoutUpdate.region",
        "textual._compositor:ChopsUpdate.chops",
        "textual._compositor:ChopsUpdate.spans",
        "textual._compositor:ChopsUpdate.chop_ends",
        "textual.strip:Strip.render_ansi",
        "rich.style:Style._ansi",
        "rich.console:Console._color_system",
        "textual.app:App._display",
        "textual.app:App._sync_available",
        "textual.app:App._previous_cursor_position",
        "textual.app:App._running",
        "textual.app:App._closed",
        "textual.app:App._batch_count",
    ),
    "compositor": (
        "textual._compositor:ChopsUpdate.chops",
        "textual._compositor:Compositor._dirty_regions",
        "textual._compositor:Compositor._regions_to_spans",
        "textual._compositor:Compositor.cuts",
        "textual._compositor:Compositor.visible_widgets",
        "textual._compositor:Compositor.render_partial_update",
        "textual.screen:Screen._compositor",
    ),
    "stylesheet": (
        "textual.css.stylesheet:Stylesheet._variables",
        "textual.css.stylesheet:Stylesheet._require_parse",
        "textual.css.stylesheet:Stylesheet._process_component_classes",
        "textual.css.stylesheet:Stylesheet.set_variables",
        "textual.css.stylesheet:Stylesheet.reparse",
        "textual.css.stylesheet:Stylesheet.apply",
        "textual.dom:DOMNode._component_styles",
        "textual.dom:DOMNode._get_component_classes",
        "textual.dom:DOMNode._attach",
    ),
    "tail": (),
    "driver": (
        "textual._xterm_parser:XTermParser._timeout_time",
        "textual.drivers.linux_driver:LinuxDriver._file",
        "textual.drivers.linux_driver:LinuxDriver._must_signal_resume",
        "textual.drivers.linux_driver:LinuxDriver.run_input_thread",
        "textual.drivers.linux_driver:LinuxDriver.suspend_application_mode",
        "textual.drivers.linux_driver:LinuxDriver.disable_input",
    ),
}
"""What each builds on that Textual and Rich don't promise to keep."""


def left_out(environment: Mapping[str, str] = os.environ) -> frozenset[Part]:
    """The parts that the environment leaves out. Raises ValueError for a name that is none of theirs."""
    words = [word.strip() for word in environment.get(SWITCH, "").split(",") if word.strip()]
    for word in words:
        if word not in (*PARTS, "all"):
            raise ValueError(f"{SWITCH}: {word!r} is no part that can be left out: {', '.join(PARTS)}, or all")
    if environment.get(OLD_SWITCH) == "0":
        words.append("cell_diff")
    return frozenset(PARTS if "all" in words else (part for part in PARTS if part in words))


def replaces(part: Part) -> bool:
    """Whether a part is to be ours, and can be."""
    return part not in left_out() and not missing(part)


@cache
def missing(part: str) -> tuple[str, ...]:
    """What a part needs and isn't there in this version of Textual."""
    return tuple(name for name in NEEDS[part] if not _is_there(name))


def complaints() -> Iterator[str]:
    """A sentence for each part that Textual no longer lets us replace."""
    for part in NEEDS:
        if missing(part):
            yield f"Textual's own {part} is used: this version of Textual has no {', '.join(missing(part))}"


def _is_there(name: str) -> bool:
    """`module:object` or `module:class.attribute`, one that its `__init__` sets too."""
    module, _, path = name.partition(":")
    owner, _, attribute = path.partition(".")
    try:
        found = getattr(import_module(module), owner, None)
    except ImportError:
        return False
    if found is None or not attribute:
        return found is not None
    return any(
        attribute in vars(each) or attribute in getattr(getattr(each.__init__, "__code__", None), "co_names", ())
        for each in found.__mro__
    )
