"""load_pretrained: files of each layout, tiny, with the logits that the library gave (made by support/pretrained_fixtures.py)."""

import shutil
import tracemalloc

import numpy as np
import pytest

import minivit
from minivit.backend import to_device
from minivit.data.formats import safetensors
from minivit.data.formats.weights import read_weights
from minivit.models import layouts, pretrained
from minivit.models.pretrained import load_pretrained
from minivit.models.recognised import sizes_of
from minivit.models.resize import WAYS, resized, weights

from ..support.pretrained_fixtures import FOLDER, NAMES, NEW, OLD

EXPECTED = dict(np.load(FOLDER / "expected.npz"))
IMAGES = EXPECTED["images"]  # (2, 12, 12, 3)
TWO = dict(heads=2)  # where neither file nor config.json says it
# name: (layout, the options that the file asks for, what must be told)
MODELS = {
    "timm": ("timm", dict(eps=1e-6, activation="gelu", pool="cls"), {}),
    "timm-distilled": ("timm", dict(dist_token=True), {}),
    "timm-registers": ("timm", dict(registers=3, qk_norm=True, heads=2), {}),
    "timm-dinov2": ("timm", dict(registers=3, layer_scale=1e-5, qk_norm=False), {}),
    "mae": ("MAE", dict(pool="patches", fc_norm=True), TWO),
    "deit3": ("DeiT3", dict(layer_scale=1e-5, registers=0), TWO),
    "dino": ("DINO", dict(classes=1000, pool="cls"), TWO),
    "dinov2": ("DINOv2", dict(layer_scale=1e-5), TWO),
    "torchvision": ("torchvision", dict(representation_size=6, eps=1e-6), TWO),
    "hf-vit": ("Hugging Face", dict(eps=1e-12, heads=2), {}),
    "hf-deit": ("Hugging Face", dict(eps=1e-12, dist_token=True), {}),
    "hf-dinov2": ("Hugging Face", dict(eps=1e-6, pool="cls_and_patches"), {}),
    "hf-dinov2-registers": ("Hugging Face", dict(activation="swiglu", registers=3, pool="cls_and_patches"), {}),
    "hf-clip": ("Hugging Face's CLIP", dict(eps=1e-5, activation="quick_gelu", norm_pre=True), {}),
    "clip": ("CLIP", dict(eps=1e-5, activation="quick_gelu", norm_pre=True), TWO),
    "vit-jax": ("Google", dict(activation="gelu_tanh", heads=2), {}),
    "big-vision": ("Google", dict(activation="gelu_tanh", heads=2), {}),
}
BACKBONES = ("dino", "dinov2")


def load(name, dtype=np.float64, **changes):
    return load_pretrained(FOLDER / name, dtype=dtype, **MODELS[name][2] | changes)


def answer(model, name, images=IMAGES):
    return (model.forward_features(images) if name in BACKBONES else model(images)).numpy()


def apart(found, expected):
    """The largest difference, as a part of the largest number."""
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_the_librarys(name):
    model, about = load(name)
    layout, options, _ = MODELS[name]
    assert about["layout"] == layout and not model.training
    assert {option: getattr(model.config, option) for option in options} == options
    assert apart(answer(model, name), EXPECTED[name]) < 1e-10


def test_on_a_device_in_float32_too(device):
    for name in ("hf-vit", "vit-jax", "deit3"):
        model, _ = load(name, np.float32)
        images = to_device(IMAGES.astype(np.float32), device)
        assert apart(answer(model.to(device), name, images), EXPECTED[name]) < 1e-5


def exchanged_q_and_k(arrays):
    for name in [name for name in arrays if "query" in name]:
        other = name.replace("query", "key")
        arrays[name], arrays[other] = arrays[other], arrays[name]
    for name in [name for name in arrays if "qkv" in name or "in_proj" in name]:
        arrays[name] = np.concatenate([arrays[name][8:16], arrays[name][:8], arrays[name][16:]])


