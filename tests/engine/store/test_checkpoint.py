"""Checkpoints: whole or not at all, verified, several generations."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from lazytrain.engine.store.checkpoint import (
    GENERATIONS,
    CheckpointError,
    generations,
    load_checkpoint,
    load_newest,
    save_checkpoint,
    weights_sha256,
)


def snapshot(step: int) -> dict[str, Any]:
    weights = {"weight": torch.full((2, 3), float(step)), "count": torch.tensor(step)}
    return {"net": weights, "position": {"step": step, "phase": "training"}, "rng": {"cpu": torch.get_rng_state()}}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = save_checkpoint(tmp_path, snapshot(7))
    loaded = load_checkpoint(saved.path)
    assert loaded["position"] == {"step": 7, "phase": "training"}
    assert torch.equal(loaded["net"]["weight"], torch.full((2, 3), 7.0))
    assert saved.weights_sha256 == weights_sha256(loaded["net"])


def test_newest_generations_are_kept(tmp_path: Path) -> None:
    for step in range(1, 8):
        save_checkpoint(tmp_path, snapshot(step))
    assert [int(path.stem.removeprefix("step-")) for path in generations(tmp_path)] == [7, 6, 5]
    assert len(generations(tmp_path)) == GENERATIONS
    assert list(tmp_path.glob("*.tmp")) == []


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied", "header"])
def test_damaged_generation_is_skipped_and_said(tmp_path: Path, damage: str) -> None:
    save_checkpoint(tmp_path, snapshot(1))
    newest = save_checkpoint(tmp_path, snapshot(2)).path
    content = bytearray(newest.read_bytes())
    match damage:
        case "truncated":
            del content[len(content) // 2 :]
        case "flipped":
            content[-100] ^= 1
        case "emptied":
            content.clear()
        case _:
            content[:20] = b"not a header at all!"
    newest.write_bytes(bytes(content))
    loaded, problems = load_newest(tmp_path)
    assert loaded is not None
    assert loaded["position"]["step"] == 1
    assert len(problems) == 1
    assert newest.name in problems[0]


def test_none_left_is_none(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, snapshot(1)).path.write_bytes(b"")
    loaded, problems = load_newest(tmp_path)
    assert loaded is None
    assert len(problems) == 1
    assert load_newest(tmp_path / "nowhere") == (None, [])


def test_loading_executes_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "executed",))

    path = save_checkpoint(tmp_path, {**snapshot(1), "trap": Trap()}).path
    with pytest.raises(CheckpointError):
        load_checkpoint(path)
    assert not (tmp_path / "executed").exists()


def test_failed_write_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, snapshot(1))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lazytrain.engine.store.checkpoint.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path, snapshot(2))
    loaded, problems = load_newest(tmp_path)
    assert loaded is not None
    assert loaded["position"]["step"] == 1
    assert problems == []
    assert list(tmp_path.glob("*.tmp")) == []


def test_weights_hash_is_of_the_bytes_in_order() -> None:
    weights = {"b": torch.arange(6, dtype=torch.float32).reshape(2, 3).t(), "a": torch.tensor(3, dtype=torch.int64)}
    expected = hashlib.sha256(weights["b"].contiguous().numpy().tobytes() + weights["a"].numpy().tobytes())
    assert weights_sha256(weights) == expected.hexdigest()
    assert weights_sha256({"other": weights["b"], "names": weights["a"]}) == expected.hexdigest()
