"""Pictures of runs: what is on them, as SVG and as PNG, and that neither loses a spike."""

from __future__ import annotations

import io
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from lazytrain.engine.events import Point
from lazytrain.engine.export import lettering
from lazytrain.engine.export.axes import epoch_axis, linear_axis, logarithmic_axis, loss_axis, tick_text
from lazytrain.engine.export.curves import draw_runs
from lazytrain.engine.export.figure import BLUE, COLOURS, VERMILION, Figure, Group, draw_figure
from lazytrain.engine.export.formats import Format, make_figure, write_picture
from lazytrain.engine.export.gathered import Gathered, gather
from lazytrain.engine.export.lettering import NOBODYS, OWN, Piece, fit_text, font_of, pieces, shape, text_width
from lazytrain.engine.export.png import SCALE, render_png
from lazytrain.engine.export.scene import Anchor, Circle, Line, Polygon, Scene, Text, dashes, tinted
from lazytrain.engine.export.svg import render_svg
from lazytrain.engine.records import State
from tests.helpers.monitor_data import Filler


def trained(filler: Filler, name: str, *, epochs: int = 6, **edits: Any) -> Gathered:
    run = filler.queue("lazynet", epochs=epochs, name=name, **edits)
    filler.start(run)
    filler.train(run, epochs)
    filler.end(run, State.FINISHED)
    return gather(filler.journal, run)


@pytest.fixture
def filler(home: Path) -> Filler:
    return Filler(home)


def texts(scene: Scene) -> list[str]:
    return [item.text for item in scene.items if isinstance(item, Text)]


def lines(scene: Scene, colour: str) -> list[Line]:
    return [item for item in scene.items if isinstance(item, Line) and item.colour == colour]


# ── axes ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0, 2.3, ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]),
        (31.2, 38.9, ["30", "32", "34", "36", "38", "40"]),
        (0.0, 1e6, ["0", "200,000", "400,000", "600,000", "800,000", "1,000,000"]),
        (0.0101, 0.0125, ["0.0100", "0.0105", "0.0110", "0.0115", "0.0120", "0.0125"]),
        (1e6, 1e6, ["900,000", "950,000", "1,000,000", "1,050,000", "1,100,000"]),
        (2.0, 2.0, ["1.4", "1.6", "1.8", "2.0", "2.2", "2.4", "2.6"]),
    ],
)
def test_ticks_are_round_and_told_apart(low: float, high: float, labels: list[str]) -> None:
    axis = linear_axis(low, high)
    assert [tick_text(tick, axis) for tick in axis.ticks] == labels
    assert axis.low <= low <= high <= axis.high


def test_epochs_have_whole_ticks() -> None:
    assert epoch_axis(3).ticks == (0, 1, 2, 3)
    assert epoch_axis(50).ticks == (0, 10, 20, 30, 40, 50)
    assert epoch_axis(200).high == 200


def test_a_loss_that_explodes_has_a_logarithmic_axis() -> None:
    assert not loss_axis([0.2, 2.3], [0.2, 0.5, 2.3]).logarithmic
    axis = loss_axis([0.2, 1e9], [0.2, 0.5, 2.3])
    assert axis.logarithmic
    assert [tick_text(tick, axis) for tick in axis.ticks] == ["1", "100", "10,000", "1e6", "1e8"]
    assert 0 <= axis.fraction(0.2) < axis.fraction(1e9) <= 1
    narrow = logarithmic_axis(0.5, 30)
    assert [tick_text(tick, narrow) for tick in narrow.ticks] == ["0.5", "1", "2", "5", "10", "20"]


# ── what is drawn ──────────────────────────────────────────────────────────────────────────────────────────


def test_one_run_has_train_and_test_told_apart_and_its_best_epoch(filler: Filler) -> None:
    run = trained(filler, "one run")
    scene = draw_figure(make_figure([run]))
    said = texts(scene)
    assert said[0] == "one run"
    assert "cifar10 · batch size 4 · SGD · learning rate 0.01 · seed 0" in said[1]
    assert {"Loss (cross-entropy)", "Accuracy (%)"} <= set(said)
    assert sum(text.startswith("train ") for text in said) == sum(text.startswith("test ") for text in said) == 2
    best = run.best
    assert best is not None
    assert f"best {100 * best.test_accuracy:.1f} % at epoch {best.epoch}" in said
    dots = [item for item in scene.items if isinstance(item, Circle) and item.fill == VERMILION]
    assert len(dots) == 2 * 6
    assert len(lines(scene, BLUE)) == len(lines(scene, VERMILION)) == 2


def test_a_spike_of_one_window_stays(filler: Filler) -> None:
    run = filler.queue("lazynet", epochs=40)
    filler.start(run, 10_000)
    filler.train(run, 20, windows=1000)
    filler.journal.write(run, points=[Point(200_003, 9.0, 0.3, 0.01, 1.0, 1.0)])
    filler.train(run, 40, windows=1000)
    scene = draw_figure(make_figure([gather(filler.journal, run)]))
    faint = lines(scene, tinted(BLUE, 0.38))[0]
    assert len(faint.points) < 2_000
    assert min(y for _, y in faint.points) < min(y for x, y in faint.points if abs(x - faint.points[-1][0]) < 100) - 50


