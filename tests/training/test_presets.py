"""The presets that are shipped work, and a TOML file that makes no sense is refused in one sentence."""

import numpy as np
import pytest

from minivit.data import Dataset, load
from minivit.data.fetch.sources import SOURCES
from minivit.data.scenes import Scenes
from minivit.models.kinds import build
from minivit.training.presets import fitting_detr, fitting_patch, load_config, model_config, names, recipe
from minivit.training.recipe import Recipe

from ..support.tiny import TOML, few_digits


@pytest.fixture
def toml(tmp_path):
    """toml("text"): the path of a TOML file with that text."""

    def write(text):
        path = tmp_path / "my.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def built(path):
    """(model configuration, recipe) of a TOML file, as the command line builds them."""
    config = load_config(path)
    dataset = sample(config["data"]) if path in names() else load(config["data"])
    return model_config(config["model"], dataset), recipe(config["recipe"])


def sample(name):
    """A data set of that name's shape and classes with one black image in each part: most are not at hand everywhere."""
    source = SOURCES[name]
    image, label = np.zeros((1, *source.shape), np.float32), np.zeros(1, np.int64)
    return Dataset(name, source.classes, image, label, image, label, (0.5,) * source.shape[-1], (0.25,) * source.shape[-1])


# what is shipped


def test_the_plain_digits_and_the_hybrid_are_shipped():
    assert {"digits", "digits-conv"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_every_shipped_preset_loads_and_builds_a_model(name, rng):
    config, how = built(name)
    assert build(config, rng).num_parameters() == config.num_parameters()
    assert isinstance(how, Recipe)


@pytest.mark.parametrize("name", names())
def test_every_shipped_preset_fits_its_data(name):
    config = load_config(name)
    model = model_config(config["model"], sample(config["data"]))
    assert (*model.image_size, model.channels) == SOURCES[config["data"]].shape


# a file of one's own


def test_a_toml_file_is_taken_by_its_path(toml):
    model, how = built(toml(TOML))
    assert (model.dim, model.image_size, model.channels, model.classes) == (8, (8, 8), 1, 10)
    assert (how.epochs, how.batch_size, how.lr) == (1, 64, 3e-3)


def test_without_data_it_is_the_digits(toml):
    assert load_config(toml(TOML.replace('data = "digits"', "")))["data"] == "digits"


def test_a_size_pair_may_be_written_as_a_list(toml):
    model, _ = built(toml(TOML.replace("patch_size = 4", "patch_size = [2, 4]")))
    assert model.patch_size == (2, 4)


def test_a_whole_number_will_do_for_a_learning_rate(toml):
    assert built(toml(TOML.replace("lr = 3e-3", "lr = 1")))[1].lr == 1


# what is refused


def refused(path):
    """The sentence with which a preset is refused."""
    with pytest.raises(ValueError) as caught:
        built(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_preset_is_refused_with_the_names_of_those_there_are():
    message = refused("mnist-giant")
    assert "'mnist-giant'" in message and all(name in message for name in names())


def test_a_missing_file_is_refused_by_name(tmp_path):
    assert "nosuch.toml" in refused(tmp_path / "nosuch.toml")


def test_a_folder_is_refused_by_name(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    assert "folder.toml" in refused(tmp_path / "folder.toml")


@pytest.mark.parametrize("text", ["data = ", "[model", "lr = 1\nlr = 2\n", "= 3", b"\x00\x01", b'data = "\xff\xfe"'], ids=repr)
def test_broken_toml_is_refused_by_name(toml, text):
    path = toml(text)
    assert str(path) in refused(path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[modell]\ndim = 8\n", "'modell'"),
        ("model = 3\n", "'model'"),
        ('recipe = "fast"\n', "'recipe'"),
        ("[data]\nname = 3\n", "'data'"),
        ("[model]\ncolour = 3\n", "'colour'"),
        ("[recipe]\nlearning_rate = 3\n", "'learning_rate'"),
    ],
)
def test_a_key_that_is_not_expected_is_refused_by_name(toml, text, named):
    assert named in refused(toml(text))


def test_an_unknown_setting_is_refused_with_those_there_are(toml):
    message = refused(toml("[recipe]\nlearning_rate = 3\n"))
    assert "batch_size" in message and "lr" in message


@pytest.mark.parametrize("setting", ["patch_size", "dim", "depth", "heads", "mlp_dim", "epochs", "batch_size", "lr"])
def test_a_missing_setting_is_named(toml, setting):
    text = "".join(line for line in TOML.splitlines(keepends=True) if not line.startswith(f"{setting} ="))
    assert setting in refused(toml(text))


def test_an_empty_file_is_refused_with_all_that_is_missing(toml):
    assert "patch_size, dim, depth, heads, mlp_dim" in refused(toml(""))


def test_an_unknown_data_set_is_refused_by_name(toml):
    assert "'cats'" in refused(toml(TOML.replace('"digits"', '"cats"')))


@pytest.mark.parametrize("value", ["5", '["digits"]'])
def test_data_that_is_no_name_is_refused(toml, value):
    assert "data" in refused(toml(TOML.replace('"digits"', value)))


@pytest.mark.parametrize("setting", ["patch_size", "dim", "depth", "heads", "mlp_dim", "epochs", "batch_size"])
@pytest.mark.parametrize("value", ['"8"', "1.5", "0", "-4", "true", "[]"])
def test_what_must_be_a_whole_number_above_0_is_refused_otherwise(toml, setting, value):
    old = next(line for line in TOML.splitlines() if line.startswith(f"{setting} ="))
    assert setting in refused(toml(TOML.replace(old, f"{setting} = {value}")))


RATES = ["lr", "weight_decay", "warmup", "final_lr", "label_smoothing", "clip_norm"]


@pytest.mark.parametrize("setting", RATES)
@pytest.mark.parametrize("value", ['"0.1"', "nan", "-1.0", "true", "[0.1]"])
def test_what_must_be_a_number_is_refused_otherwise(toml, setting, value):
    assert setting in refused(toml(TOML.replace("lr = 3e-3", "lr = 3e-3" * (setting != "lr")) + f"{setting} = {value}\n"))


@pytest.mark.parametrize("setting", ["shift", "seed"])
@pytest.mark.parametrize("value", ['"1"', "1.5", "-1", "true"])
def test_what_must_be_a_whole_number_not_below_0_is_refused_otherwise(toml, setting, value):
    assert setting in refused(toml(TOML + f"{setting} = {value}\n"))


@pytest.mark.parametrize("setting", ["dropout", "drop_path"])
@pytest.mark.parametrize("value", ['"0.1"', "1.0", "-0.1", "nan"])
def test_a_rate_that_is_none_is_refused(toml, setting, value):
    assert setting in refused(toml(TOML.replace("[recipe]", f"{setting} = {value}\n[recipe]")))


@pytest.mark.parametrize("setting", ["pool", "pos_embed", "stem", "activation"])
@pytest.mark.parametrize("value", ['"other"', "3", "[]"])
def test_a_choice_that_there_is_not_is_refused(toml, setting, value):
    assert setting in refused(toml(TOML.replace("[recipe]", f"{setting} = {value}\n[recipe]")))


@pytest.mark.parametrize(("setting", "value"), [("image_size", 16), ("channels", 3), ("classes", 20), ("classes", 5)])
def test_a_size_that_the_data_does_not_have_is_refused(toml, setting, value):
    assert setting in refused(toml(TOML.replace("[recipe]", f"{setting} = {value}\n[recipe]")))


def test_patches_that_do_not_divide_the_images_are_refused_with_both_sizes(toml):
    message = refused(toml(TOML.replace("patch_size = 4", "patch_size = 3")))
    assert "3 x 3" in message and "8 x 8" in message


def test_the_sizes_that_the_data_decides_are_taken_from_it():
    config = model_config(dict(patch_size=4, dim=8, depth=1, heads=2, mlp_dim=8), few_digits())
    assert (config.image_size, config.channels, config.classes) == ((8, 8), 1, 10)


# data without a preset


@pytest.mark.parametrize("size, patch", [((8, 8), 1), ((28, 28), 4), ((224, 224), 28), ((30, 45), 5), ((96, 64), 8)])
def test_a_patch_that_makes_about_8_by_8(size, patch):
    assert fitting_patch(*size) == patch


def test_images_that_no_patch_fits_are_refused():
    with pytest.raises(ValueError, match="resize the images"):
        fitting_patch(101, 97)


def scenes(height, width, most):
    """Of two images: in the one there is nothing, in the other `most` objects."""
    images, labels = np.zeros((2, height, width, 1), np.float32), np.full((2, most, 5), [-1, 0, 0, 0, 0], np.float32)
    labels[1] = [0, 0.5, 0.5, 0.2, 0.2]
    return Scenes("mine", ("a",), images, labels, images, labels, (0.5,), (0.3,))


@pytest.mark.parametrize(
    "size, most, patch, queries", [((64, 64), 3, 8, 6), ((64, 96), 9, 8, 18), ((36, 24), 2, 4, 6), ((6, 4), 4, 2, 6)]
)
def test_a_detr_gets_cells_and_queries_for_the_objects(size, most, patch, queries):
    assert fitting_detr(scenes(*size, most)) == {"patch_size": patch, "num_queries": queries}


def test_images_that_no_detr_fits_are_refused():
    with pytest.raises(ValueError, match="images of 33 x 24 cannot be halved"):
        fitting_detr(scenes(33, 24, 2))
    with pytest.raises(ValueError, match="up to 6 objects, and 6 cells are too few"):
        fitting_detr(scenes(6, 4, 6))
