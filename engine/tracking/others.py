"""Names that scripts for other trackers use and that have no meaning here: they do nothing, so that the scripts run."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any


class AlertLevel(Enum):
    """Of `alert`."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Settings(dict[str, Any]):
    """Of `init(settings=…)`: options by name."""


class Left:
    """What isn't kept: it takes whatever it is given, and `log` says once that it is left out."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing


def _nothing(*_: Any, **__: Any) -> None:
    """Nothing."""


class Image(Left):
    """A picture."""


class Video(Left):
    """A film."""


class Audio(Left):
    """A sound."""


class Table(Left):
    """A table."""


class Histogram(Left):
    """A distribution."""


class Html(Left):
    """A page."""


class Artifact(Left):
    """Files, kept elsewhere."""


class Markdown(Left):
    """A text."""


class Plotly(Left):
    """A drawing."""


class Object3D(Left):
    """A body."""


class Nothing:
    """What a run of another tracker can do, and needn't here."""

    url = ""
    """There is no page of it."""

    @property
    def dir(self) -> str:
        """Where files of the run may go: the current folder."""
        return str(Path.cwd())

    def get_url(self) -> str:
        """There is no page of it."""
        return self.url

    def watch(self, *_: Any, **__: Any) -> None:
        """Nothing yet: gradients aren't logged by themselves."""

    unwatch = log_artifact = use_artifact = link_artifact = log_code = log_system = save = mark_preempting = watch
