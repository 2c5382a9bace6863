"""What README shows is what happens."""

import contextlib
import io
import re
from pathlib import Path

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
