"""Pictures of runs: what is on them, as SVG and as PNG, and that neither loses a spike."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib
import numpy as np
import pytest
from matplotlib.lines import Line2D
from PIL import Image

from lazytrain.engine.analysis.gathered import Gathered, gather
from lazytrain.engine.events import Point
from lazytrain.engine.export.formats import Format, make_figure, write_picture
from lazytrain.engine.export.pictures import lettering
from lazytrain.engine.export.pictures.axes import epoch_axis, linear_axis, logarithmic_axis, loss_axis
from lazytrain.engine.export.pictures.curves import draw_runs
from lazytrain.engine.export.pictures.figure import Figure, Group
from lazytrain.engine.export.pictures.lettering import OWN, drawable, families, fit_text, text_width
from lazytrain.engine.export.pictures.page import MUTED, SCALE, Page
from lazytrain.engine.export.pictures.panels import BLUE, COLOURS, FAINT, MARKS, VERMILION
from lazytrain.engine.export.pictures.picture import draw_figure
from lazytrain.engine.records import State
from tests.helpers.monitor_data import Filler

SVG = "{http://www.w3.org/2000/svg}"


def trained(filler: Filler, name: str, *, epochs: int = 6, **edits: Any) -> Gathered:
    run = filler.queue("lazynet", epochs=epochs, **edits)
    # As an older lazytrain had it, which took any name.
    filler.journal.connection.execute("UPDATE runs SET name = ? WHERE id = ?", (name, run))
    filler.start(run)
    filler.train(run, epochs)
    filler.end(run, State.FINISHED)
    return gather(filler.journal, run)


@pytest.fixture
def filler(home: Path) -> Filler:
    return Filler(home)


def written(figure: Figure, form: Format) -> bytes:
    file = io.BytesIO()
    write_picture(figure, form, file)
    return file.getvalue()


def drawn_svg(figure: Figure) -> ET.Element:
    return ET.fromstring(written(figure, Format.SVG))


def texts(figure: Figure) -> list[str]:
    """What is written on the picture, from top to bottom."""
    found = [(float(element.attrib["y"]), element.text or "") for element in drawn_svg(figure).iter(f"{SVG}text")]
    return [text for _, text in sorted(found)]


def marks(figure: Figure, colour: str) -> int:
    """How many filled marks of that colour an SVG has."""
    uses = drawn_svg(figure).iter(f"{SVG}use")
    return sum(f"fill: {colour}" in use.attrib.get("style", "") for use in uses)


def points(line: Line2D) -> list[list[float]]:
    return np.asarray(line.get_xydata()).tolist()


def lines(figure: Figure, colour: str) -> list[Line2D]:
    """The curves of that colour; neither rings nor crosses."""
    charts = draw_figure(figure).paper.axes
    return [line for axes in charts for line in axes.lines if line.get_color() == colour and len(points(line)) > 1]


def rings(figure: Figure) -> list[list[float]]:
    """Size, epoch and value of each ring at a curve."""
    return [
        [line.get_markersize(), *place]
        for axes in draw_figure(figure).paper.axes
        for line in axes.lines
        if line.get_markerfacecolor() == "none" and line.get_transform() == axes.transData
        for place in points(line)
    ]


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
    assert axis.labels == labels
    assert axis.low <= low <= high <= axis.high


def test_epochs_have_whole_ticks() -> None:
    assert epoch_axis(3).ticks == (0, 1, 2, 3)
    assert epoch_axis(50).ticks == (0, 10, 20, 30, 40, 50)
    assert epoch_axis(200).high == 200


def test_a_loss_that_explodes_has_a_logarithmic_axis() -> None:
    assert not loss_axis([0.2, 2.3], [0.2, 0.5, 2.3]).logarithmic
    axis = loss_axis([0.2, 1e9], [0.2, 0.5, 2.3])
    assert axis.logarithmic
    assert axis.labels == ["1", "100", "10,000", "1e6", "1e8"]
    assert axis.low < 0.2
    assert axis.high >= 1e9
    narrow = logarithmic_axis(0.5, 30)
    assert narrow.labels == ["0.5", "1", "2", "5", "10", "20"]


# ── what is drawn ──────────────────────────────────────────────────────────────────────────────────────────


def test_one_run_has_train_and_test_told_apart_and_its_best_epoch(filler: Filler) -> None:
    run = trained(filler, "one run")
    figure = make_figure([run])
    said = texts(figure)
    assert said[0] == "one run"
    assert "cifar10 · batch size 4 · SGD · learning rate 0.01 · seed 0" in said[1]
    assert {"Loss (cross-entropy)", "Accuracy (%)"} <= set(said)
    assert sum(text.startswith("train ") for text in said) == sum(text.startswith("test ") for text in said) == 2
    best = run.best
    assert best is not None
    assert f"best {100 * best.test_accuracy:.1f} % at epoch {best.epoch}, chosen on test" in said
    assert marks(figure, VERMILION) == 2 * 6
    assert len(lines(figure, BLUE)) == len(lines(figure, VERMILION)) == 2
    loss, accuracy = map(points, lines(figure, VERMILION))
    assert loss == [[record.epoch, record.test_loss] for record in run.epochs]
    assert accuracy == [[record.epoch, 100 * record.test_accuracy] for record in run.epochs]
    assert [place for _, *place in rings(figure)] == [
        [best.epoch, best.test_loss],
        [best.epoch, 100 * best.test_accuracy],
    ]


def test_a_spike_of_one_window_stays(filler: Filler) -> None:
    run = filler.queue("lazynet", epochs=40)
    filler.start(run, 10_000)
    filler.train(run, 20, windows=1000)
    filler.journal.write(run, points=[Point(200_003, 9.0, 0.3, 0.01, 1.0, 1.0)])
    filler.train(run, 40, windows=1000)
    figure = make_figure([gather(filler.journal, run)])
    faint = lines(figure, FAINT)[0]
    assert len(points(faint)) < 2_000
    assert max(loss for _, loss in points(faint)) == 9.0
    picture = written(figure, Format.SVG)
    assert len(picture) < 150_000, "of 40,000 points"
    paths = [path for path in ET.fromstring(picture).iter(f"{SVG}path") if f"stroke: {FAINT}" in path.get("style", "")]
    heights = [float(height) for height in paths[0].attrib["d"].replace("M", "L").split()[2::3]]
    assert min(heights) < sorted(heights)[1] - 40, "one point is far above the others"


def test_a_run_that_ended_early_fills_the_chart(filler: Filler) -> None:
    run = filler.queue("lazynet", epochs=50)
    filler.start(run)
    filler.train(run, 4)
    ticks = texts(make_figure([gather(filler.journal, run)]))
    assert ticks.count("50") == 2
    filler.end(run, State.STOPPED)
    figure = make_figure([gather(filler.journal, run)])
    assert "50" not in texts(figure)
    assert texts(figure).count("4") == 2


def test_several_runs_have_colours_marks_and_dashes(filler: Filler) -> None:
    figure = make_figure([trained(filler, f"run {number}", seed=number) for number in range(9)])
    said = texts(figure)
    assert "run 0 and 8 more" in said
    for number in range(7):
        own = lines(figure, COLOURS[number])
        assert any(line.get_linestyle() == "-" for line in own)
        assert any(line.get_linestyle() == "--" for line in own)
        solid = {str(line.get_marker()) for line in own if line.get_linestyle() == "-"}
        assert solid == {tuple(MARKS)[place % 5] for place in range(number, 9, 7)}
    assert marks(figure, COLOURS[3]) == 2 * 6 + 1, "one in the legend"
    assert sum(text.startswith("run 8: best ") for text in said) == 1
    assert {"test", "train", "best epoch"} <= set(said)


def test_losses_of_different_kinds_are_not_laid_over_each_other(filler: Filler) -> None:
    said = texts(make_figure([trained(filler, "a"), trained(filler, "b", loss="mse")]))
    assert not any(text.startswith("Loss (") for text in said)
    assert "Accuracy (%)" in said
    assert any("Losses aren't shown: those of different kinds (MSE, cross-entropy)" in t for t in said)


def test_seeds_are_a_mean_with_a_band(filler: Filler) -> None:
    seeds = tuple(trained(filler, f"s{seed}", seed=seed) for seed in range(3))
    figure = Figure(groups=(Group(name="three seeds", runs=seeds),), title="seeds")
    assert [len(axes.collections) for axes in draw_figure(figure).paper.axes] == [1, 1]
    shapes = [path.attrib.get("style", "") for path in drawn_svg(figure).iter(f"{SVG}path")]
    assert sum("opacity: 0.18" in style for style in shapes) + marks(figure, f"{BLUE}; fill-opacity: 0.18") == 2
    assert any(text.startswith("three seeds: best ") and text.endswith("3 seeds") for text in texts(figure))
    assert any("in a band from the lowest to the highest" in text for text in texts(figure))
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
    figure = Figure(groups=groups, title="rates")
    assert {"NaN: too fast", "too fast: NaN in epoch 1"} <= set(texts(figure))
    small = [ring for ring in rings(figure) if ring[0] < 5]
    assert len(small) == 2, "the training means of one epoch, loss and accuracy"


def test_nan_is_marked_and_a_run_without_figures_says_so(filler: Filler) -> None:
    run = filler.queue("coolnet-v7", "lr-10", name="nan")
    filler.start(run)
    filler.train(run, 0.1, loss=lambda epoch: 2.3 + 40 * epoch)
    filler.journal.write(run, points=[Point(1560, math.nan, 0.1, 10.0, 5400.0, 1.5)])
    figure = make_figure([gather(filler.journal, run)])
    assert "NaN" in texts(figure)
    chart = draw_figure(figure).paper.axes[0]
    crosses = [artist for artist in chart.get_children() if isinstance(artist, Line2D) and artist.get_marker() == "x"]
    assert [points(cross)[0][0] for cross in crosses] == [pytest.approx(1560 / 12_500 / chart.get_xlim()[1])]
    infinite = filler.queue("lazynet", loss="mse", name="infinite")
    filler.start(infinite)
    filler.journal.write(infinite, points=[Point(125, 1.7e308, 0.1, 10.0, 5400.0, 1.0)])
    for more in ([], [Point(250, 2.5, 0.1, 10.0, 5400.0, 1.5)], [Point(375, math.inf, 0.1, 10.0, 5400.0, 2.0)]):
        filler.journal.write(infinite, points=more)
        figure = make_figure([gather(filler.journal, infinite)])
        assert "infinite" in texts(figure)[1:]
        assert Image.open(io.BytesIO(written(figure, Format.PNG))).width == 980 * SCALE
    queued = gather(filler.journal, filler.queue("lazynet"))
    assert any(text.startswith("No figures yet") for text in texts(make_figure([queued])))


def test_the_reports_figure_is_a_line_where_it_is_of_just_this_experiment(filler: Filler) -> None:
    plain = make_figure([trained(filler, "plain", epochs=50)])
    assert "original report 33 %" in texts(plain)
    (line,) = lines(plain, MUTED)
    assert [y for _, y in points(line)] == [33, 33]
    assert not any("report" in text for text in texts(make_figure([trained(filler, "short")])))


# ── files ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_svg_is_well_formed_and_keeps_every_letter(filler: Filler) -> None:
    root = drawn_svg(make_figure([trained(filler, "Käse & <b> 猫")]))
    found = [element.text for element in root.iter(f"{SVG}text")]
    assert "Käse & <b> 猫" in found
    assert root.attrib["width"] == "735pt", "980 CSS pixels"
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == "Käse & <b> 猫: loss and accuracy by epoch"


def test_a_name_is_no_formula_and_no_markup(filler: Filler) -> None:
    names = ("_under", "$x_1$ and $", r"\frac{1}{ $\alpha", "a\x07b\x00 \ufffe", "% # {}", "العربية", "\U0001f9a5")
    figure = make_figure([trained(filler, name) for name in names])
    legend = {text.partition(": best ")[0] for text in texts(figure) if ": best " in text}
    assert legend == {*names[:3], "ab ?", *names[4:]}
    assert Image.open(io.BytesIO(written(figure, Format.PNG))).width == 980 * SCALE


def test_a_picture_is_the_same_whatever_is_set_up_for_matplotlib(filler: Filler) -> None:
    figure = make_figure([trained(filler, "one"), trained(filler, "two")])
    plain = [written(figure, form) for form in (Format.SVG, Format.PNG)]
    with matplotlib.rc_context({"font.size": 31, "svg.fonttype": "path", "axes.facecolor": "black"}):
        assert [written(figure, form) for form in (Format.SVG, Format.PNG)] == plain
        assert matplotlib.rcParams["font.size"] == 31


MAKE_PICTURE = """
import logging, sys
from pathlib import Path
from lazytrain.engine.export.pictures.figure import Figure
from lazytrain.engine.export.formats import Format, write_picture
early = "matplotlib" in sys.modules
for form in (Format.SVG, Format.PNG):
    with Path(sys.argv[1], f"picture.{form}").open("wb") as file:
        write_picture(Figure(groups=(), title="Käse"), form, file)
