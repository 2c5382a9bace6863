"""What the learner writes: kept, taken out as a zip, brought in again, begun anew; and never lost."""

import subprocess
import sys
import zipfile

import pytest

from lessons.classroom import cli, course
from lessons.classroom.pages import build

LESSON = course.find("05")
FILE = f"{LESSON.name}.py"
SOLUTION = build.solution(LESSON.source, LESSON.name)


@pytest.fixture
def zipped(tmp_path):
    """zipped({name: text}): the path of a zip that holds them."""

    def make(files):
        with zipfile.ZipFile(tmp_path / "some.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return tmp_path / "some.zip"

    return make


def bring(visitor, path):
    """Chooses a zip in the list's page; gives what is said of it."""
    visitor.page.set_input_files("#file", path)
    said = visitor.page.locator("#said")
    said.filter(has_text=":").or_(said.filter(has_text=".")).wait_for()
    return said.inner_text()


def test_reload_keeps_what_was_typed(visitor):
    page = visitor.at(f"{LESSON.name}/index.html").page
    page.locator(".cell:has(button:text-is('Check')) .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\n# a thought <b>of mine</b>")
    page.locator("#saved:text-is('Saved.')").wait_for()
    page.reload()
    page.wait_for_selector("body[data-shown]", timeout=60_000)
    assert "# a thought <b>of mine</b>" in page.locator(".cm-content").all_inner_texts()[2] + visitor.files()[FILE]
    assert "# a thought <b>of mine</b>\n" in page.evaluate("minivit.text()")


def test_what_was_typed_right_before_the_page_is_left_is_kept(visitor):
    page = visitor.at(f"{LESSON.name}/index.html").page
    page.locator(".cell .cm-content").first.click()
    page.keyboard.type("# the last word ")
    visitor.at("index.html")
    assert "# the last word " in visitor.files()[FILE]


def test_a_lesson_that_was_only_looked_at_is_not_begun(visitor):
    visitor.at(f"{LESSON.name}/index.html").at("index.html")
    assert visitor.files() == {} and visitor.page.locator(f"#lesson-{LESSON.number} .state").inner_text() == ""


def test_two_windows_with_one_lesson_go_on_from_each_other(visitor):
    here = visitor.at(f"{LESSON.name}/index.html").page
    visitor.keeps({FILE: SOLUTION + "\n"})
    here.evaluate("dispatchEvent(new Event('focus'))")
    here.wait_for_function("(text) => minivit.text() === text", arg=SOLUTION)


def test_the_whole_way_of_a_lesson(visitor):
    """Not started, a hint, refused the answer, given it, written, checked, drawn, begun again."""
    visitor.at(f"{LESSON.name}/index.html").ready()
    assert "not started" in visitor.click("Check")
    assert "hint 1 of 3" in visitor.click("Hint")
    assert "hint 2 of 3" in visitor.click("Hint")
    assert "is not passed yet: a hint may be enough" in visitor.click("Solution", "#own")
    visitor.page.get_by_role("button", name="Show it all the same").click()
    visitor.page.get_by_role("button", name="Write it as my file (mine is kept as a backup)").click()
    visitor.page.locator("#own .out:has-text('is the course')").wait_for()
    assert visitor.page.evaluate("minivit.text()") == SOLUTION == visitor.files()[FILE]
    assert "all 2 tasks" in visitor.click("Check")
    assert visitor.files()["progress.txt"].splitlines()[1].startswith("05 passed 2 of 2, hints")
    visitor.page.get_by_role("button", name="Draw").click()
    drawn = visitor.page.locator(".drawn img[src^='blob:']")
    drawn.wait_for(timeout=120_000)
    assert drawn.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 500
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.click("Begin again", "#own")
    visitor.page.locator(f"#backups:has-text('{LESSON.name}.backup-2.py')").wait_for()
    assert visitor.page.evaluate("minivit.text()") == build.stub(LESSON.source, LESSON.name)
    assert visitor.files()[f"{LESSON.name}.backup-2.py"] == SOLUTION
    visitor.page.locator("#backups li").nth(1).get_by_role("button").click()
    visitor.page.locator(f"#backups:has-text('{LESSON.name}.backup-3.py')").wait_for()
    assert visitor.page.evaluate("minivit.text()") == SOLUTION == visitor.files()[FILE]


BOTH = """() => {
    const press = (label) => [...document.querySelectorAll(".cell button")].find((b) => b.textContent === label).click();
    press("Check"), press("Hint");
}"""


def test_a_hint_asked_for_during_a_check_keeps_what_the_check_found(visitor):
    visitor.at("index.html").keeps({FILE: SOLUTION})
    visitor.at(f"{LESSON.name}/index.html").ready().page.evaluate(BOTH)
    visitor.page.locator(".out:has-text('hint 1 of')").first.wait_for(timeout=120_000)
    visitor.ready()
    assert "05 passed 2 of 2" in visitor.files()["progress.txt"]


def test_the_quiz_explains_each_answer(visitor):
    page = visitor.at(f"{LESSON.name}/index.html").page
    question = LESSON.about.QUIZ[0]
    box = page.locator("#quiz fieldset").first
    box.get_by_role("button").click()
    assert box.locator("p").inner_text() == "Choose one first."
    for letter in question.lettered():
        box.locator(f"input[value={letter}]").check()
        box.get_by_role("button").click()
        right = letter == question.letter
        assert box.locator("p").inner_text() == f"{'Yes.' if right else f'It is {question.letter}.'} {question.because}"


def test_a_file_with_other_cells_is_shown_whole(visitor):
    others = SOLUTION.replace("# %%\n", "# %% a title of mine\n", 1)
    visitor.at("index.html").keeps({FILE: others})
    visitor.at(f"{LESSON.name}/index.html").ready()
    assert visitor.page.evaluate("minivit.text()") == others
    assert "gelu" in visitor.click("Check", ".whole")
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.page.get_by_role("button", name="Begin again").click()
    visitor.page.locator(".cell .cm-editor").first.wait_for()
    visitor.at("index.html")
    assert visitor.files()[FILE] == build.stub(LESSON.source, LESSON.name)


def test_the_zip_goes_to_a_laptop_and_back(visitor, tmp_path, monkeypatch, capsys):
    visitor.at("index.html").keeps({FILE: SOLUTION, "progress.txt": "05 passed 2 of 2, hints 0, 2026-11-22\n"})
    with visitor.page.expect_download() as download:
        visitor.page.click("#out")
    download.value.save_as(tmp_path / "minivit-work.zip")
    work = tmp_path / "work"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(tmp_path / "minivit-work.zip"), str(work)], check=True)
    monkeypatch.setenv("MINIVIT_WORK", str(work))
    assert (work / FILE).read_text(encoding="utf-8") == SOLUTION
    assert cli.main(["list"]) == 0 and "done" in capsys.readouterr().out

    changed = SOLUTION + "\n# at home\n"
    (work / FILE).write_text(changed, encoding="utf-8")
    back = [str(path) for path in (work / FILE, work / "progress.txt")]
    subprocess.run([sys.executable, "-m", "zipfile", "-c", str(tmp_path / "back.zip"), *back], check=True)
    said = bring(visitor, tmp_path / "back.zip")
    assert f"{FILE}: replaces yours, which is kept as a backup" in said and "1 more is as you have it already" in said
    assert visitor.files()[FILE] == SOLUTION  # nothing is written before it is agreed to
    meanwhile = SOLUTION + "\n# in another tab\n"
    visitor.keeps({FILE: meanwhile})
    visitor.page.get_by_role("button", name="Bring them in").click()
    visitor.page.locator("#said:has-text('Brought in')").wait_for()
    assert visitor.files()[FILE] == changed and visitor.files()[f"{LESSON.name}.backup-1.py"] == meanwhile


