"""Models of timm, transformers and torchvision, random weights made unequal: minivit reads their files and answers the same."""

import functools

import numpy as np
import pytest

from minivit.models.pretrained import load_pretrained

lib = pytest.importorskip("tests.support.libraries", reason="needs timm, transformers, torchvision, safetensors and torch")
torch, hf = lib.torch, lib.transformers

SMALL = dict(img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=3, mlp_ratio=2, num_classes=7)
HF = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96, image_size=32, patch_size=8)
HF |= dict(num_labels=7, mlp_ratio=2)
TV = dict(image_size=32, patch_size=8, num_layers=2, num_heads=3, hidden_dim=48, mlp_dim=96, num_classes=7)
CLIP_ARGS = dict(pre_norm=True, norm_layer=functools.partial(lib.timm.layers.LayerNorm, eps=1e-5))


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
    (
        "torchvision B/32",
        lambda: lib.Torchvision(224, 32, 2, 12, 768, 3072, num_classes=10),
        "torchvision",
        dict(heads=12),
        {},
        {},
    ),
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


def features(model, x):
    """timm's tokens that the head reads from."""
    return model.forward_features(x)


@pytest.mark.parametrize("name, make, layout, fields, config, changes", MODELS, ids=[model[0] for model in MODELS])
def test_logits_are_the_librarys(tmp_path, name, make, layout, fields, config, changes):
    theirs = lib.unequal(make())
    call = lib.hugging_face if name.startswith("HF") else None
    lib.save(theirs, tmp_path, **config or {})
    ours, about = load_pretrained(tmp_path, dtype=np.float64, **changes)
    assert about["layout"] == layout and not ours.training
    assert {field: getattr(ours.config, field) for field in fields} == fields
    images = pictures(ours.config)
    double, single = lib.answers(theirs, images, call)
    held(ours(images).data, double, 1e-10)
    if layout != "torchvision":  # which gives none
        tokens = (lambda m, x: m.base_model(pixel_values=x).last_hidden_state) if name.startswith("HF") else features
        held(ours.forward_features(images).data, lib.answers(theirs, images, tokens)[0], 1e-10)
    ours, _ = load_pretrained(tmp_path, **changes)
    assert ours.head.weight.dtype == np.float32
    held(ours(images.astype(np.float32)).data, single, 1e-5)


def small_timm(**more):
    return lib.unequal(lib.Timm(**SMALL | more))


def torch_file(path, tree):
    path.parent.mkdir(exist_ok=True)
    torch.save(tree, path)
    return path


@pytest.mark.parametrize("wrapper", ["model", "state_dict", "model_ema", "module.", "teacher.backbone."])
def test_a_checkpoint_of_a_training_is_unwrapped(tmp_path, wrapper):
    theirs = small_timm()
    state = lib.state(theirs)
    if wrapper.endswith("."):
        tree = {wrapper + name: value for name, value in state.items()}
    else:
        tree = {wrapper: state, "epoch": 3, "optimizer": {"lr": 0.1, "state": {0: torch.ones(2)}}}
    if wrapper == "model_ema":
        tree["model"] = {name: value + 1 for name, value in state.items()}  # the average is the one to take
    ours, _ = load_pretrained(torch_file(tmp_path / "x.pth", tree), dtype=np.float64, heads=3)
    images = pictures(ours.config)
    held(ours(images).data, lib.answers(theirs, images)[0], 1e-10)


@pytest.mark.parametrize("student", [False, True])
def test_dino(tmp_path, student):
    theirs = small_timm(num_classes=0)
    state = {f"backbone.{name}": value for name, value in lib.state(theirs).items()} | {"head.mlp.0.weight": torch.ones(3, 48)}
    tree = {"teacher": state} | ({"student": {f"module.{name}": value + 1 for name, value in state.items()}} if student else {})
    ours, about = load_pretrained(torch_file(tmp_path / "checkpoint.pth", tree), dtype=np.float64, heads=3, classes=4)
    assert about["layout"] == "DINO" and "DINO's projection head" in about["recognised"][1]
    images = pictures(ours.config)
    held(ours.forward_features(images).data, lib.answers(theirs, images, features)[0], 1e-10)
    assert np.array_equal(ours(images).data, np.zeros((2, 4)))


@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize("swiglu", [False, True])
def test_dinov2_by_its_authors_names(tmp_path, registers, swiglu):
    more = dict(mlp_ratio=8 / 3, mlp_layer=lib.SwiGLUPacked, act_layer=torch.nn.SiLU) if swiglu else {}
    theirs = small_timm(num_classes=0, init_values=0.1, reg_tokens=registers, no_embed_class=registers > 0, **more)
    state = lib.state(theirs)
    state = lib.dinov2(state)
    ours, about = load_pretrained(torch_file(tmp_path / "x.pth", state), dtype=np.float64, heads=3)
    assert about["layout"] == "DINOv2" and "a new head, of zeros: it had none" in about["recognised"][1]
    images = pictures(ours.config)
    held(ours.forward_features(images).data, lib.answers(theirs, images, features)[0], 1e-6 if registers else 1e-10)