print(early, "matplotlib.pyplot" in sys.modules)
"""


def test_a_home_that_cannot_be_written_and_settings_in_the_folder_are_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.facecolor: black\nnonsense\n")
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path / "file" / "none"), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", MAKE_PICTURE, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False False\n", "")
    for form in (Format.SVG, Format.PNG):
        assert (tmp_path / f"picture.{form}").read_bytes() == written(Figure(groups=(), title="Käse"), form)


def test_png_shows_the_same_shapes(filler: Filler) -> None:
    run = trained(filler, "one")
    low, high = (
        replace(run, epochs=tuple(replace(each, test_accuracy=value, train_accuracy=0.8) for each in run.epochs))
        for value in (0.7, 0.9)
    )
    groups = (Group(name="band", runs=(low, high)), Group(name="one", runs=(run,)))
    figure = Figure(groups=groups, title="shapes", report_accuracy=0.5)
    picture = Image.open(io.BytesIO(written(figure, Format.PNG))).convert("RGB")
    sheet = draw_figure(figure)
    assert picture.size == (980 * SCALE, round(sheet.height * SCALE))
    assert picture.info.get("dpi", (0, 0))[0] == pytest.approx(96 * SCALE, abs=0.1)
    chart = sheet.paper.axes[1]

    def at(epoch: float, percent: float, right: float = 0) -> tuple[int, ...]:
        x, y = chart.transData.transform((epoch, percent))
        return cast(
            "tuple[int, ...]", picture.getpixel((round((x + right) * SCALE), round((sheet.height - y) * SCALE)))
        )

    def rgb(colour: str) -> tuple[int, ...]:
        return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))

    assert at(2.5, 80) == rgb(BLUE), "the mean"
    assert at(2.5, 86) == pytest.approx([255 - 0.18 * (255 - part) for part in rgb(BLUE)], abs=1), "its band"
    assert at(2.5, 65) == (255, 255, 255)
    best = run.best
    assert best is not None
    place = (best.epoch, 100 * best.test_accuracy)
    assert at(*place) == at(*place, right=-6.5) == rgb(VERMILION), "mark and ring"
    assert at(*place, right=4.8) == (255, 255, 255)
    dashed = next(line for line in chart.lines if line.get_linestyle() == "--" and line.get_color() == VERMILION)
    (x0, y0), (x1, y1) = points(dashed)[1:3]
    along = {at(x0 + (x1 - x0) * part / 200, y0 + (y1 - y0) * part / 200) for part in range(201)}
    assert (255, 255, 255) in along
    assert min(colour[2] for colour in along) < 60, "its dashes"
    report = {at(part / 50, 50) for part in range(20, 40)}
    assert (255, 255, 255) in report
    assert min(report) < (130, 130, 130)


# ── letters ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def forget() -> None:
        lettering._spell.cache_clear()
        lettering._family.cache_clear()

    monkeypatch.setattr(lettering, "_system_fonts", lambda: ())
    forget()
    yield
    forget()


@pytest.mark.usefixtures("no_system_fonts")
def test_letters_that_no_font_has_become_what_they_are_like() -> None:
    assert drawable("CoolNet × Ünïté → ä ß é · Łódź 猫 −1") == "CoolNet × Ünïté → ä ß é · Łódź ? −1"
    assert drawable("Ａ１ ㎏ 猫") == "A1 kg ?"
    assert drawable("a\u00a0b\tc\u200d\ufe0f") == "a b c"
    assert drawable("e\u0301") == drawable("é") == "é"
    assert drawable("") == ""


def test_no_letter_is_drawn_as_a_box() -> None:
    for text in (
        "CoolNet × Ünïté → ä ß é",
        "学习率 λ=0.1",
        "日本語: best 1 %",
        "Привет ±3 ≤ 5",
        "क्ष \U0001f600",
        "العربية",
    ):
        drawn = drawable(text)
        fonts = families(drawn)
        assert all(any(lettering._has(font, letter) for font in fonts) for letter in drawn if letter != "\u200e")
    assert families("lr 0.1 ± 0.02 … Привет") == [OWN], "as on every machine"
    assert not lettering._has(OWN, "猫")
    assert not lettering._has("no such font", "a")


@pytest.mark.parametrize("anchor", ["left", "center", "right"])
def test_a_text_in_several_fonts_stands_where_it_belongs(anchor: Literal["left", "center", "right"]) -> None:
    sheet = Page.of_size(400, 30, "text")
    sheet.write(200, 20, "HHHH × é 猫 HH")
    sheet.paper.texts[0].set_horizontalalignment(anchor)
    file = io.BytesIO()
    sheet.save("png", file)
    picture = Image.open(file).convert("L").point(lambda shade: 255 - shade)
    left, _, right, _ = cast("tuple[int, int, int, int]", picture.getbbox())
    width = text_width("HHHH × é 猫 HH", 12)
    start = {"left": 200, "center": 200 - width / 2, "right": 200 - width}[anchor]
    assert left / SCALE == pytest.approx(start, abs=3)
    assert right / SCALE == pytest.approx(start + width, abs=3)


def test_text_that_is_too_wide_is_cut(filler: Filler) -> None:
    assert fit_text("short", 12, 200) == "short"
    cut = fit_text("a very long name of a run indeed", 12, 100)
    assert cut.endswith("…")
    assert 85 < text_width(cut, 12) <= 100
    assert fit_text("nothing fits", 12, 1) == "…"
    said = texts(make_figure([trained(filler, "long " * 60), trained(filler, "short")]))
    assert any(text.startswith("long long") and "…: best " in text for text in said), "the figure stays"
