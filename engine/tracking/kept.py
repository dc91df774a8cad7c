"""A run's config and summary as a program sees them: what it changes is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Kept(dict[str, Any]):
    """A dict whose changes are written into the store; its keys are attributes too."""

    def __init__(self, values: Mapping[str, Any], changed: Callable[[], None]) -> None:
        super().__init__(values)
        object.__setattr__(self, "_changed", changed)

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._changed()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def update(self, *values: Any, allow_val_change: bool = True, **more: Any) -> None:
        """As `dict.update`; a namespace too. `allow_val_change` is there for scripts that say so."""
        for each in values:
            super().update(each if isinstance(each, Mapping | list | tuple) else vars(each))
        super().update(more)
        self._changed()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """As `dict.setdefault`."""
        if key not in self:
            self[key] = default
        return self[key]
