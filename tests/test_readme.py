"""What README shows is what happens."""

import contextlib
import io
import json
import math
import re
from pathlib import Path

from benchmarks import __main__ as command
from benchmarks import scaling, tables
from benchmarks.sections.processes import jobs, links

README, OF_BENCHMARKS = (
    (Path(__file__).parent.parent / path).read_text(encoding="utf-8") for path in ("README.md", "benchmarks/README.md")
)
KEPT = json.loads((command.RESULTS / "speed.json").read_text(encoding="utf-8")).values()
(SCALE,) = (machine["scale"] for machine in KEPT if "scale" in machine)


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
    here = SCALE["here"]
    assert tables.plan(SCALE) in README and tables.processes(here["rows"]) in OF_BENCHMARKS
    assert f"(load {here['load']})" in OF_BENCHMARKS
    *rows, last = (row["measured"] / row["predicted"] for row in here["rows"])
    assert (
        "all measured steps but one lie within a quarter" in README and "all but the last lie within a quarter" in OF_BENCHMARKS
    )
    assert 0.75 < min(rows) < max(rows) < 1.25 and not 0.75 < last < 1.25


def test_what_it_says_of_the_ordered_sum_is_what_the_model_says():
    (slow, *_), planned = links(SCALE).values(), jobs(SCALE)

    def slower(name):
        return scaling.ordered(planned[name].bytes, tables.MANY, slow) / scaling.halving(planned[name].bytes, tables.MANY, slow)

    assert "as with L/16, it takes about twice as long" in README and 1.8 < slower("L/16") < 2.2
    assert (
        "at 1 Gbit/s 256 are then slower than one" in README
        and scaling.speed_up(planned["reference"], slow, tables.MANY, 128) < 1
    )
    assert "takes eight times as long" in OF_BENCHMARKS and round(slower("Ti/16")) == 8
    chunks = [math.ceil(planned[name].bytes / scaling.CHUNK) for name in ("L/16", "Ti/16", "reference")]
    assert "L/16, which has 1,161. Ti/16 has 22" in OF_BENCHMARKS and chunks == [1161, 22, 1]