def test_deit3_by_its_authors_names(tmp_path):
    theirs = small_timm(init_values=0.1, no_embed_class=True)
    state = lib.renamed(lib.state(theirs), ls1__gamma="gamma_1", ls2__gamma="gamma_2")
    ours, about = load_pretrained(torch_file(tmp_path / "x.pth", {"model": state}), dtype=np.float64, heads=3)
    assert about["layout"] == "DeiT3"
    images = pictures(ours.config)
    held(ours(images).data, lib.answers(theirs, images)[0], 1e-10)


def test_mae_before_and_after_fine_tuning(tmp_path):
    theirs = small_timm(num_classes=0)
    state = lib.state(theirs) | {"mask_token": torch.ones(1, 1, 8), "decoder_embed.weight": torch.ones(8, 48)}
    ours, about = load_pretrained(torch_file(tmp_path / "x.pth", {"model": state}), dtype=np.float64, heads=3)
    assert about["layout"] == "MAE" and "left out: the mask token, the decoder" in about["recognised"][1]
    images = pictures(ours.config)
    held(ours.forward_features(images).data, lib.answers(theirs, images, features)[0], 1e-10)
    theirs = small_timm(global_pool="avg")
    ours, about = load_pretrained(torch_file(tmp_path / "x.pth", {"model": lib.state(theirs)}), dtype=np.float64, heads=3)
    assert about["layout"] == "MAE" and ours.config.fc_norm
    held(ours(images).data, lib.answers(theirs, images)[0], 1e-10)


def test_mae_of_hugging_face(tmp_path):
    decoder = dict(decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2, mask_ratio=0.0)
    theirs = lib.unequal(hf.ViTMAEForPreTraining(hf.ViTMAEConfig(**HF, **decoder, decoder_intermediate_size=16)))
    ours, about = load_pretrained(lib.save(theirs, tmp_path), dtype=np.float64)
    images = pictures(ours.config)

    def encoded(model, x):  # it shuffles the patches, so in an order that is told
        noise = torch.arange(16.0).repeat(len(x), 1)
        return model.vit(pixel_values=x, noise=noise).last_hidden_state

    held(ours.forward_features(images).data, lib.answers(theirs, images, encoded)[0], 1e-10)
    assert "the decoder" in about["recognised"][1]


def test_a_backbone_of_hugging_face_and_the_names_that_it_has_in_memory(tmp_path):
    theirs = lib.unequal(hf.ViTModel(hf.ViTConfig(**HF)))
    ours, about = load_pretrained(lib.save(theirs, tmp_path / "saved"), dtype=np.float64)
    images = pictures(ours.config)
    expected = lib.answers(theirs, images, lambda model, x: model(pixel_values=x).last_hidden_state)[0]
    held(ours.forward_features(images).data, expected, 1e-10)
    assert "left out: the pooler" in about["recognised"][1] and not ours(images).data.any()
    torch.save(theirs.state_dict(), tmp_path / "memory.bin")
    ours, _ = load_pretrained(tmp_path / "memory.bin", dtype=np.float64, heads=3)
    held(ours.forward_features(images).data, expected, 1e-10)


def test_swiglu_by_the_names_that_hugging_face_has_in_memory(tmp_path):
    theirs = lib.unequal(hf.Dinov2ForImageClassification(hf.Dinov2Config(**HF, use_swiglu_ffn=True)))
    torch.save(theirs.state_dict(), tmp_path / "memory.bin")
    ours, _ = load_pretrained(tmp_path / "memory.bin", dtype=np.float64, heads=3)
    images = pictures(ours.config)
    held(ours(images).data, lib.answers(theirs, images, lib.hugging_face)[0], 1e-10)


def test_older_names_of_torchvision(tmp_path):
    theirs = lib.unequal(lib.Torchvision(**TV))
    state = lib.renamed(lib.state(theirs), mlp__0="mlp__linear_1", mlp__3="mlp__linear_2")
    ours, _ = load_pretrained(torch_file(tmp_path / "x.pth", state), dtype=np.float64, heads=3)
    images = pictures(ours.config)
    held(ours(images).data, lib.answers(theirs, images)[0], 1e-10)


BIG = dict(big=True)


