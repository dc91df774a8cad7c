"""What a runner finds out for clients between two steps: how fast a net trains here, whether its layers fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lazytrain.engine.errors import first_line
from lazytrain.engine.places import module_folder
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.trouble import StoreTrouble


def answer_newest(journal: Journal, device: str) -> None:
    """Answer the newest question that waits in the store, about `device`."""
    waiting = journal.next_question()
    if waiting is None:
        return
    key, question = waiting
    try:
        result = _find_out(question, device, module_folder(journal.home))
    except StoreTrouble:
        raise
    except BaseException as error:  # noqa: BLE001  a user's net may raise anything, SystemExit too; the asker is told
        journal.answer(key, error=first_line(error))
    else:
        journal.answer(key, result)


def _find_out(question: dict[str, Any], device: str, folder: Path) -> dict[str, Any]:
    shape, classes = tuple(question["input_shape"]), question["num_classes"]
    match question["kind"]:
        case "measure":
            from lazytrain.engine.configuration import RunConfiguration
            from lazytrain.engine.training.measure import measure  # imports torch

            configuration = RunConfiguration.model_validate(question["configuration"])
            return measure(configuration, shape, classes, device, module_folder=folder)
        case "check":
            from lazytrain.engine.compute.architecture import check_net  # imports torch
            from lazytrain.presets.schema import Architecture

            architecture = Architecture.model_validate(question["architecture"])
            return {"rows": check_net(architecture, shape, classes, folder)}
        case kind:
            raise ValueError(f"unknown question {kind!r}")
