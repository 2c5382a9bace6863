"""python -m lessons progress: the Vision Transformer with the learner's parts marked, and the page at the end of the course."""

import re
from dataclasses import asdict

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import diagnose
from lessons.classroom.commands.export import WANTED
from lessons.classroom.commands.export.pieces import collect
from lessons.classroom.commands.progress import diagram
from minivit import no_grad
from minivit.models.config import ViTConfig
from minivit.models.vit import ViT
from minivit.training.checkpoint import load_model, save_arrays, save_model

from ...support.learner import flat

SIZES = ViTConfig(image_size=8, patch_size=2, channels=1, classes=10, dim=64, depth=3, heads=4, mlp_dim=128)


def trains(mine):
    """Leaves what lesson 16 leaves, with weights that nobody trained."""
    about = {"losses": list(np.linspace(2.3, 0.5, 7)), "test_accuracy": 0.975, "mean": [0.3], "std": [0.4]}
    save_model(mine.work / "my_vit.npz", ViT(SIZES, np.random.default_rng(0)), about)


def test_what_lesson_16_keeps_is_a_model_that_the_library_reads(tmp_path):
    names = diagnose.solution_names(course.find("16"))
    numbers, rng = names["RUNS"]["digits"][0], np.random.default_rng(0)
    sizes = names["mine"].Sizes(*numbers)
    parameters = names["mine"].vit_parameters(sizes, rng, 0.7)
    run = {"parameters": parameters, "sizes": sizes, "data": "digits", "classes": list("0123456789")}
    names["keep"](run | {"losses": [2.3, np.float32(1)], "test_accuracy": 0.9, "mean": 0.3, "std": 0.4}, tmp_path / "my.npz")
    model, about = load_model(tmp_path / "my.npz")
    images = rng.random((2, 8, 8, 1), dtype=np.float32)
    with no_grad():
        theirs, ours = names["mine"].vit(parameters, images, sizes).data, model(images).data
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert about["losses"] == [2.3, 1.0] and (about["mean"], about["std"]) == ([0.3], [0.4])


def marked(out):
    """The parts that are said to be the learner's."""
    return set(re.findall(r"(\w+) +yours\b", out))


def test_at_the_beginning_each_part_names_its_lesson(mine):
    code, out = mine.says("progress")
    assert code == 0 and "The Vision Transformer: 0 of 29 parts are your own code." in out and not marked(out)
    assert re.search(r"\battention +lesson 11\b", out) and re.search(r"\btrain_vit +lesson 16\b", out)


def test_what_is_passed_is_marked_wherever_it_stands(mine):
    mine.passes("linear", "gelu")
    _, out = mine.says("progress")
    assert "2 of 29 parts" in out and marked(out) == {"linear", "gelu"} and len(re.findall("linear +yours", out)) == 3


def test_a_lesson_whose_file_is_gone_is_not_the_learner_s(mine):
    mine.passes("gelu")
    course.find("gelu").file.unlink()
    assert "0 of 29 parts" in mine.says("progress")[1]


def test_every_part_of_the_exported_package_is_in_the_diagram(mine):
    names = {name for _, name, _ in diagram.MODEL + diagram.TRAINING}
    exercises = {exercise.name for lesson in course.lessons() for exercise in lesson.exercises}
    exported = {statement.name for file in collect(WANTED) for statement in file.needed if hasattr(statement, "name")}
    assert exported & exercises <= names <= exercises | {""}


def test_it_fits_a_terminal_of_80_letters_and_any_encoding(mine):
    lines, _, _ = diagram.diagram()
    assert max(map(len, lines)) <= 78 and "\n".join(lines).isascii()


def test_who_has_passed_lesson_16_is_told_how_to_train(mine):
    mine.passes("16")
    assert "16_train_it.py digits" in flat(mine.says("progress")[1]) and not (mine.work / "my_vit.html").exists()


def test_the_page_holds_accuracy_curve_diagram_and_the_learner_s_code_alone(mine):
    mine.passes("15", "16")
    trains(mine)
    code, out = mine.says("progress")
    page = (mine.work / "my_vit.html").read_text(encoding="utf-8")
    assert code == 0 and "my_vit.html" in flat(out)
    assert "97.5 %" in page and "102,666" in page and "6 of 29" in page and "from 2.30 to 0.50 in 7 steps" in page
    assert "def train_vit(" in page and "def adamw_step(" in page and "def layernorm(" not in page
    assert "Generator. Returns" in page and "for i, (y, x) in enumerate(places)" in page


def test_the_page_needs_no_network_and_runs_no_code(mine):
    mine.passes("16", changes={"def random_shift": "# <script>alert(1)</script> & more\ndef random_shift"})
    trains(mine)
    mine.says("progress")
    page = (mine.work / "my_vit.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page) and "default-src 'none'" in page


@pytest.mark.parametrize("content", [b"no archive", b"", "pickle", "other sizes", "another model"], ids=str)
def test_weights_that_are_none_are_told_after_the_rest(mine, content):
    mine.passes("16")
    file = mine.work / "my_vit.npz"
    if content == "pickle":
        np.savez(file, cls_token=np.array([{}], dtype=object), allow_pickle=True)
    elif content == "other sizes":
        save_arrays(
            file, {name: np.zeros(3) for name in ViT(SIZES, np.random.default_rng(0)).state_dict()}, {"config": asdict(SIZES)}
        )
    elif content == "another model":
        save_model(file, ViT(SIZES, np.random.default_rng(0)), {"classes": list("0123456789")})
    else:
        file.write_bytes(content)
    code, out = mine.says("progress")
    assert code == 2 and "lessons done" in out and "my_vit.npz does not hold a ViT of lesson 16" in flat(out)
