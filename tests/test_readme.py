"""What README shows is what happens."""

import contextlib
import io
import json
import re
from pathlib import Path

from benchmarks import __main__ as command
from benchmarks import tables

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_taste_runs_as_it_stands_and_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
            exec(block, names)
    shown = re.search(r"```\n(gradcheck of .*?)```", README, re.DOTALL)[1]
    # the errors are rounding, which differs between machines: compare all but the two columns of errors
    assert re.sub(r"\de-\d\d", "error", printed.getvalue()) == re.sub(r"\de-\d\d", "error", shown)
    assert names["log"][-1]["loss"] < 1.5 < names["log"][0]["loss"] and names["right"].mean() > 0.6


def test_every_file_that_it_links_to_is_there():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert links
    assert [link for link in links if not (Path(__file__).parent.parent / link).exists()] == []


def test_what_it_says_of_many_processes_was_measured():
    kept = json.loads((command.RESULTS / "speed.json").read_text(encoding="utf-8")).values()
    (found,) = (machine["scale"] for machine in kept if "scale" in machine)
    assert tables.plan(found) in README and tables.processes(found["here"]["rows"]) in README
    assert f"(load {found['here']['load']})" in README
    *rows, last = (row["measured"] / row["predicted"] for row in found["here"]["rows"])
    assert "all but the last lie within a quarter" in README and 0.75 < min(rows) < max(rows) < 1.25 and not 0.75 < last < 1.25
