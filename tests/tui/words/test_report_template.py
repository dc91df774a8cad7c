"""The report's template: the shipped one, a person's own, and what is told of one with a mistake."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from lazytrain.tui.words.markdown import plain, table
from lazytrain.tui.words.written_report import shipped_template
from tests.helpers import ROOT, command_line
from tests.helpers.command_line import Command
from tests.helpers.monitor_data import Filler

command = command_line.run

NAME = r"a|b *c* _d_ `e` <f> \ # [g](h) ~"
ESCAPED = r"a\|b \*c\* \_d\_ \`e\` \<f\> \\ \# \[g\](h) \~"


@pytest.fixture(autouse=True)
def runs(home: Path) -> None:
    """`odd`, trained, by a name that is full of Markdown, and `waiting`."""
    filler = Filler(home)
    odd = filler.queue("lazynet", epochs=2, name=NAME)
    filler.start(odd)
    filler.train(odd, 2)
    filler.end(odd, State.FINISHED)
    with Store(home) as store:
        store.tag(odd, ["odd"])
    filler.queue("lazynet", epochs=3, name="waiting")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "my.md.j2"


def test_the_shipped_template_is_printed_and_writes_the_same_report(command: Command, own: Path) -> None:
    printed = command("report", "--print-template")
    assert (printed.status, printed.out) == (0, shipped_template())
    own.write_text(printed.out, encoding="utf-8")
    shipped, mine = command("report", NAME, "waiting"), command("report", NAME, "waiting", "--template", str(own))
    assert shipped.status == mine.status == 0, mine.err
    assert shipped.out == mine.out
    assert shipped.out.startswith(f"# {ESCAPED} and 1 more\n\n2 runs: 1 finished, 1 queued.")


def test_a_template_of_ones_own_goes_to_the_file_with_the_pictures(command: Command, own: Path, tmp_path: Path) -> None:
    own.write_text(
        "{% macro line(run) %}{{ run.name }}: {{ run.test_accuracy | percent }} %{% endmacro %}\n"
        "{% for setting in report.settings %}{% for each in setting.runs %}\n"
        "* {{ line(each.run) }}, {{ each.run.tags | join('/') }}; {{ setting.values.epochs }} epochs\n\n\n\n"
        "{% endfor %}{% endfor %}\n"
        "![]({{ report.chapters[0].picture | urlencode | safe }}) {{ report.runs[0].run.note or none }} <b>kept</b>",
        encoding="utf-8",
    )
    output = tmp_path / "out.md"
    result = command("report", NAME, "-o", str(output), "--template", str(own))
    assert result.status == 0, result.err
    picture = next((tmp_path / "out-files").iterdir())
    assert output.read_text(encoding="utf-8") == (
        f"* {ESCAPED}: 21.3 %, odd; 2 epochs\n\n![](out-files/{picture.name.replace('=', '%3D')}) – <b>kept</b>\n"
    )


def test_it_can_write_a_block_of_the_shipped_one_anew(command: Command, own: Path) -> None:
    own.write_text(
        '{% extends "report.md.j2" %}{% block method %}{% endblock %}'
        "{% block results %}{{ super() }}\nBest: {{ tally(report.states) }}.\n{% endblock %}",
        encoding="utf-8",
    )
    result = command("report", "waiting", "--template", str(own))
    assert result.status == 0, result.err
    assert "| queued |\n\nBest: 1 queued.\n\n## " in result.out
    assert "## How it was measured" not in result.out
    assert "## Runs" in result.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ reprt.title }}", "line 1: there is no 'reprt'; there are report, written, version, agreement, and"),
        ("\n{{ report.titel }}", "line 2: there is no 'titel' in a WrittenReport; there are about, averaged, best, ch"),
        ("\n{{ report.runs[0].run.acc }}", "line 2: there is no 'acc' in a Run; there are architecture, archived, "),
        ("{{ report.settings[0].values.lr }}", "line 1: there is no 'lr' in a dict; there are dataset, image_size, "),
        ("{{ report.runs[0].configuration.x }}", "there is no 'x' in a RunConfiguration; there are architecture_name"),
        ("{{ report.settings[5].label }}", "line 1: there is no 5 in 1 of them, counted from 0"),
        ("{{ report.chapters[0].picture.name }}", "line 1: there is no 'name' in what is none"),
        ("a\n\n{% for each in report.runs %}\n{% endfro %}", "line 4: Encountered unknown tag 'endfro'."),
        ("{{ report.title | }}", "line 1: expected token 'name', got 'end of print statement'"),
        ("\n{{ 0.1 | percnt }}", "line 2: No filter named 'percnt'. There are Jinja's, and duration, e, escape, field"),
        ("{{ report.title + 1 }}", 'line 1: TypeError: can only concatenate str (not "int") to str'),
        ("{{ report.title | moment }}", "line 1: TypeError: "),
        ("{% macro again() %}{{ again() }}{% endmacro %}\n{{ again() }}", "line 1: RecursionError: "),
        ('{% extends "other.j2" %}', "line 1: there is no template 'other.j2'; one can extend 'report.md.j2'"),
        # What isn't a template's business, told in the same way.
        ("{{ report.__class__ }}", "line 1: access to attribute '__class__' of 'WrittenReport' object is unsafe."),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "access to attribute '__class__' of 'str' object is unsafe"),
        ("{{ report.title.format.__globals__ }}", "access to attribute '__globals__' of 'function' object is unsafe."),
        ("{{ '{0.__class__}'.format(report) }}", "access to attribute '__class__' of 'WrittenReport' object is unsafe"),
        ("{{ report.runs[0].points() }}", "line 1: access to attribute 'points' of 'Gathered' object is unsafe."),
        ("{{ report.runs[0].configuration.model_validate_json('') }}", "attribute 'model_validate_json' of 'RunConf"),
        ("{% include '/etc/hostname' %}", "line 1: there is no template '/etc/hostname'"),
        ("{{ range(10 ** 9) | list }}", "line 1: OverflowError: Range too big."),
    ],
)
def test_a_mistake_is_told_with_its_line_and_nothing_is_written(
    command: Command, own: Path, tmp_path: Path, text: str, said: str
) -> None:
    own.write_text(text, encoding="utf-8")
    result = command("report", "waiting", "-o", str(tmp_path / "out.md"), "--template", str(own))
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"lazytrain: {own}, line ")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == sorted([own, tmp_path / "home"])


def test_a_mistake_in_what_extends_the_shipped_one_is_told_with_its_own_line(command: Command, own: Path) -> None:
    own.write_text(
        '{% extends "report.md.j2" %}\n{% block runs %}\n{{ plural(1) }}{{ nets[0].nosuch }}\n{% endblock %}',
        encoding="utf-8",
    )
    result = command("report", "waiting", "--template", str(own))
    assert result.status == 2
    assert f"{own}, line 3: " in result.err


def test_a_file_that_can_not_be_read_is_told(command: Command, own: Path, tmp_path: Path) -> None:
    missing = command("report", "waiting", "--template", str(own))
    assert (missing.status, missing.out) == (2, "")
    assert f"{own}: there is no such file; `lazytrain report --print-template` prints one to start from" in missing.err
    own.write_bytes(b"caf\xe9")
    assert (
        f"{own}: it is no UTF-8 (byte 0xe9 in line 1); it seems to be Latin-1"
        in command("report", "waiting", "--template", str(own)).err
    )
    assert "can't be read: Is a directory" in command("report", "waiting", "--template", str(tmp_path)).err
    alone = command("report", "--template", str(own))
    assert (alone.status, "--template and --force go with a study or with -o" in alone.err) == (2, True)


def test_what_is_printed_is_no_markdown_unless_it_is_said_to_be(command: Command, own: Path) -> None:
    own.write_text(
        "{{ report.title }}\n{{ report.title | e }}\n{{ report.title | upper | lower }}\n{{ report.title | safe }}\n"
        "{% set kept %}*{{ report.title }}*{% endset %}{{ kept }}\n{{ 'two\\nlines'.replace('t', 'T') }}\n",
        encoding="utf-8",
    )
    result = command("report", NAME, "--template", str(own))
    assert result.status == 0, result.err
    assert result.out.splitlines() == [ESCAPED, ESCAPED, ESCAPED, NAME, f"*{ESCAPED}*", "Two lines"]


@pytest.mark.parametrize(
    "name",
    ["$a$ and $$b$$", "$`a`$", "*a*", "a_b _c_", "[a](b)", "<i>", "&amp;", ":tada: at 10:30:15", "- a", "+ a", "1. a"],
)
def test_a_name_is_read_as_it_was_written(name: str) -> None:
    shown = MarkdownIt().enable("strikethrough").render(f"- {plain(name)}")
    assert shown == f"<ul>\n<li>{html.escape(name, quote=False)}</li>\n</ul>\n"
    # What GitHub makes of text beside CommonMark: formulas and pictures by their names.
    assert not re.search(r"(?<!\\)\$|(?<!\\):[a-z]+:", plain(name))


def test_a_table_keeps_its_cells_whatever_is_in_them() -> None:
    names = ["a|b", "ends in \\", "-", "> right", "two\nlines", "", "`|`"]
    text = "| name |> number\n" + "".join(f"|-\n| {plain(name)} | {place}\n" for place, name in enumerate(names))
    assert table(text).splitlines() == [
        "| name       | number |",
        "|------------|-------:|",
        r"| a\|b       |      0 |",
        r"| ends in \\ |      1 |",
        "| -          |      2 |",
        r"| \> right   |      3 |",
        "| two lines  |      4 |",
        "|            |      5 |",
        r"| \`\|\`     |      6 |",
    ]
    assert table("| one\n|-\n| a | left out\n|-\n").splitlines() == ["| one |", "|-----|", "| a   |", "|     |"]
    assert table("") == ""


def test_jinja_is_imported_for_a_report_only(home: Path) -> None:
    code = (
        "import sys; from lazytrain.__main__ import main; import lazytrain.tui.commands.report, lazytrain.tui.app\n"
        "status = main(['runs']); sys.exit(status or (1 if 'jinja2' in sys.modules else 0))"
    )
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
