"""Stored configurations, of which not every one can be read: another version's, or damaged ones.

Such a run must end no screen, no command and no queue: it is told of in a sentence, and the others go on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lazytrain.presets.plain_text import harmless

if TYPE_CHECKING:
    from lazytrain.engine.configuration import CommandConfiguration, RunConfiguration


class RunUnreadable(ValueError):
    """A run's stored configuration can't be used; the message says which run, field and value, and what to do."""


def read_configuration(run_id: str, name: str, stored: str) -> RunConfiguration:
    """What is stored of the run. Raises RunUnreadable."""
    # Takes pydantic, which a list of runs needs not.
    from pydantic import ValidationError

    from lazytrain.engine.configuration import RunConfiguration
    from lazytrain.presets.errors import explain

    source = f"{harmless(name)} ({run_id}): its stored configuration can't be used"
    try:
        return RunConfiguration.model_validate_json(stored)
    except ValidationError as error:
        told = explain(error, source, RunConfiguration.model_fields)
        if any(each["type"] == "json_invalid" for each in error.errors()):
            told = f"{source}: it is no JSON"
    raise RunUnreadable(
        f"{told}. If a newer lazytrain wrote it, update this one; else `lazytrain discard {run_id}` deletes the run"
    )


def read_details(run_id: str, name: str, stored: str) -> dict[str, Any]:
    """What is stored of a run that somebody else trains, beside its series. Raises RunUnreadable."""
    try:
        details = json.loads(stored)
    except (ValueError, RecursionError):
        details = None
    if not isinstance(details, dict):
        source = f"{harmless(name)} ({run_id})"
        raise RunUnreadable(f"{source}: its stored config and summary are damaged; its series and all else are whole")
    return details


def read_command(run_id: str, name: str, details: str) -> CommandConfiguration:
    """What was queued of a run that is a command, in its stored details. Raises RunUnreadable."""
    from pydantic import ValidationError

    from lazytrain.engine.configuration import CommandConfiguration
    from lazytrain.presets.errors import explain

    source = f"{harmless(name)} ({run_id}): its stored command can't be used"
    try:
        return CommandConfiguration.model_validate(json.loads(details)["queued"])
    except ValidationError as error:
        told = str(explain(error, source, CommandConfiguration.model_fields))
    except (ValueError, LookupError, TypeError, RecursionError):
        told = f"{source}: it isn't there"
    raise RunUnreadable(f"{told}. `lazytrain discard {run_id}` deletes the run; queue the command again")


def stored_settings(stored: str) -> dict[str, Any] | None:
    """The hyperparameters by dotted name, as they were written, unchecked; None where there are none to be read."""
    from lazytrain.engine.configuration import flatten  # takes pydantic, which a list of runs needs not

    try:
        written = json.loads(stored)
    except (ValueError, RecursionError):
        return None
    settings = written.get("hyperparameters", {}) if isinstance(written, dict) else None
    return dict(flatten(settings)) if isinstance(settings, dict) else None