def replaced(word, change):
    """For each array with that word in its name, which must be there: change(array) in its place."""

    def mistake(arrays):
        chosen = [name for name in arrays if word(name)]
        assert chosen
        arrays |= {name: np.ascontiguousarray(change(arrays[name])) for name in chosen}

    return mistake


def square(name):
    return name.endswith(("attn.proj.weight", "attention.output.dense.weight", "out_proj.weight"))


def positions(name):
    return "pos_emb" in name or "position_emb" in name


def rows_and_columns(array):
    """The grid of 3 x 3 on its side, the class token in front."""
    return np.concatenate([array[:, :1], array[:, 1:].reshape(1, 3, 3, -1).transpose(0, 2, 1, 3).reshape(1, 9, -1)], axis=1)


def patches(name):
    return any(word in name for word in ("patch_embed.proj.weight", "projection.weight", "conv_proj.weight"))


MISTAKES = {
    "q and k exchanged": exchanged_q_and_k,
    "a linear layer not transposed": replaced(square, lambda a: a.T if a.ndim == 2 else a),
    "rows and columns of the positions": replaced(positions, rows_and_columns),
    "rows and columns of a patch": replaced(patches, lambda a: a.transpose(0, 1, 3, 2)),
    "channels in the other order": replaced(patches, lambda a: a[:, ::-1]),
    "channels first in a patch": replaced(patches, lambda a: a.transpose(0, 2, 3, 1).reshape(a.shape)),
    "no position for the class token": replaced(positions, lambda a: np.concatenate([0 * a[:, :1], a[:, 1:]], axis=1)),
}


