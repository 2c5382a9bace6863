"""Pictures of every shape become the same float32 numbers, bit for bit, as in the library that a pretrained model comes from."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from minivit.data.datasets import normalise
from minivit.data.preparation import preparation, read

from ..support.made import photographs

lib = pytest.importorskip("tests.support.libraries", reason="needs timm, transformers, torchvision, safetensors and torch")
PICTURES = photographs()


def sizes(size=224, dim=768, patch=16):
    return SimpleNamespace(image_size=(size, size), channels=3, dim=dim, patch_size=(patch, patch))


def same(tmp_path, found, config, theirs):
    """Whether every picture, read from a file, is what `theirs` makes of it, (3, H, W)."""
    reading, mean, std = found
    for name, picture in PICTURES.items():
        picture.save(tmp_path / "picture.png")
        ours = normalise(read(tmp_path / "picture.png", config, reading)[0], mean, std)
        expected = np.asarray(theirs(Image.open(tmp_path / "picture.png").convert("RGB"))).transpose(1, 2, 0)
        assert ours.dtype == expected.dtype == np.float32 and ours.tobytes() == np.ascontiguousarray(expected).tobytes(), name


TIMM = [
    "vit_base_patch16_224.augreg_in21k_ft_in1k",
    "vit_base_patch16_384.augreg_in21k_ft_in1k",
    "deit_tiny_patch16_224.fb_in1k",
    "deit3_small_patch16_224.fb_in1k",
    "vit_small_patch14_dinov2.lvd142m",
    "vit_base_patch16_clip_224.openai",
    "vit_base_patch16_clip_384.laion2b_ft_in12k_in1k",
    "vit_base_patch16_224.mae",
]


@pytest.mark.parametrize("name", TIMM)
def test_timm(name, tmp_path):
    from timm.data import create_transform, resolve_data_config

    cfg = lib.timm.models.get_pretrained_cfg(name).to_dict()
    model = sizes(cfg["input_size"][1])
    found = preparation("timm", {"architecture": name, "pretrained_cfg": cfg}, None, model)
    same(tmp_path, found, model, create_transform(**resolve_data_config(pretrained_cfg=cfg)))


def test_timm_squeezes_and_covers(tmp_path):
    from timm.data import create_transform, resolve_data_config

    for mode in ("squash", "center"):
        cfg = lib.timm.models.get_pretrained_cfg(TIMM[0]).to_dict() | {"crop_mode": mode, "input_size": (3, 160, 224)}
        model = sizes()
        model.image_size = (160, 224)
        found = preparation("timm", {"pretrained_cfg": cfg}, None, model)
        same(tmp_path, found, model, create_transform(**resolve_data_config(pretrained_cfg=cfg)))


def test_timm_without_a_sidecar_is_what_most_of_its_own_weights_need(tmp_path):
    cfg = lib.timm.models.get_pretrained_cfg(TIMM[0]).to_dict()
    assert preparation("timm", None, None, sizes()) == preparation("timm", {"pretrained_cfg": cfg}, None, sizes())


TORCHVISION = [
    ("ViT_B_16", "IMAGENET1K_V1", sizes()),
    ("ViT_B_16", "IMAGENET1K_SWAG_E2E_V1", sizes(384)),
    ("ViT_B_32", "IMAGENET1K_V1", sizes(patch=32)),
    ("ViT_L_16", "IMAGENET1K_V1", sizes(dim=1024)),
    ("ViT_L_16", "IMAGENET1K_SWAG_E2E_V1", sizes(512, dim=1024)),
    ("ViT_L_32", "IMAGENET1K_V1", sizes(dim=1024, patch=32)),
    ("ViT_H_14", "IMAGENET1K_SWAG_E2E_V1", sizes(518, dim=1280, patch=14)),
]


@pytest.mark.parametrize("name, weights, model", TORCHVISION, ids=[f"{name} {weights}" for name, weights, _ in TORCHVISION])
def test_torchvision(name, weights, model, tmp_path):
    theirs = lib.torchvision.models.get_weight(f"{name}_Weights.{weights}").transforms()
    same(tmp_path, preparation("torchvision", None, None, model), model, theirs)


HUGGING_FACE = [
    ("ViTImageProcessorPil", {}),
    ("ViTImageProcessorPil", {"size": {"height": 384, "width": 384}}),
    ("DeiTImageProcessorPil", {}),
    ("CLIPImageProcessorPil", {}),
    ("BitImageProcessorPil", {"size": {"shortest_edge": 256}, "resample": 3}),  # DINOv2's
]


@pytest.mark.parametrize("name, changes", HUGGING_FACE, ids=str)
def test_hugging_face(name, changes, tmp_path):
    """With Pillow: the processors on torch resize in their own arithmetic, a step of 1/255 from it here and there."""
    processor = getattr(lib.transformers, name, None)
    if processor is None:
        pytest.skip(f"this transformers has no {name}")
    processor = processor(**changes)
    sidecar = json.loads(processor.to_json_string())
    cut = sidecar.get("crop_size") if sidecar.get("do_center_crop") else sidecar["size"]
    model = sizes(cut["height"])
    theirs = lambda picture: processor(picture, return_tensors="np")["pixel_values"][0]  # noqa: E731
    same(tmp_path, preparation("Hugging Face", {"model_type": "vit"}, sidecar, model), model, theirs)


def test_hugging_face_without_a_sidecar_is_as_its_own_vit(tmp_path):
    expected = preparation("Hugging Face", None, json.loads(lib.transformers.ViTImageProcessorPil().to_json_string()), sizes())
    assert preparation("Hugging Face", {"model_type": "vit"}, None, sizes()) == expected
