"""model.npz: it comes back bit for bit, and whatever is not such a file is refused in one sentence that names it."""

import json
import os
from dataclasses import asdict

import numpy as np
import pytest

from minivit import ViT
from minivit.training.checkpoint import ABOUT, load_model, save_model

from ..support.tiny import same_state, tiny_config, tiny_vit

INFORMATION = {"data": "digits", "classes": list("0123456789"), "mean": [0.3], "std": [0.4]}


@pytest.fixture
def path(tmp_path):
    """A model.npz as training leaves it."""
    save_model(tmp_path / "model.npz", tiny_vit(), INFORMATION)
    return tmp_path / "model.npz"


def arrays_of(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def write(path, arrays, **config):
    """`arrays` as the file at `path`, with some of its configuration changed."""
    about = json.loads(str(arrays[ABOUT]))
    about["config"] |= config
    np.savez(path, **arrays | {ABOUT: np.array(json.dumps(about))})


def refused(path):
    """The sentence with which the file is refused."""
    with pytest.raises(ValueError) as caught:
        load_model(path)
    assert str(path) in str(caught.value), "the sentence names the file"
    assert "\n" not in str(caught.value)
    return str(caught.value)


# what is saved comes back


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pool": "mean"},
        {"pos_embed": "sincos2d"},
        {"pos_embed": "none"},
        {"stem": "conv"},
        {"representation_size": 6},
        {"activation": "gelu_tanh", "dropout": 0.1, "drop_path": 0.1},
        {"image_size": (8, 12), "channels": 3},
    ],
    ids=str,
)
def test_every_kind_of_model_comes_back_bit_for_bit(tmp_path, changes):
    model = tiny_vit(seed=3, **changes)
    save_model(tmp_path / "model.npz", model)
    loaded, _ = load_model(tmp_path / "model.npz")
    assert same_state(loaded.state_dict(), model.state_dict())
    assert loaded.config == model.config


def test_a_float64_model_stays_float64(tmp_path):
    model = ViT(tiny_config(), np.random.default_rng(0), dtype=np.float64)
    save_model(tmp_path / "model.npz", model)
    assert same_state(load_model(tmp_path / "model.npz")[0].state_dict(), model.state_dict())


def test_numbers_that_are_not_round_survive(tmp_path):
    model = tiny_vit()
    model.head.bias.data[:4] = [np.float32(1e-45), np.float32(-0.0), np.finfo(np.float32).max, np.float32(1) / 3]
    save_model(tmp_path / "model.npz", model)
    assert same_state(load_model(tmp_path / "model.npz")[0].state_dict(), model.state_dict())


def test_what_was_said_about_the_model_comes_back(path):
    assert load_model(path)[1] == INFORMATION


def test_a_model_can_be_saved_with_nothing_said_about_it(tmp_path):
    save_model(tmp_path / "model.npz", tiny_vit())
    assert load_model(tmp_path / "model.npz")[1] == {}


def test_the_loaded_model_is_in_evaluation_mode(path):
    assert load_model(path)[0].training is False


def test_the_file_needs_no_pickle(path):
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


# what is no such file


def test_a_missing_file_says_how_to_get_one(tmp_path):
    assert "python -m minivit train" in refused(tmp_path / "model.npz")


def test_a_folder_is_no_model(tmp_path):
    refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04", b"garbage " * 100, bytes(1000), b"\x93NUMPY"], ids=repr)
def test_garbage_is_refused(tmp_path, content):
    (tmp_path / "model.npz").write_bytes(content)
    refused(tmp_path / "model.npz")


