"""Makes tests/models/fixtures: tiny Vision Transformers of timm, transformers and torchvision, random weights, each as its users
save it, and what the library answers in float64. They are in the repository, so that its tests need none of these libraries.

    python -m tests.support.pretrained_fixtures        where timm, transformers, torchvision and safetensors are installed
"""

import json
import shutil
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "models" / "fixtures"
PICTURES = (2, 12, 12, 3)
OLD, NEW = (3, 4), (5, 2)  # of positions that are resized
NAMES = ["owl", "tram", "fern", "bell", "kite"]


def models():
    """(name, model, its state as the file has it or None for save_pretrained, what of it is called, config.json)."""
    from . import libraries as lib

    hf, torch = lib.transformers, lib.torch
    timm = dict(img_size=12, patch_size=4, embed_dim=8, depth=2, num_heads=2, mlp_ratio=1.5, num_classes=5)
    tv = dict(image_size=12, patch_size=4, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=12, num_classes=5)
    sizes = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=12, patch_size=4)
    sizes |= dict(num_labels=5, mlp_ratio=2)
    said = {"architecture": "vit_tiny", "model_args": {"num_heads": 2}, "num_classes": 5}
    clip = dict(pre_norm=True, act_layer="quick_gelu", norm_layer=lambda *a, **k: torch.nn.LayerNorm(*a, eps=1e-5, **k))
    plain, logits = (lambda model, x: model(x)), lib.hugging_face

    def tokens(model, x):
        return model.forward_features(x)

    def of_timm(**more):
        return lib.unequal(lib.Timm(**timm | more))

    yield "timm", of_timm(), lib.state, plain, {**said, "global_pool": "token", "label_names": NAMES}
    yield "timm-distilled", lib.unequal(lib.Distilled(**timm)), lib.state, plain, said
    yield "timm-registers", of_timm(reg_tokens=3, qk_norm=True, qkv_bias=False), lib.state, plain, None
    yield "timm-dinov2", of_timm(reg_tokens=3, no_embed_class=True, init_values=0.1), lib.state, plain, said
    yield "mae", of_timm(global_pool="avg"), lambda m: {"model": lib.state(m), "epoch": 9}, plain, None
    deit3 = of_timm(init_values=0.1, no_embed_class=True)
    yield "deit3", deit3, lambda m: {"model": lib.renamed(lib.state(m), ls1__gamma="gamma_1", ls2__gamma="gamma_2")}, plain, None
    yield "dino", of_timm(num_classes=0), lib.state, tokens, None
    yield "dinov2", of_timm(num_classes=0, init_values=0.1), lambda m: lib.dinov2(lib.state(m)), tokens, None
    yield "torchvision", lib.unequal(lib.Torchvision(**tv, representation_size=6)), lib.state, plain, None
    vit = hf.ViTConfig(**sizes, id2label=dict(enumerate(NAMES)), label2id={name: i for i, name in enumerate(NAMES)})
    yield "hf-vit", lib.unequal(hf.ViTForImageClassification(vit)), None, logits, None
    yield "hf-deit", lib.unequal(hf.DeiTForImageClassificationWithTeacher(hf.DeiTConfig(**sizes))), None, logits, None
    yield "hf-dinov2", lib.unequal(hf.Dinov2ForImageClassification(hf.Dinov2Config(**sizes))), None, logits, None
    gated = hf.Dinov2WithRegistersConfig(**sizes, use_swiglu_ffn=True, num_register_tokens=3)
    yield "hf-dinov2-registers", lib.unequal(hf.Dinov2WithRegistersForImageClassification(gated)), None, logits, None
    tower = hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**sizes, projection_dim=5))
    yield "hf-clip", lib.unequal(tower), None, lambda model, x: model(pixel_values=x).image_embeds, None
    seen = of_timm(**clip)
    seen.head.bias.data.zero_()
    yield "clip", seen, lambda m: lib.openai(lib.state(m)), plain, None
    for name, big in (("vit-jax", False), ("big-vision", True)):
        yield name, of_timm(act_layer="gelu_tanh"), lambda m, big=big: lib.google(numbers(m), 2, big), plain, None


def numbers(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


def resized_by_libraries(positions):
    """{way: (H' W', D)} by each library's own code, in float64."""
    from scipy.ndimage import zoom

    from . import libraries as lib

    grid = lib.torch.from_numpy(positions).reshape(1, *OLD, -1).permute(0, 3, 1, 2)
    scale = tuple((new + 0.1) / old for old, new in zip(OLD, NEW, strict=True))
    ways = {"timm": dict(size=NEW, antialias=True), "bicubic": dict(size=NEW), "dino": dict(scale_factor=scale)}
    ways["torchvision"] = dict(size=NEW, align_corners=True)
    made = {way: lib.torch.nn.functional.interpolate(grid, mode="bicubic", **how) for way, how in ways.items()}
    made = {way: value[0].permute(1, 2, 0).reshape(-1, positions.shape[1]).numpy() for way, value in made.items()}
    google = zoom(positions.reshape(*OLD, -1), (NEW[0] / OLD[0], NEW[1] / OLD[1], 1), order=1)
    return made | {"google": google.reshape(-1, positions.shape[1])}


def make(folder=FOLDER):
    from . import libraries as lib

    shutil.rmtree(folder, ignore_errors=True)
    rng = np.random.default_rng(7)
    images, positions = rng.standard_normal(PICTURES), rng.standard_normal((OLD[0] * OLD[1], 2))
    expected = {"images": images, "positions": positions}
    expected |= {f"resized {way}": value for way, value in resized_by_libraries(positions).items()}
    wide = rng.standard_normal((1, 20, 8, 3))
    for name, model, state, call, config in models():
        here = folder / name
        here.mkdir(parents=True)
        if state is None:
            model.save_pretrained(here)
            spoken = json.loads((here / "config.json").read_text(encoding="utf-8"))
            (here / "config.json").write_text(json.dumps(spoken), encoding="utf-8")
        elif name in ("vit-jax", "big-vision"):
            np.savez_compressed(here / "model.npz", **state(model))
        elif name in ("mae", "deit3"):
            lib.torch.save(state(model), here / "model.pth")
        else:
            lib.safetensors.save_file(state(model), here / ("dino_tiny.safetensors" if name == "dino" else "model.safetensors"))
        if config:
            (here / "config.json").write_text(json.dumps(config), encoding="utf-8")
        expected[name] = lib.answers(model, images, call)[0]
        if name == "hf-vit":

            def at_any_size(model, x):
                return model(pixel_values=x, interpolate_pos_encoding=True).logits

            expected |= {"wide images": wide, "hf-vit wide": lib.answers(model, wide, at_any_size)[0]}
    np.savez_compressed(folder / "expected.npz", **expected)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{len(list(folder.iterdir())) - 1} models and expected.npz, {size:,} bytes")


if __name__ == "__main__":
    make()