def test_a_run_that_ended_early_fills_the_chart(filler: Filler) -> None:
    run = filler.queue("lazynet", epochs=50)
    filler.start(run)
    filler.train(run, 4)
    ticks = texts(draw_figure(make_figure([gather(filler.journal, run)])))
    assert ticks.count("50") == 2
    filler.end(run, State.STOPPED)
    scene = draw_figure(make_figure([gather(filler.journal, run)]))
    assert "50" not in texts(scene)
    assert texts(scene).count("4") == 2


def test_several_runs_have_colours_marks_and_dashes(filler: Filler) -> None:
    runs = [trained(filler, f"run {number}", seed=number) for number in range(9)]
    scene = draw_figure(make_figure(runs))
    assert "run 0 and 8 more" in texts(scene)
    for number in range(7):
        own = lines(scene, COLOURS[number])
        assert any(line.dash is None for line in own)
        assert any(line.dash is not None for line in own)
    assert sum(text.startswith("run 8: best ") for text in texts(scene)) == 1
    squares = [item for item in scene.items if isinstance(item, Polygon) and len(item.points) == 4]
    assert squares


def test_losses_of_different_kinds_are_not_laid_over_each_other(filler: Filler) -> None:
    runs = [trained(filler, "a"), trained(filler, "b", loss="mse")]
    said = texts(draw_figure(make_figure(runs)))
    assert not any(text.startswith("Loss (") for text in said)
    assert "Accuracy (%)" in said
    assert any("Losses aren't shown: those of different kinds (MSE, cross-entropy)" in t for t in said)


def test_seeds_are_a_mean_with_a_band(filler: Filler) -> None:
    seeds = tuple(trained(filler, f"s{seed}", seed=seed) for seed in range(3))
    figure = Figure(groups=(Group(name="three seeds", runs=seeds),), title="seeds")
    scene = draw_figure(figure)
    assert [item for item in scene.items if isinstance(item, Polygon) and item.opacity < 1]
    assert any(text.startswith("three seeds: best ") and text.endswith("3 seeds") for text in texts(scene))
    assert any("in a band from the lowest to the highest" in text for text in texts(scene))
    spread = [
        replace(each, epochs=(*each.epochs[:-1], replace(each.epochs[-1], test_accuracy=accuracy)))
        for each, accuracy in zip(seeds, (0.3, 0.35, 0.49), strict=True)
    ]
    (drawn,) = draw_runs([("three seeds", spread)])
    ends = (drawn.test_accuracy.low[-1], drawn.test_accuracy.y[-1], drawn.test_accuracy.high[-1])
    assert ends == pytest.approx((0.3, 0.38, 0.49))


def test_a_run_that_diverged_before_its_first_figure_is_told_of(filler: Filler) -> None:
    run = filler.queue("coolnet-v7", "lr-10", name="too fast")
    filler.start(run)
    filler.journal.end(run, State.FAILED, error="loss became NaN at step 5 (epoch 1): try a lower one", step=5)
    sound = trained(filler, "sound", epochs=1)
    groups = tuple(Group(name=each.run.name, runs=(each,)) for each in (gather(filler.journal, run), sound))
    scene = draw_figure(Figure(groups=groups, title="rates"))
    assert {"NaN: too fast", "too fast: NaN in epoch 1"} <= set(texts(scene))
    rings = [item for item in scene.items if isinstance(item, Circle) and item.fill is None and item.radius < 3]
    assert len(rings) == 2, "the training means of one epoch, loss and accuracy"


def test_nan_is_marked_and_a_run_without_figures_says_so(filler: Filler) -> None:
    run = filler.queue("coolnet-v7", "lr-10", name="nan")
    filler.start(run)
    filler.train(run, 0.1, loss=lambda epoch: 2.3 + 40 * epoch)
    filler.journal.write(run, points=[Point(1560, math.nan, 0.1, 10.0, 5400.0, 1.5)])
    assert "NaN" in texts(draw_figure(make_figure([gather(filler.journal, run)])))
    infinite = filler.queue("lazynet", loss="mse", name="infinite")
    filler.start(infinite)
    filler.journal.write(infinite, points=[Point(125, 1.7e308, 0.1, 10.0, 5400.0, 1.0)])
    for more in ([], [Point(250, 2.5, 0.1, 10.0, 5400.0, 1.5)], [Point(375, math.inf, 0.1, 10.0, 5400.0, 2.0)]):
        filler.journal.write(infinite, points=more)
        scene = draw_figure(make_figure([gather(filler.journal, infinite)]))
        assert "infinite" in texts(scene)[1:]
        ET.fromstring(render_svg(scene))
    queued = gather(filler.journal, filler.queue("lazynet"))
    assert any(text.startswith("No figures yet") for text in texts(draw_figure(make_figure([queued]))))