def test_a_zip_of_other_things_writes_nothing(visitor, zipped, tmp_path):
    visitor.at("index.html")
    said = bring(visitor, zipped({"../05_gelu.py": "x", "deep/05_gelu.py": "x", "a.exe": "x", "minivit.py": "x"}))
    assert "not taken" in said and "../05_gelu.py" in said and "There is nothing" not in said
    assert visitor.page.get_by_role("button", name="Bring them in").count() == 0
    assert "unpacks to more than 5 MB" in bring(visitor, zipped({FILE: "x" * 6_000_000}))
    assert "more than 200 files" in bring(visitor, zipped({f"{n % 100:02}_a{n}.py": "x" for n in range(300)}))
    (tmp_path / "no.zip").write_bytes(b"no zip at all")
    assert "cannot be read as a zip" in bring(visitor, tmp_path / "no.zip")
    (tmp_path / "large.zip").write_bytes(bytes(6_000_000))
    assert "more than 5 MB" in bring(visitor, tmp_path / "large.zip")
    assert visitor.files() == {}


def test_a_full_storage_is_said(visitor):
    visitor.page.add_init_script(
        "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };"
    )
    page = visitor.at(f"{LESSON.name}/index.html").page
    page.locator(".cell .cm-content").first.click()
    page.keyboard.type("# more")
    page.locator("#saved:has-text('has no room left')").wait_for()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    visitor.at("index.html")
    assert asked == ["beforeunload"]  # leaving would lose it


def test_what_a_learner_writes_is_text(visitor):
    visitor.at("index.html").keeps({FILE: SOLUTION + '\n# %%\nraise ValueError("<img src=x onerror=alert(1)>")\n'})
    visitor.at(f"{LESSON.name}/index.html").ready()
    said = visitor.click("Check", ".whole")
    assert "<img src=x onerror=alert(1)>" in said and visitor.page.locator("pre img").count() == 0


def test_the_list_shows_how_far_the_learner_is(visitor):
    visitor.at("index.html").keeps(
        {"progress.txt": "00 passed 1 of 1, hints 0, 2026-11-22\n01 started 3 of 8, hints 1, 2026-11-22\n"}
    )
    page = visitor.at("index.html").page
    assert page.locator("#lesson-00 .state").inner_text() == "✓ done"
    assert page.locator("#lesson-01 .state").inner_text() == "3 of 8"
    assert "Go on: 01" in page.locator("#next").inner_text()
