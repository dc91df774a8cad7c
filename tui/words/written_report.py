"""The written report as Markdown: what a template, the shipped one or a person's own, makes of its fields.

Imports Jinja2, so it is itself imported only where a report is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from importlib.resources import files
from pathlib import Path
from traceback import walk_tb
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateNotFound, TemplateRuntimeError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup
from pydantic import BaseModel

from lazytrain.engine.analysis.original import AGREEMENT
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import DatasetFacts
from lazytrain.engine.errors import describe as describe_error
from lazytrain.engine.errors import text_of
from lazytrain.engine.export.files import ExportError
from lazytrain.engine.export.logged_report import LoggedReport
from lazytrain.engine.export.report_view import Spread, WrittenReport
from lazytrain.engine.queue.studies import Describe
from lazytrain.engine.records import local_time
from lazytrain.presets.layers import LayerError, count_parameters, size_layers
from lazytrain.presets.plain_text import EncodingError, harmless, read_utf8
from lazytrain.tui.words.markdown import plain, table
from lazytrain.tui.words.text import NOTHING, format_count, format_duration, format_number, format_setting

SHIPPED, LOGGED = "report.md.j2", "logged_report.md.j2"
"""The shipped templates' names, for those that extend them: of runs that are trained here, and by other programs."""
OWN = "--template"
"""A person's own has no name that another could take it by, whatever its file is called."""


class TemplateError(ExportError):
    """A template can't be used; the message names its file, the line, and what is wrong there."""


def write_markdown(
    report: WrittenReport | LoggedReport,
    describe: Describe,
    *,
    now: float,
    version: str,
    pictures: Sequence[str | None] = (),
    template: Path | None = None,
) -> str:
    """The report.

    Args:
        describe: what is known of a setting's data, for the sizes of its net.
        now: Unix seconds, when it is written.
        version: of lazytrain.
        pictures: a relative address for each chapter that has one, else None; () if no pictures are made. What other
            programs logged is one chapter.
        template: a person's own, instead of the shipped one.

    Raises:
        TemplateError: `template` can't be read, or has a mistake.
    """
    match report:
        case LoggedReport():
            report = replace(report, picture=pictures[0] if pictures else None)
        case WrittenReport() if pictures:
            pairs = zip(report.chapters, pictures, strict=True)
            report = replace(report, chapters=tuple(replace(chapter, picture=picture) for chapter, picture in pairs))
        case _:
            pass
    shipped = LOGGED if isinstance(report, LoggedReport) else SHIPPED
    given: dict[str, Any] = {
        "report": report,
        "written": now,
        "version": "" if version.startswith("(") else version,
        "agreement": AGREEMENT,
    }
    if template is None:
        text = _Environment(given, describe).get_template(shipped).render(given)
    else:
        environment = _Environment(given, describe, template)
        try:
            text = environment.get_template(OWN).render(given)
        except Exception as error:  # a template is a person's program: whatever it raises is theirs to put right
            raise _explain(error, template, environment) from error
    return re.sub(r"\n{3,}", "\n\n", harmless(text, lines=True)).strip("\n") + "\n"


def shipped_template(name: str = SHIPPED) -> str:
    """A shipped template's text, to start one's own from."""
    return files("lazytrain.tui.words").joinpath(name).read_text(encoding="utf-8")