def test_the_reports_figure_is_a_line_where_it_is_of_just_this_experiment(filler: Filler) -> None:
    plain = trained(filler, "plain", epochs=50)
    assert "original report 33 %" in texts(draw_figure(make_figure([plain])))
    assert not any("report" in text for text in texts(draw_figure(make_figure([trained(filler, "short")]))))


# ── rendering ──────────────────────────────────────────────────────────────────────────────────────────────


def test_svg_is_well_formed_and_keeps_every_letter(filler: Filler) -> None:
    file = io.BytesIO()
    write_picture(make_figure([trained(filler, "Käse & <b> 猫")]), Format.SVG, file)
    root = ET.fromstring(file.getvalue())
    found = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert found[0] == "Käse & <b> 猫"
    assert float(root.attrib["width"]) == 980


def test_png_shows_the_same_shapes() -> None:
    scene = Scene(width=60, height=40, title="shapes")
    scene.add(
        Line(points=((5, 5), (55, 5)), colour="#0072b2", width=4),
        Line(points=((5, 15), (55, 15)), colour="#d55e00", width=4, dash=(10, 10)),
        Polygon(points=((5, 20), (25, 20), (25, 38), (5, 38)), fill="#000000", opacity=0.5),
        Circle(centre=(45, 29), radius=6, fill=None, edge="#009e73", width=2),
        Text(at=(30, 38), text="é", size=10),
    )
    picture = Image.open(io.BytesIO(render_png(scene))).convert("RGB")
    assert picture.size == (60 * SCALE, 40 * SCALE)

    def at(x: float, y: float) -> object:
        return picture.getpixel((round(x * SCALE), round(y * SCALE)))

    assert at(30, 5) == (0, 0x72, 0xB2)
    assert at(10, 15) == (0xD5, 0x5E, 0)
    assert at(20, 15) == at(40, 15) == (255, 255, 255)
    assert at(30, 15) == (0xD5, 0x5E, 0)
    assert at(15, 30) == (127, 127, 127)
    assert at(45, 29) == (255, 255, 255)
    assert at(51, 29) == (0, 0x9E, 0x73)
    assert 'stroke-dasharray="10 10"' in render_svg(scene)


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lettering, "SYSTEM_FONTS", ())
    pieces.cache_clear()
    yield
    pieces.cache_clear()


@pytest.mark.usefixtures("no_system_fonts")
def test_letters_that_no_font_has_become_what_they_are_like() -> None:
    assert pieces("CoolNet × Ünïté → ä ß é · Łódź 猫 −1") == (Piece("CoolNet x Unite -> a ss e · Lodz ? -1", OWN),), (
        "the font has the dot of its own"
    )
    assert pieces("a\u00a0b\tc\u200d\ufe0f") == (Piece("a b c", OWN),)
    assert pieces("e\u0301") == pieces("é") == (Piece("e", OWN),)
    assert pieces("") == (Piece("", OWN),)


def test_no_letter_is_drawn_as_a_box() -> None:
    pieces.cache_clear()
    for text in ("CoolNet × Ünïté → ä ß é", "学习率 λ=0.1", "Привет ±3 ≤ 5", "क्ष \U0001f600"):
        for piece in pieces(text):
            font = font_of(piece.font, 24)
            assert all(shape(font, letter) != shape(font, NOBODYS) for letter in piece.text if letter != " ")
    assert pieces("lr 0.1 ± 0.02 …") == (Piece("lr 0.1 ± 0.02 …", OWN),), "as on every machine"


@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_a_text_in_several_fonts_stands_where_it_belongs(anchor: Anchor) -> None:
    scene = Scene(width=400, height=30, title="text")
    scene.add(Text(at=(200, 20), text="HHHH × é 猫 HH", size=12, anchor=anchor))
    picture = Image.open(io.BytesIO(render_png(scene))).convert("L").point(lambda shade: 255 - shade)
    left, _, right, _ = cast("tuple[int, int, int, int]", picture.getbbox())
    width = text_width("HHHH × é 猫 HH", 12)
    start = {"start": 200, "middle": 200 - width / 2, "end": 200 - width}[anchor]
    assert left / SCALE == pytest.approx(start, abs=3)
    assert right / SCALE == pytest.approx(start + width, abs=3)


def test_dashes_follow_the_line_round_its_corners() -> None:
    assert dashes([(0, 0), (3, 0), (3, 5)], (4, 2)) == [[(0, 0), (3, 0), (3, 1)], [(3, 3), (3, 5)]]
    assert dashes([], (4, 2)) == []


def test_text_that_is_too_wide_is_cut() -> None:
    assert fit_text("short", 12, 200) == "short"
    cut = fit_text("a very long name of a run indeed", 12, 100)
    assert cut.endswith("…")
    assert text_width(cut, 12) <= 100
