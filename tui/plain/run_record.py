"""Everything known of a run, for scripts; and what is read of it even where its configuration can't be used."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.records import Kind, Run, iso
from lazytrain.engine.store.store import Store
from lazytrain.engine.store.stored_configuration import RunUnreadable


def run_record(store: Store, run: Run) -> dict[str, Any]:
    """Everything known of a run, as `runs --json` and `show --json` give it."""
    configuration, unreadable = read_configuration(store, run) if run.kind is Kind.OWN else (None, None)
    return {
        "id": run.id,
        "name": run.name,
        "architecture": run.architecture,
        "hyperparameters_preset": run.hyperparameters,
        "hyperparameters": configuration.hyperparameters.model_dump() if configuration else None,
        "edits": list(configuration.edits) if configuration else [],
        "layers": configuration.architecture.model_dump()["layers"] if configuration else None,
        "configuration_error": unreadable,
        "dataset": run.dataset,
        "state": run.state.value,
        "wanted": run.wanted.value,
        "trainer": run.trainer.value if run.state.active else None,
        "device": run.device,
        "device_reason": run.device_reason,
        "node": run.node,
        "path": run.path,
        "threads": run.threads,
        "seed": run.seed,
        "epoch": run.epoch,
        "num_epochs": run.num_epochs,
        "step": run.step,
        "num_steps": run.num_steps,
        "seconds": run.seconds,
        "train_loss": run.train_loss,
        "train_accuracy": run.train_accuracy,
        "test_loss": run.test_loss,
        "test_accuracy": run.test_accuracy,
        "best_epoch": run.best_epoch,
        "best_accuracy": run.best_accuracy,
        "best_by": best_by(configuration) if configuration else None,
        "outcome": run.outcome,
        "error": run.error,
        "weights_sha256": run.weights_sha256,
        "tags": list(run.tags),
        "note": run.note,
        "archived": run.archived,
        "created": iso(run.created),
        "started": iso(run.started),
        "ended": iso(run.ended),
        "epochs": [asdict(record) for record in store.epochs(run.id)],
        **_script_record(store, run),
    }


def _script_record(store: Store, run: Run) -> dict[str, Any]:
    """What is known of a run beside that, if somebody else trains it."""
    record: dict[str, Any] = {"kind": run.kind.value}
    if run.kind is not Kind.OWN:
        details, unreadable = read_details(store, run)
        record["configuration_error"] = unreadable
        record |= {"project": run.project, "group": run.run_group, "command": details.get("command")}
        record |= {"config": details.get("config", {}), "summary": details.get("summary", {})}
        record["metrics"] = [asdict(metric) for metric in store.metrics(run.id)]
        if run.kind is Kind.COMMAND:
            queued = details.get("queued", {})
            record["folder"] = details.get("folder")
            record["exit_status"] = details.get("exit_status")
            record["starts"] = details.get("starts", 0)
            record["from_output"] = details.get("from_output", [])
            record |= {name: queued.get(name) for name in ("arguments", "environment", "needs", "after")}
    return record


def read_configuration(store: Store, run: Run) -> tuple[RunConfiguration | None, str | None]:
    """What is stored of it, or why that can't be used: whatever else is known of the run is told all the same."""
    try:
        return store.configuration(run.id), None
    except RunUnreadable as error:
        return None, str(error)


def read_details(store: Store, run: Run) -> tuple[dict[str, Any], str | None]:
    """The same of a run that somebody else trains."""
    try:
        return store.details(run.id), None
    except RunUnreadable as error:
        return {}, str(error)


def best_by(configuration: RunConfiguration) -> str:
    """Which images "best" and early stopping look at."""
    return "validation" if configuration.hyperparameters.validation_fraction else "test"
