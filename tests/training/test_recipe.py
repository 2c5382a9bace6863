"""A recipe's numbers: each has a range, is checked where it enters, and is kept as Python's own."""

import json
import math
from dataclasses import asdict, fields

import numpy as np
import pytest

from minivit.program.cli import main
from minivit.training.loop import Training
from minivit.training.parallel import piece_size, workers
from minivit.training.prediction import predict
from minivit.training.presets import load_config, recipe
from minivit.training.recipe import Recipe

from ..support.tiny import TOML, few_digits, tiny_recipe, tiny_vit

WHOLE = [f.name for f in fields(Recipe) if f.type is int]
NUMBERS = [f.name for f in fields(Recipe) if f.type is float]
GIVEN = dict(epochs=1, batch_size=8, lr=1e-3, validation=0.1)


def refused(**changes):
    """The sentence with which a recipe is refused; it names the setting."""
    with pytest.raises(ValueError) as caught:
        Recipe(**GIVEN | changes)
    assert str(caught.value).startswith(f"{next(iter(changes))} is ") and "\n" not in str(caught.value)
    return str(caught.value)


NEVER = ["1", b"1", None, True, np.True_, [1], np.array([1]), math.nan, 1j]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [*NEVER, -1, 1.0, np.float64(2)], ids=repr)
def test_what_is_no_whole_number_from_0_up_is_refused(name, value):
    refused(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [*NEVER, -1, -1e-9, math.inf, np.float32("nan"), 10**400], ids=repr)
def test_what_is_no_number_from_0_up_is_refused(name, value):
    refused(**{name: value})


@pytest.mark.parametrize("name", ["label_smoothing", "warmup", "ema", "validation"])
@pytest.mark.parametrize("value", [1, 1.0, 1.5, np.float32(1)])
def test_a_fraction_is_below_1(name, value):
    assert "below 1" in refused(**{name: value})


@pytest.mark.parametrize("name", ["epochs", "batch_size", "accumulate", "lr"])
def test_none_of_these_is_0(name):
    refused(**{name: 0})


@pytest.mark.parametrize("value", [1, 0, "yes", None, np.int64(1)])
def test_flip_is_true_or_false(value):
    assert "true or false" in refused(flip=value)


def test_numpy_s_numbers_are_numbers_and_are_kept_as_python_s():
    given = {name: np.int64(3) for name in [*WHOLE, "unfreeze"]} | {name: np.float32(0.5) for name in NUMBERS}
    found = asdict(Recipe(**given, flip=np.bool_(True)))
    assert found == {name: 3 for name in [*WHOLE, "unfreeze"]} | {name: 0.5 for name in NUMBERS} | {"flip": True}
    assert {type(value) for value in found.values()} == {int, float, bool}
    assert json.loads(json.dumps(found)) == found
    assert Recipe(**GIVEN | {"epochs": np.array(3), "shift": np.uint8(2)}).shift == 2


@pytest.mark.parametrize("setting", ["label_smoothing = 1.5", "mixup = -0.1", "batch_size = 8.0", "warmup = nan", "flip = 1"])
def test_a_toml_file_is_checked_alike(tmp_path, setting):
    lines = [line for line in TOML.splitlines() if line.split(" = ")[0] != setting.split(" = ")[0]]
    (tmp_path / "my.toml").write_text("\n".join([*lines, setting]))
    with pytest.raises(ValueError, match=setting.split()[0]):
        recipe(load_config(tmp_path / "my.toml")["recipe"])


@pytest.mark.parametrize("arguments", ["--lr -1", "--batch-size -3", "--epochs 0", "--seed -1", "--lr 1e400", "--threads -1"])
def test_the_command_line_too(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    option, value = arguments.split()
    assert main(["train", f"{option}={value}"]) == 2
    assert f"{option[2:].replace('-', '_')} is " in capsys.readouterr().err and not list(tmp_path.iterdir())


# numbers that must fit something else


@pytest.mark.parametrize("shift", [8, 1000])
def test_a_shift_that_moves_the_images_out_of_sight_is_refused(shift):
    with pytest.raises(ValueError, match=f"shift is {shift}.* 8 x 8 .*below 8"):
        Training(tiny_vit(), few_digits(), tiny_recipe(shift=shift))


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
def test_the_numbers_of_prediction_and_of_threads_have_ranges_too(value):
    images = few_digits().test_images
    with pytest.raises(ValueError, match="batch_size is "):
        predict(tiny_vit(), images, batch_size=value)
    with pytest.raises(ValueError, match="threads is "):
        predict(tiny_vit(), images, threads=value)
    with pytest.raises(ValueError, match="threads is "), workers(value):
        pass
    for arguments in ((value, 1), (1, value), (1, 1, value)):
        with pytest.raises(ValueError, match=r"(batch_size|tokens|accumulate) is "):
            piece_size(*arguments)
