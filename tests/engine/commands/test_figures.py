"""Figures and progress read off what trainings print."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytrain.engine.commands.figures import MOST_NAMES, FigureReader
from lazytrain.engine.store.series import check_name

TQDM = " 12%|█▏        | {}/100 [00:05<00:30,  2.10it/s, loss={}, acc=0.5]"
LIGHTNING = "Epoch {}: {:3d}%|██        | {}/100 [00:05<00:30,  2.1it/s, v_num=0, train_loss=0.31]"
KERAS = " {}/100 ━━━━━━━━━━━━━━━━━━━━ 5s 10ms/step - accuracy: 0.9 - loss: 0.31"


def read(*lines: str) -> tuple[FigureReader, list[tuple[str, int, float]]]:
    reader = FigureReader()
    return reader, [(name, each.step, each.value) for line in lines for name, each in reader.read(line, 0.0)]


@pytest.mark.parametrize(
    ("lines", "figures"),
    [
        ([TQDM.format(12, 0.31), TQDM.format(12, 0.31)], [("loss", 12, 0.31), ("acc", 12, 0.5)]),
        (
            [TQDM.format(99, 0.3), TQDM.format(2, 0.2)],
            [*[("loss", 99, 0.3), ("acc", 99, 0.5)], ("loss", 102, 0.2), ("acc", 102, 0.5)],
        ),
        (["1.2k/10.0k [00:05<00:30, 2kit/s, loss=3]"], [("loss", 1200, 3.0)]),
        ([" 45%|█▌ | 450M/1.0G [00:01<00:02, 200MB/s]", "loss: 0.5"], [("loss", 1, 0.5)]),
        (
            ["Epoch 1/10", KERAS.format(12), "Epoch 2/10", KERAS.format(3)],
            [("accuracy", 12, 0.9), ("loss", 12, 0.31), ("accuracy", 103, 0.9), ("loss", 103, 0.31)],
        ),
        (
            ["100/100 - 3s - 30ms/step - accuracy: 0.95 - val_loss: 2.5e-1"],
            [("accuracy", 100, 0.95), ("val_loss", 100, 0.25)],
        ),
        (
            [LIGHTNING.format(0, 12, 12), LIGHTNING.format(1, 3, 3)],
            [("train_loss", 12, 0.31), ("train_loss", 103, 0.31)],
        ),
        (
            ["  5%|▌    | 5/100 [00:05<00:30, 2.10it/s]", "{'loss': 0.31, 'epoch': 1.0}"],
            [("loss", 5, 0.31), ("epoch", 5, 1.0)],
        ),
        (["{'eval_loss': '0.5', 'note': 'x', 'many': [1, 2]}"], [("eval_loss", 1, 0.5)]),
        (
            ["Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3", "Test set: Average loss: 0.05, Accuracy: 9825/10000 (98%)"],
            [("loss", 640, 2.3), ("test/loss", 640, 0.05), ("test/accuracy", 640, 0.9825)],
        ),
        (
            ["| epoch   1 |   200/ 2983 batches | lr 20.00 | ms/batch 12.34 | loss  7.64 | ppl  2070.05"],
            [("lr", 200, 20.0), ("loss", 200, 7.64), ("ppl", 200, 2070.05)],
        ),
        (["step 100: train loss 4.2, val loss 4.3"], [("train_loss", 100, 4.2), ("val_loss", 100, 4.3)]),
        (
            ["Epoch [1/10], Step [600/600], Loss: 0.3", "Epoch [2/10], Step [100/600], Loss: 0.1"],
            [("loss", 600, 0.3), ("loss", 700, 0.1)],
        ),
        (["Epoch 1/3: loss=0.5", "Epoch 2/3: loss=0.4"], [("loss", 1, 0.5), ("loss", 2, 0.4)]),
        (["12:33:01 INFO port: 80", "torch: 2.5.1", "seed=3", "error at line 7", "loss: 5s"], []),
    ],
    ids=lambda value: value[0][:30] if value and isinstance(value[0], str) else "",
)
def test_figures_of_the_usual_loops(lines: list[str], figures: list[tuple[str, int, float]]) -> None:
    assert read(*lines)[1] == figures


def test_nan_is_a_value() -> None:
    [(name, _, value)] = read("{'loss': nan}")[1]
    assert (name, math.isnan(value)) == ("loss", True)
    assert read("loss=inf")[1] == [("loss", 1, math.inf)]


@pytest.mark.parametrize(
    ("lines", "standing"),
    [
        ([TQDM.format(12, 0.3)], (12, 100, "")),
        ([TQDM.format(99, 0.3), TQDM.format(2, 0.3)], (102, None, "")),
        (["Epoch 2/10", KERAS.format(100), KERAS.format(12)], (112, 1000, "epoch 2/10")),
        (
            ["Sanity Checking DataLoader 0: 100%|█| 2/2 [00:00<00:00, 10it/s]", LIGHTNING.format(3, 12, 12)],
            (12, None, "Epoch 3"),
        ),
        (
            [LIGHTNING.format(0, 12, 12), "Validation DataLoader 0:  50%|██ | 5/10 [00:00<00:00, 50it/s]"],
            (12, None, "Validation DataLoader 0"),
        ),
        (["Epoch 2/3: loss=0.4"], (2, 3, "epoch 2/3")),
    ],
)
def test_where_the_training_stands(lines: list[str], standing: tuple[int, int | None, str]) -> None:
    found = read(*lines)[0].standing
    assert found is not None
    assert (found.step, found.num_steps, found.phase) == standing


PIECES = st.sampled_from(
    [
        "loss",
        "=",
        ": ",
        "0.31",
        "nan",
        "{'",
        "': ",
        "}",
        "12/100",
        " [",
        "00:05",
        "]",
        "%|",
        "|",
        "Epoch ",
        "1" * 40,
        "9e999",
        "-",
        "━",
        "\t",
        " ",
        "val",
        "step ",
        ",",
        "(98%)",
        "é",
        "a" * 100,
        ".",
    ]
)


@given(st.lists(st.text(max_size=50) | st.lists(PIECES, max_size=40).map("".join), max_size=20))
def test_no_line_raises_and_every_name_can_be_kept(lines: list[str]) -> None:
    reader = FigureReader()
    for line in lines:
        for name, sample in reader.read(line, 1.0):
            assert check_name(name) == name
            assert -(2**63) <= sample.step < 2**63
    assert len(reader.names) <= MOST_NAMES


def test_the_number_of_series_is_bounded() -> None:
    reader = FigureReader()
    for number in range(3 * MOST_NAMES):
        reader.read(f"loss_{number}: 0.5", 0.0)
        reader.read(f"{'x' * (number % 60)}{number} {number}/{number + 1} [00:00<00:00]", 0.0)
    assert len(reader.names) == MOST_NAMES


@pytest.mark.parametrize(
    "piece", ["1", "a ", "loss=", "{'a':", "loss: ", "[1/", "1.", "|", "loss a b c ", "1/1 ", "━", "e9"]
)
def test_a_line_of_megabytes_is_read_at_once(piece: str) -> None:
    """Where time grew with the square of its length, this would take hours."""
    reader = FigureReader()
    for _ in range(20):
        reader.read(piece * 1_000_000, 0.0)