@pytest.mark.parametrize("name", ["timm", "torchvision", "hf-vit"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_wrong_mapping_would_be_seen(tmp_path, name, mistake):
    shutil.copytree(FOLDER / name, tmp_path, dirs_exist_ok=True)
    arrays = {key: np.array(array) for key, array in read_weights(tmp_path)[0].items()}
    MISTAKES[mistake](arrays)
    safetensors.write(tmp_path / "model.safetensors", arrays)
    model, _ = load_pretrained(tmp_path, dtype=np.float64, **MODELS[name][2])
    assert apart(answer(model, name), EXPECTED[name]) > 1e-2


@pytest.mark.parametrize(
    "name, wrong, least",
    [
        ("timm", dict(heads=1), 1e-2),
        ("timm", dict(heads=4), 1e-2),
        ("timm", dict(activation="gelu_tanh"), 1e-5),
        ("timm", dict(activation="quick_gelu"), 1e-3),
        ("timm", dict(eps=1e-5), 1e-8),
        ("hf-vit", dict(eps=1e-6), 1e-9),
        ("vit-jax", dict(activation="gelu"), 1e-5),
        ("clip", dict(eps=1e-6), 1e-8),
        ("mae", dict(pool="cls"), 1e-2),
    ],
)
def test_every_wrong_option_would_be_seen(name, wrong, least):
    assert apart(answer(load(name, **wrong)[0], name), EXPECTED[name]) > least


@pytest.mark.parametrize("way", WAYS)
def test_positions_of_another_grid_are_the_librarys(way):
    found = resized(EXPECTED["positions"], OLD, NEW, way)
    assert np.abs(found - EXPECTED[f"resized {way}"]).max() < 1e-14
    assert max(np.abs(found - EXPECTED[f"resized {other}"]).max() for other in WAYS) > 1e-2  # the ways differ
    assert np.allclose(weights(14, 24, way).sum(axis=1), 1)
    assert np.array_equal(resized(EXPECTED["positions"], OLD, OLD, way), EXPECTED["positions"])


def test_a_way_that_nobody_has_is_refused():
    with pytest.raises(ValueError, match="one of the ways timm, bicubic"):
        resized(EXPECTED["positions"], OLD, NEW, "nearest")


def test_another_resolution_not_square():
    model, about = load("hf-vit", image_size=(20, 8))
    assert apart(answer(model, "hf-vit", EXPECTED["wide images"]), EXPECTED["hf-vit wide"]) < 1e-10
    assert "positions resized from 3 x 3 to 5 x 2, as Hugging Face does" in about["recognised"][1]


def test_other_classes_have_a_head_of_zeros():
    model, about = load("hf-vit", classes=3)
    assert "a new head, of zeros, in the place of one for 5 classes" in about["recognised"][1] and "classes" not in about
    assert not answer(model, "hf-vit").any() and model(IMAGES).shape == (2, 3)
    assert apart(model.forward_features(IMAGES).numpy(), load("hf-vit")[0].forward_features(IMAGES).numpy()) == 0
    assert not load("dino", classes=3)[0](IMAGES).numpy().any()
    assert not load("hf-deit", classes=3)[0](IMAGES).numpy().any()


@pytest.mark.parametrize("name", ["timm", "hf-vit"])
def test_names_of_classes_stand_in_config_json(name):
    assert load(name)[1]["classes"] == NAMES
    assert "classes" not in load("hf-deit")[1]  # LABEL_0, LABEL_1, ...: none


def test_what_was_recognised_is_said():
    _, about = load("clip")
    size, options = about["recognised"]
    assert size == "layout CLIP: patches of 4 x 4, width 8, 2 blocks, 2 heads, images of 12 x 12, 5 classes"
    assert options.startswith(
        "options: pool cls, activation quick_gelu, eps 1e-05, norm_pre True; assumed: activation quick_gelu"
    )


def test_a_loaded_model_learns_is_saved_and_is_nobody_elses(tmp_path):
    model, _ = load("timm", np.float32)
    for parameter in model.parameters():
        assert parameter.data.flags.writeable and parameter.data.flags.c_contiguous and parameter.data.base is None
    state = model.state_dict()
    minivit.ops.cross_entropy(model.train()(IMAGES.astype(np.float32)), np.array([1, 2])).backward()
    optimizer = minivit.optim.AdamW(model, lr=0.1)
    optimizer.step()
    assert all(not np.array_equal(state[name], value) for name, value in model.state_dict().items())
    again, _ = minivit.load(minivit.save(tmp_path / "x", model))
    assert apart(again(IMAGES).numpy(), model.eval()(IMAGES).numpy()) == 0


@pytest.mark.parametrize(
    "options", [dict(eps=1e-5, pool="patches", heads=4), dict(activation="swiglu", dist_token=True, heads=1)]
)
def test_what_minivit_saved_in_timms_layout_needs_no_word(tmp_path, options):
    config = minivit.ViTConfig(image_size=(8, 12), patch_size=4, channels=3, classes=5, dim=8, depth=2, mlp_dim=24, **options)
    model = minivit.ViT(config, 3, np.float64).eval()
    model.head.weight.data[...] = np.random.default_rng(0).standard_normal(model.head.weight.shape)
    again, about = load_pretrained(minivit.save(tmp_path / "x", model, layout="timm"), dtype=np.float64)
    assert again.config == config and "assumed" not in about["recognised"][1]
    assert apart(again(IMAGES[:, :8]).numpy(), model(IMAGES[:, :8]).numpy()) < 1e-12


def tree(name="timm"):
    return {key: np.array(array) for key, array in read_weights(FOLDER / name)[0].items()}


def without(key):
    arrays = tree()
    del arrays[key]
    return arrays


REFUSED = {
    "relative positions of a window": (tree() | {"layers.0.blocks.0.attn.relative_position_bias_table": np.ones((9, 2))}, "Swin"),
    "BEiT": (tree() | {"blocks.0.attn.q_bias": np.ones(8)}, "blocks.0.attn.q_bias stands for blocks of BEiT"),
    "attention pooling": (tree() | {"attn_pool.latent": np.ones((1, 1, 8))}, "pools by attention"),
    "a hybrid": (tree() | {"patch_embed.backbone.stem.conv.weight": np.ones((8, 3, 7, 7))}, "convolutions"),
    "something else": (tree() | {"adapter.weight": np.ones((8, 8))}, r"no place for adapter.weight of shape \(8, 8\)"),
    "an array too few": (without("blocks.1.norm2.bias"), "lacks blocks.1.norm2.bias"),
    "no MLP": ({k: v for k, v in tree().items() if "mlp" not in k}, "no blocks with an MLP"),
    "no positions": (without("pos_embed"), "no learned positions"),
    "a block too few": ({k.replace("blocks.1.", "blocks.9."): v for k, v in tree().items()}, "block 9, and no block 1: use"),
    "a number of blocks that nobody has": (tree() | {"blocks.999999999.norm1.weight": np.ones(8)}, "999999999"),
    "another shape": (tree() | {"blocks.1.mlp.fc2.weight": np.ones((8, 13))}, r"shape \(13, 8\).*has \(12, 8\)"),
    "whole numbers": (tree() | {"head.weight": np.ones((5, 8), np.int8)}, "int8: take weights that are not quantised"),
    "positions for no square": (tree() | {"pos_embed": np.ones((1, 13, 8))}, "13 positions, for no square"),
    "no Transformer": ({"conv1.weight": np.ones((8, 3, 7, 7)), "fc.bias": np.ones(3)}, "begin with conv1.weight, fc.bias"),
    "positions of one axis": (tree() | {"pos_embed": np.ones(80)}, "its arrays do not have the axes"),
    "nothing": ({}, "begin with no array"),
    "stages": ({"stages.0.blocks.0.weight": np.ones(3)}, "stages of several sizes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_vit_of_ours_is_refused_by_name(tmp_path, case):
    arrays, words = REFUSED[case]
    path = tmp_path / "x.safetensors"
    safetensors.write(path, arrays)
    with pytest.raises(ValueError, match=words) as refused:
        load_pretrained(path, heads=2)
    assert str(refused.value).startswith(str(path))


ONE = np.ones((1, 1, 8))
LEFT_OUT = {
    "the decoder": ("timm", {"decoder_embed.weight": ONE[0], "decoder_blocks.0.norm1.bias": ONE[0, 0], "mask_token": ONE}),
    "the mask token": ("hf-dinov2", {"dinov2.embeddings.mask_token": ONE[0]}),
    "DINO's projection head": ("timm", {"head.mlp.0.weight": ONE[0], "head.last_layer.weight_g": ONE}),
    "the pooler": ("hf-vit", {"vit.pooler.dense.weight": ONE[0]}),
    "the text tower": ("clip", {"transformer.resblocks.0.ln_1.weight": ONE[0, 0], "token_embedding.weight": ONE[0]}),
    "the numbers of the positions": ("hf-clip", {"vision_model.embeddings.position_ids": np.arange(10)[None]}),
}


@pytest.mark.parametrize("words", LEFT_OUT)
def test_what_no_answer_needs_is_left_out_and_said(tmp_path, words):
    name, more = LEFT_OUT[words]
    shutil.copytree(FOLDER / name, tmp_path, dirs_exist_ok=True)
    safetensors.write(tmp_path / "model.safetensors", tree(name) | more)
    model, about = load_pretrained(tmp_path, dtype=np.float64, **MODELS[name][2])
    assert words in about["recognised"][1]
    assert apart(answer(model, name), EXPECTED[name]) < 1e-10


def test_of_several_copies_the_average_is_taken(tmp_path):
    arrays = {f"student.module.{key}": array + 1 for key, array in tree().items()}
    arrays |= {f"teacher.backbone.{key}": array for key, array in tree().items()}
    safetensors.write(tmp_path / "x.safetensors", arrays)
    model, about = load_pretrained(tmp_path / "x.safetensors", dtype=np.float64, heads=2)
    assert about["layout"] == "DINO" and "left out: the rest of a training" in about["recognised"][1]
    assert apart(answer(model, "timm"), EXPECTED["timm"]) < 1e-10


def test_heads_that_nothing_tells_are_asked_for():
    with pytest.raises(ValueError, match=r"how many heads share its width of 8: name them, heads=1"):
        load_pretrained(FOLDER / "torchvision")


def test_another_models_config_json_is_refused(tmp_path):
    shutil.copytree(FOLDER / "hf-vit", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "config.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"model_type": "vit"', '"model_type": "swin"'), encoding="utf-8")
    with pytest.raises(ValueError, match="model_type 'swin', which minivit's ViT is not"):
        load_pretrained(tmp_path)
    path.write_text(text.replace('"gelu"', '"relu"'), encoding="utf-8")
    with pytest.raises(ValueError, match="activation 'relu'; minivit has gelu, gelu_tanh, quick_gelu"):
        load_pretrained(tmp_path)
    path.write_text(text.replace('"gelu"', '["gelu"]'), encoding="utf-8")
    with pytest.raises(ValueError, match=r"activation \['gelu'\]"):
        load_pretrained(tmp_path)
    path.write_text('{"kind": "vit", "dim": 3}', encoding="utf-8")  # a config.json of some other program
    assert load_pretrained(tmp_path, heads=2)[1]["layout"] == "Hugging Face"


@pytest.mark.parametrize(
    "name, changes, words",
    [
        ("timm-dinov2", dict(registers=5), "it has 3 registers, and 5 were asked for"),
        ("timm", dict(registers=5), "it lacks reg_token"),
        ("timm", dict(dim=16), "has shape"),
        ("timm", dict(depth=3), "it lacks blocks.2"),
        ("timm", dict(pool="mean"), "no place for cls_token"),
        ("timm", dict(patch_size=3), "has shape"),
        ("timm", dict(image_size=13), "do not divide"),
    ],
)
def test_what_the_weights_cannot_be_is_refused(name, changes, words):
    with pytest.raises(ValueError, match=words):
        load(name, **changes)


def test_a_field_that_vitconfig_has_not():
    with pytest.raises(ValueError, match="no field 'num_classes'; here that is classes"):
        load("timm", num_classes=3)


def stand_ins(dim, blocks=1):
    """Arrays of a timm model, of the right shapes but for an attention that lacks its projection, that take no memory."""
    shapes = {"cls_token": (1, 1, dim), "pos_embed": (1, 10, dim), "patch_embed.proj.weight": (dim, 3, 4, 4)}
    block = {"mlp.fc1.weight": (4 * dim, dim), "mlp.fc2.weight": (dim, 4 * dim), "attn.qkv.weight": (3 * dim, dim)}
    shapes |= {f"blocks.{i}.{name}": shape for i in range(blocks) for name, shape in block.items()}
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


NO_SIDECAR = {"path": FOLDER / "large", "config": None, "preprocessor": None, "metadata": {}}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_refused_before_any_array_is_copied(monkeypatch, dtype):
    monkeypatch.setattr(pretrained, "read_weights", lambda path: (stand_ins(4096, 8), NO_SIDECAR))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"it lacks blocks\.0\.attn\.proj\.bias, as minivit calls it, and 65 more"):
        load_pretrained("large", dtype=dtype)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20  # the arrays would be 7 GB; a head of zeros is 16 or 32 MB


@pytest.mark.parametrize("dim, heads", [(192, 3), (384, 6), (768, 12), (1024, 16), (1280, 16), (1152, 16), (1536, 24)])
def test_heads_are_those_of_the_known_sizes_and_are_said_to_be_assumed(dim, heads):
    sizes = sizes_of(layouts.recognise(stand_ins(dim)), NO_SIDECAR, {})
    assert sizes.config.heads == heads and f"assumed: {heads} heads" in sizes.about["recognised"][1]


@pytest.mark.parametrize("name, eps", [("hf-vit", 1e-12), ("hf-dinov2", 1e-6)])
def test_hugging_faces_eps_without_config_json(tmp_path, name, eps):
    shutil.copy(FOLDER / name / "model.safetensors", tmp_path)
    model, about = load_pretrained(tmp_path, dtype=np.float64, heads=2)
    assert model.config.eps == eps and f"assumed: eps {eps:g}" in about["recognised"][1]
    assert apart(answer(model, name), EXPECTED[name]) < 1e-10


def test_our_names_are_those_of_the_model():
    """Each rule of a layout leads to a name that some ViT has."""
    for name in MODELS:
        found = layouts.recognise(read_weights(FOLDER / name)[0])
        model, _ = load(name)
        assert set(found.sources) - {name for name, _ in model.named_parameters()} <= {"dist_token"}, name