class _Environment(SandboxedEnvironment):
    """Where a template finds the program's fields, its words and nothing else: it can come from anybody."""

    def __init__(self, given: Mapping[str, Any], describe: Describe, own: Path | None = None) -> None:
        texts = {name: (shipped_template(name), f"lazytrain's {name}", None) for name in (SHIPPED, LOGGED)}
        if own is not None:
            texts[OWN] = (_read(own), str(own), None)

        class MissingField(StrictUndefined):
            """Says what there is instead."""

            def __init__(self, hint: str | None = None, **where: Any) -> None:
                super().__init__(hint or _lacking(given, **where), **where)

        super().__init__(
            loader=FunctionLoader(texts.get),
            undefined=MissingField,
            autoescape=True,
            finalize=_escape,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.words = _filters(describe)
        self.filters |= self.words

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """A template reads the program's objects and calls nothing of theirs."""
        ours = is_dataclass(obj) or isinstance(obj, BaseModel)
        return super().is_safe_attribute(obj, attr, value) and not (ours and callable(value))


def _filters(describe: Describe) -> dict[str, Callable[..., Any]]:
    """How a template says things, beside Jinja's own."""
    return {
        "field": lambda name: name.replace("_", " ").replace(".", ": "),
        "value": format_setting,
        "figure": format_number,
        "percent": _percent,
        "thousands": lambda figure: NOTHING if figure is None else format_count(round(_mean(figure))),
        "duration": lambda figure: format_duration(_mean(figure)),
        "moment": _moment,
        "layers": lambda net: _layers(net, describe(net.hyperparameters)),
        "table": lambda text: Markup(table(text)),
        "escape": _escape,
        "e": _escape,
    }


def _escape(value: Any) -> Markup:
    """Plain text, unless it is Markdown already. Markupsafe's own escapes are HTML's, so this comes before them."""
    if hasattr(value, "__html__"):
        return value
    return Markup(NOTHING if value is None else plain(str(value)))


def _mean(figure: Spread | float | None) -> Any:
    return figure.mean if isinstance(figure, Spread) else figure


def _percent(figure: Spread | float | None, digits: int = 1) -> str:
    """A fraction, 0.278 → `27.8`, or with its deviation: `27.8 ± 0.3`."""
    if figure is None:
        return NOTHING
    deviation = figure.deviation if isinstance(figure, Spread) else None
    spread = f" ± {100 * deviation:.{digits}f}" if deviation is not None else ""
    return f"{100 * _mean(figure):.{digits}f}{spread}".replace("-", "−")


def _moment(time: float | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Unix seconds → `2026-05-03 06:40:12`, local time."""
    moment = local_time(time)
    return NOTHING if moment is None else moment.strftime(form)


def _layers(net: RunConfiguration, data: object) -> str:
    """On one line, with the number of parameters where the data's size is known."""
    architecture = net.architecture
    if architecture.layers is None:
        arguments = ", ".join(f"{name} = {value!r}" for name, value in architecture.arguments.items())
        kind = "torchvision's" if architecture.torchvision else "module"
        code = Markup(f"{kind} `{architecture.torchvision or architecture.module}`")
        return code + Markup(plain(f" ({arguments})") if arguments else "")
    names = [layer.describe() for layer in architecture.layers]
    if not isinstance(data, DatasetFacts):
        return " → ".join([*names, "classifier"])
    try:
        sized = size_layers(architecture.layers, data.input_shape, data.num_classes)
    except LayerError as error:
        return f"{' → '.join(names)}; it doesn't fit: {error}"
    return f"{' → '.join([*names, f'linear {data.num_classes}'])}; {format_count(count_parameters(sized))} parameters"


# ── a person's own template ────────────────────────────────────────────────────────────────────────────────


def _read(path: Path) -> str:
    try:
        return read_utf8(path, pipes=True)
    except FileNotFoundError:
        raise TemplateError(
            f"{path}: there is no such file; `lazytrain report --print-template` prints one to start from"
        ) from None
    except OSError as error:
        raise TemplateError(f"{path}: can't be read: {error.strerror or error}") from error
    except EncodingError as error:
        raise TemplateError(f"{path}: {error}") from None


def _explain(error: Exception, path: Path, environment: _Environment) -> TemplateError:
    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == str(path)]
    match error:
        case TemplateSyntaxError():
            lines, said = [error.lineno], error.message or ""
            if said.startswith("No filter named"):
                said = f"{said} There are Jinja's, and {', '.join(sorted(environment.words))}."
        case TemplateNotFound():
            said = f"there is no template {error.name!r}; one can extend {SHIPPED!r} or {LOGGED!r}"
        case TemplateRuntimeError():
            said = text_of(error)
        case _:
            said = describe_error(error)
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    return TemplateError(f"{where}: {said}")


def _lacking(given: Mapping[str, Any], *, name: object = None, obj: Any = missing) -> str:
    """`there is no 'setings' in 'WrittenReport'; there are …`."""
    if obj is missing:
        return f"there is no {name!r}; there are {', '.join(given)}, and what the template sets itself"
    if obj is None:
        return f"there is no {name!r} in what is none"
    kind = type(obj)
    if isinstance(obj, tuple | list):
        return f"there is no {name!r} in {len(obj)} of them, counted from 0"
    fields = kind.model_fields if isinstance(obj, BaseModel) else dir(kind)
    found = obj if isinstance(obj, Mapping) else [each for each in fields if _is_field(kind, each)]
    return f"there is no {name!r} in a {kind.__name__}; there are {', '.join(map(str, found)) or 'none'}"


def _is_field(kind: type, name: str) -> bool:
    return not name.startswith("_") and not callable(getattr(kind, name, None))
