"""Models of timm, transformers and torchvision, random weights made unequal: minivit reads their files and answers the same."""

import numpy as np
import pytest

import minivit
from minivit.models.config import ViTConfig

lib = pytest.importorskip("tests.support.libraries", reason="needs timm, transformers, torchvision, safetensors and torch")
torch, hf = lib.torch, lib.transformers

SMALL = dict(img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=3, mlp_ratio=2, num_classes=7)
HF = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96, image_size=32, patch_size=8)
HF |= dict(num_labels=7, mlp_ratio=2)
TV = dict(image_size=32, patch_size=8, num_layers=2, num_heads=3, hidden_dim=48, mlp_dim=96, num_classes=7)
CLIP_ARGS = dict(pre_norm=True, norm_layer=lambda dim: torch.nn.LayerNorm(dim, eps=1e-5))


def named(name, **args):
    return lambda: lib.timm.create_model(name, num_classes=10, **args)


def timm_config(name, **more):
    return {"architecture": name, "num_classes": 7, **more}


# (id, makes the model, how it is called (None: model(x)), the layout and fields that must be recognised, config.json, changes)
MODELS = [
    ("timm Ti/16", named("vit_tiny_patch16_224", depth=3), "timm", dict(heads=3, eps=1e-6), {}, {}),
    ("timm S/32", named("vit_small_patch32_224", depth=2), "timm", dict(heads=6), {}, {}),
    ("timm B/16", named("vit_base_patch16_224", depth=2), "timm", dict(heads=12), {}, {}),
    ("timm DeiT Ti", named("deit_tiny_patch16_224", depth=2), "timm", dict(heads=3), {}, {}),
    ("timm distilled", lambda: lib.Distilled(**SMALL), "timm", dict(dist_token=True), {}, dict(heads=3)),
    ("timm DeiT3", named("deit3_small_patch16_224", depth=2), "timm", dict(heads=6, layer_scale=1e-5), {}, {}),
    ("timm DINOv2", named("vit_small_patch14_dinov2", depth=2, img_size=56), "timm", dict(heads=6), {}, {}),
    ("timm DINOv2 reg", named("vit_small_patch14_reg4_dinov2", depth=2, img_size=56), "timm", dict(registers=4), {}, {}),
    (
        "timm registers with positions, QK-norm, no bias",
        lambda: lib.Timm(**SMALL, reg_tokens=4, qk_norm=True, qkv_bias=False),
        "timm",
        dict(registers=4, qk_norm=True, heads=3),
        {},
        {},
    ),
    (
        "timm SwiGLU",
        lambda: lib.Timm(**SMALL | dict(mlp_ratio=8 / 3), mlp_layer=lib.SwiGLUPacked, act_layer=torch.nn.SiLU, init_values=0.1),
        "timm",
        dict(activation="swiglu"),
        {},
        dict(heads=3),
    ),
    (
        "timm MAE, fine-tuned",
        lambda: lib.Timm(**SMALL, global_pool="avg"),
        "timm",
        dict(pool="patches", fc_norm=True),
        {},
        dict(heads=3),
    ),
    (
        "timm mean beside a class token",
        lambda: lib.Timm(**SMALL, global_pool="avg", fc_norm=False),
        "timm",
        dict(pool="patches", fc_norm=False),
        timm_config("vit", global_pool="avg", model_args={"num_heads": 3}),
        {},
    ),
    (
        "timm mean, no class token",
        lambda: lib.Timm(**SMALL, global_pool="avg", class_token=False, fc_norm=False),
        "timm",
        dict(pool="mean"),
        {},
        dict(heads=3),
    ),
    (
        "timm, not square",
        lambda: lib.Timm(**SMALL | dict(img_size=(24, 40))),
        "timm",
        dict(image_size=(24, 40)),
        timm_config("vit", model_args={"img_size": [24, 40], "num_heads": 3}),
        {},
    ),
    (
        "timm CLIP, quick GELU",
        named("vit_base_patch32_clip_quickgelu_224", depth=2),
        "timm",
        dict(norm_pre=True, activation="quick_gelu", eps=1e-5),
        timm_config("vit_base_patch32_clip_quickgelu_224"),
        {},
    ),
    ("timm CLIP", named("vit_base_patch32_clip_224", depth=2), "timm", dict(norm_pre=True, eps=1e-5), {}, {}),
    ("torchvision B/32", lambda: lib.torchvision.models.vit_b_32(num_classes=10), "torchvision", dict(heads=12), {}, {}),
    (
        "torchvision pre_logits",
        lambda: lib.Torchvision(**TV, representation_size=12),
        "torchvision",
        dict(representation_size=12),
        {},
        dict(heads=3),
    ),
    ("HF ViT", lambda: hf.ViTForImageClassification(hf.ViTConfig(**HF)), "Hugging Face", dict(eps=1e-12, heads=3), None, {}),
    (
        "HF ViT, tanh GELU",
        lambda: hf.ViTForImageClassification(hf.ViTConfig(**HF, hidden_act="gelu_new", qkv_bias=False)),
        "Hugging Face",
        dict(activation="gelu_tanh"),
        None,
        {},
    ),
    (
        "HF ViT, not square",
        lambda: hf.ViTForImageClassification(hf.ViTConfig(**HF | dict(image_size=(24, 40)))),
        "Hugging Face",
        dict(image_size=(24, 40)),
        None,
        {},
    ),
    ("HF DeiT", lambda: hf.DeiTForImageClassification(hf.DeiTConfig(**HF)), "Hugging Face", dict(registers=1), None, {}),
    (
        "HF DeiT, distilled",
        lambda: hf.DeiTForImageClassificationWithTeacher(hf.DeiTConfig(**HF)),
        "Hugging Face",
        dict(dist_token=True),
        None,
        {},
    ),
    (
        "HF DINOv2",
        lambda: hf.Dinov2ForImageClassification(hf.Dinov2Config(**HF)),
        "Hugging Face",
        dict(pool="cls_and_patches", eps=1e-6),
        None,
        {},
    ),
    (
        "HF DINOv2, SwiGLU",
        lambda: hf.Dinov2ForImageClassification(hf.Dinov2Config(**HF, use_swiglu_ffn=True)),
        "Hugging Face",
        dict(activation="swiglu"),
        None,
        {},
    ),
    (
        "HF DINOv2 with registers",
        lambda: hf.Dinov2WithRegistersForImageClassification(hf.Dinov2WithRegistersConfig(**HF)),
        "Hugging Face",
        dict(registers=4, pool="cls_and_patches"),
        None,
        {},
    ),
]


def pictures(config, count=2):
    return np.random.default_rng(7).standard_normal((count, *config.image_size, config.channels))


def held(found, expected, tolerance):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("name, make, layout, fields, config, changes", MODELS, ids=[model[0] for model in MODELS])
def test_logits_are_the_librarys(tmp_path, name, make, layout, fields, config, changes):
    theirs = lib.unequal(make())
    call = lib.hugging_face if name.startswith("HF") else None
    lib.save(theirs, tmp_path, **config or {})
    ours, about = minivit.load_pretrained(tmp_path, dtype=np.float64, **changes)
    assert about["layout"] == layout and not ours.training
    assert {field: getattr(ours.config, field) for field in fields} == fields
    images = pictures(ours.config)
    double, single = lib.answers(theirs, images, call)
    held(ours(images).data, double, 1e-10)
    ours, _ = minivit.load_pretrained(tmp_path, **changes)
    assert ours.head.weight.dtype == np.float32
    held(ours(images.astype(np.float32)).data, single, 1e-5)
