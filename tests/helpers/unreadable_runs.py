"""Runs whose stored configuration can't be used any more."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from lazytrain.engine.places import store_file

DAMAGES = {
    "bad value": "hyperparameters.epochs = 200000: must be less than or equal to 100000",
    "unknown field": "unknown field hyperparameters.sharpness = 3",
    "not JSON": "it is no JSON",
}
"""What was done to it → what is said of it."""


def spoil(home: Path, run_id: str, damage: str) -> None:
    """Make a stored configuration one that another version wrote, or a broken disk."""
    with closing(sqlite3.connect(store_file(home))) as connection, connection:
        (text,) = connection.execute("SELECT configuration FROM runs WHERE id = ?", (run_id,)).fetchone()
        written = json.loads(text)
        match damage:
            case "bad value":
                written["hyperparameters"]["epochs"] = 200_000
            case "unknown field":
                written["hyperparameters"]["sharpness"] = 3
            case _:
                pass
        spoilt = text[:-2] if damage == "not JSON" else json.dumps(written)
        connection.execute("UPDATE runs SET configuration = ? WHERE id = ?", (spoilt, run_id))