def test_a_file_cut_short_anywhere_is_refused(path):
    content = path.read_bytes()
    for length in [*range(0, 60), *range(60, len(content), len(content) // 50), len(content) - 1]:
        path.write_bytes(content[:length])
        refused(path)


@pytest.mark.slow
def test_a_damaged_byte_is_found_or_does_no_harm(path):
    content, state = path.read_bytes(), load_model(path)[0].state_dict()
    directory = range(
        content.index(b"PK\x01\x02"), len(content), 3
    )  # the list of contents at the end, where a zip file breaks worst
    for position in [*directory, *range(0, len(content), len(content) // 100)]:
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            loaded, _ = load_model(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert same_state(loaded.state_dict(), state)


def test_a_file_that_claims_to_be_encrypted_is_refused(path):
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(b"PK\x01\x02") + 8] |= 1  # the flag in the list of contents
    path.write_bytes(damaged)
    refused(path)


def test_a_single_array_under_the_name_of_a_model_is_refused(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    refused(path)


class Planted:
    """Pickled, this makes a folder when somebody unpickles it."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_pickle_inside_is_refused_and_never_executed(path, tmp_path):
    np.savez(path, **arrays_of(path) | {"head.bias": np.array([Planted(tmp_path / "planted")], dtype=object)})
    refused(path)
    assert not (tmp_path / "planted").exists()


def test_a_refusal_never_advises_to_load_the_file_unsafely(path):
    path.write_text('{"this": "is text"}')
    assert "allow_pickle" not in refused(path)


# what is such a file, but of no use


def test_weights_without_a_configuration_are_refused(path):
    arrays = arrays_of(path)
    np.savez(path, **{name: array for name, array in arrays.items() if name != ABOUT})
    refused(path)


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "3", "{}", '{"config": 3}', '{"config": {"dim": 8}}', '{"config": {"colour": 1}}']
)
def test_a_configuration_that_makes_no_sense_is_refused(path, text):
    np.savez(path, **arrays_of(path) | {ABOUT: np.array(text)})
    refused(path)


def test_a_configuration_without_any_weights_is_refused(path):
    np.savez(path, **{ABOUT: arrays_of(path)[ABOUT]})
    refused(path)


def test_a_missing_weight_is_named(path):
    arrays = arrays_of(path)
    del arrays["blocks.0.attn.qkv.weight"]
    np.savez(path, **arrays)
    assert "blocks.0.attn.qkv.weight is missing" in refused(path)


def test_the_head_missing_is_named_like_any_other_weight(path):
    arrays = arrays_of(path)
    del arrays["head.weight"]
    np.savez(path, **arrays)
    assert "head.weight is missing" in refused(path)


def test_a_weight_too_many_is_named(path):
    np.savez(path, **arrays_of(path), extra=np.zeros(2))
    assert "extra is not a parameter" in refused(path)


def test_a_misshapen_weight_is_named_with_both_shapes(path):
    np.savez(path, **arrays_of(path) | {"head.bias": np.zeros(9, np.float32)})
    message = refused(path)
    assert "head.bias" in message and "(9,)" in message and "(10,)" in message


@pytest.mark.parametrize("changes", [{"dim": 16}, {"depth": 2}, {"classes": 5}, {"pool": "mean"}, {"stem": "conv"}], ids=str)
def test_the_state_of_another_architecture_is_refused(path, changes):
    write(path, arrays_of(path), **changes)
    refused(path)


def test_a_configuration_too_large_for_any_memory_is_refused(path):
    write(path, arrays_of(path), dim=10**14)
    refused(path)


@pytest.mark.parametrize("dtype", [np.int32, np.complex64, "U4", "M8[s]"])
def test_weights_that_are_not_floating_point_numbers_are_refused(path, dtype):
    arrays = arrays_of(path)
    np.savez(path, **{name: array if name == ABOUT else np.zeros(array.shape, dtype) for name, array in arrays.items()})
    refused(path)


# saving


def test_a_save_that_fails_leaves_the_old_file_and_no_temporary(path, monkeypatch):
    before = path.read_bytes()

    def full_disk(file, **arrays):
        file.write_bytes(b"half a model")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError):
        save_model(path, tiny_vit(seed=1))
    assert [file.name for file in path.parent.iterdir()] == ["model.npz"]
    assert path.read_bytes() == before


def test_information_that_json_cannot_hold_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"about\['mean'\] is of type object"):
        save_model(path, tiny_vit(seed=1), {"mean": object()})
    assert path.read_bytes() == before


def test_numpy_s_numbers_are_saved_as_numbers(path):
    about = {"acc": np.float32(0.5), "n": np.int64(3), "ok": np.bool_(True), "mean": np.array([0.5, 0.25])}
    about |= {"deep": [{"x": np.uint8(1)}], "name": np.str_("cats"), np.int64(7): (np.float64(1), None)}
    save_model(path, tiny_vit(), about)
    expected = {"acc": 0.5, "n": 3, "ok": True, "mean": [0.5, 0.25], "deep": [{"x": 1}], "name": "cats", "7": [1.0, None]}
    assert load_model(path)[1] == expected


@pytest.mark.parametrize(
    "about, named",
    [
        ({"a": {1, 2}}, r"about\['a'\] is of type set"),
        ({"a": {"b": [0, b"x"]}}, r"about\['a'\]\['b'\]\[1\] is of type bytes"),
        ({"a": np.complex64(1j)}, r"about\['a'\] is of type complex"),
        ({"a": np.datetime64("2020-01-01")}, r"about\['a'\] is of type date"),
        ({"a": {(1, 2): 3}}, r"about\['a'\] has the key \(1, 2\), a tuple"),
        ({b"a": 3}, r"about has the key b'a'"),
    ],
)
def test_what_json_does_not_have_is_named_by_its_key(tmp_path, about, named):
    with pytest.raises(ValueError, match=named):
        save_model(tmp_path / "model.npz", tiny_vit(), about)
    assert not list(tmp_path.iterdir())


def test_information_that_refers_to_itself_is_refused(tmp_path):
    about = {}
    about["again"] = about
    with pytest.raises(ValueError, match="refers to itself"):
        save_model(tmp_path / "model.npz", tiny_vit(), about)


@pytest.mark.parametrize("key", ["config", "kind"])
def test_a_key_that_is_the_file_s_own_is_refused(tmp_path, key):
    with pytest.raises(ValueError, match=rf"about\['{key}'\] is taken"):
        save_model(tmp_path / "model.npz", tiny_vit(), {key: 3})


# paths


@pytest.mark.parametrize("name", ["mymodel", "my.model", "epoch.10", "mymodel.npz", "übung", "my model", ".hidden"])
def test_a_model_is_loaded_under_the_name_under_which_it_was_saved(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    written = save_model(name, tiny_vit(seed=2))
    assert [path.name for path in tmp_path.iterdir()] == [written.name] and written.suffix == ".npz"
    for path in (name, tmp_path / name, written):
        assert same_state(load_model(path)[0].state_dict(), tiny_vit(seed=2).state_dict())


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save_model("~/mine.npz", tiny_vit())
    assert (tmp_path / "mine.npz").exists() and load_model("~/mine")


def test_a_run_s_folder_stands_for_the_model_in_it(path):
    assert same_state(load_model(path.parent)[0].state_dict(), load_model(str(path.parent) + "/")[0].state_dict())


@pytest.mark.parametrize(
    "place, sentence",
    [
        ("", "got str: ''"),
        (None, "got NoneType: None"),
        (3, "got int: 3"),
        (".", r"\. is a folder: name a file, like model\.npz"),
        ("nosuch/model.npz", "there is no folder 'nosuch' for model.npz"),
        ("file.txt/model", "there is no folder 'file.txt'"),
    ],
)
def test_a_place_where_no_model_can_be_is_told(tmp_path, monkeypatch, place, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(ValueError, match=sentence):
        save_model(place, tiny_vit())
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_a_failure_names_the_file_that_was_asked_for(path, monkeypatch):
    def locked(file, **arrays):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(np, "savez", locked)
    with pytest.raises(PermissionError) as caught:
        save_model(path, tiny_vit())
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("wrong", [(tiny_vit(), "model"), ("model", "vit")], ids=["exchanged", "a word"])
def test_arguments_that_are_no_path_and_model_are_told(tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"a model is saved under a path|no model that can be saved"):
        save_model(*wrong)
    with pytest.raises(ValueError, match="a model is loaded from a path"):
        load_model(None)


def test_saving_changes_nothing_in_the_model(tmp_path):
    model = tiny_vit()
    before = model.state_dict()
    save_model(tmp_path / "model.npz", model, INFORMATION)
    assert same_state(model.state_dict(), before) and asdict(model.config) == asdict(tiny_config())