@pytest.mark.parametrize(
    "prefix, how",
    [("", {}), ("opt/target/", {}), ("", BIG), ("params/", BIG), ("params/", BIG | dict(scanned=True))],
    ids=["vit_jax", "vit_jax, a training", "big_vision", "big_vision, a training", "big_vision, scanned"],
)
def test_google_against_timms_own_loader(tmp_path, prefix, how):
    source = small_timm()
    arrays = lib.google({name: value.numpy() for name, value in lib.state(source).items()}, 3, 8, **how)
    arrays = {prefix + name: array for name, array in arrays.items()}
    np.savez(tmp_path / "x.npz", **arrays | ({"opt/state/step": np.ones(1)} if prefix == "opt/target/" else {}))
    for activation, named in (("gelu_tanh", {}), ("gelu", dict(activation="gelu"))):  # Google's own, and what timm takes for it
        theirs = lib.Timm(**SMALL, act_layer=activation).eval()
        theirs.load_pretrained(str(tmp_path / "x.npz"))
        ours, about = load_pretrained(tmp_path / "x.npz", dtype=np.float64, **named)
        assert about["layout"] == "Google" and ours.config.heads == 3 and ours.config.activation == activation
        images = pictures(ours.config)
        double, single = lib.answers(theirs, images)
        held(ours(images).data, double, 1e-10)
        ours, _ = load_pretrained(tmp_path / "x.npz", **named)
        held(ours(images.astype(np.float32)).data, single, 1e-5)


def test_big_vision_with_fixed_positions(tmp_path):
    theirs = small_timm(class_token=False, global_pool="avg", fc_norm=False, act_layer="gelu_tanh")
    y, x = np.mgrid[:4, :4]
    speed = 1 / 10000 ** (np.arange(12) / 11)  # as big_vision computes them
    y, x = y.reshape(-1, 1) * speed, x.reshape(-1, 1) * speed
    fixed = np.concatenate([np.sin(x), np.cos(x), np.sin(y), np.cos(y)], axis=1)
    theirs.pos_embed.data = torch.from_numpy(fixed)[None]
    arrays = lib.google({name: value.numpy() for name, value in lib.state(theirs).items() if name != "pos_embed"}, 3, 8, big=True)
    np.savez(tmp_path / "x.npz", **arrays)
    ours, about = load_pretrained(tmp_path / "x.npz", dtype=np.float64, image_size=32)
    assert ours.config.pos_embed == "sincos2d" and ours.config.pool == "mean" and "assumed: fixed" in about["recognised"][1]
    images = pictures(ours.config)
    with torch.no_grad():
        expected = theirs.double()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    held(ours(images).data, expected, 1e-10)


def test_clip_by_openais_names(tmp_path):
    theirs = small_timm(**CLIP_ARGS, act_layer="quick_gelu")
    theirs.head.bias.data.zero_()
    text = {"positional_embedding": torch.ones(77, 8), "transformer.resblocks.0.ln_1.weight": torch.ones(8)}
    text |= {"token_embedding.weight": torch.ones(9, 8), "logit_scale": torch.ones(()), "text_projection": torch.ones(8, 7)}
    path = torch_file(tmp_path / "x.pth", lib.openai(lib.state(theirs)) | text)
    ours, about = load_pretrained(path, dtype=np.float64, heads=3)
    assert about["layout"] == "CLIP" and ours.config.activation == "quick_gelu" and ours.config.eps == 1e-5
    assert "left out: the text tower" in about["recognised"][1] and "assumed: activation" in about["recognised"][1]
    images = pictures(ours.config)
    held(ours(images).data, lib.answers(theirs, images)[0], 1e-10)


def test_clip_of_hugging_face(tmp_path):
    theirs = lib.unequal(hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**HF, projection_dim=7)))
    ours, _ = load_pretrained(lib.save(theirs, tmp_path / "tower"), dtype=np.float64)
    images = pictures(ours.config)
    expected = lib.answers(theirs, images, lambda model, x: model(pixel_values=x).image_embeds)[0]
    held(ours(images).data, expected, 1e-10)
    text = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=9)
    whole = lib.unequal(hf.CLIPModel(hf.CLIPConfig(vision_config=HF, text_config=text, projection_dim=7)))
    ours, about = load_pretrained(lib.save(whole, tmp_path / "whole"), dtype=np.float64)
    assert "left out: the text tower" in about["recognised"][1]

    def embedded(model, x):
        return model.visual_projection(model.vision_model(pixel_values=x).pooler_output)

    held(ours(images).data, lib.answers(whole, images, embedded)[0], 1e-10)


def test_a_head_that_reads_no_layernorm_is_refused(tmp_path):
    theirs = hf.CLIPForImageClassification(hf.CLIPConfig(vision_config=HF, num_labels=7))
    with pytest.raises(ValueError, match="classifier"):
        load_pretrained(lib.save(theirs, tmp_path))
