"""timm, transformers and torchvision beside minivit: models of theirs with random weights, saved as their users save them, and
what they answer. For the leg of .ci/run that installs them, and for making the fixtures of tests/models."""

import contextlib
import json
import re
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
warnings.filterwarnings("ignore")
torch.set_num_threads(1)
with contextlib.suppress(RuntimeError):  # declared before: this file was begun once, and skipped for what is not installed
    _library = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):  # a torchvision whose compiled part is of another torch wants them declared; no ViT calls them
    with contextlib.suppress(RuntimeError, NameError):
        _library.define(f"{_name}(Tensor a, Tensor b, float c) -> Tensor")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")
Timm, Distilled = timm.models.vision_transformer.VisionTransformer, timm.models.deit.VisionTransformerDistilled
Torchvision, SwiGLUPacked = torchvision.models.vision_transformer.VisionTransformer, timm.layers.SwiGLUPacked

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def unequal(model, seed=1):
    """The model with random weights that hide no mistake: gains and biases too, tokens and positions of size 0.35."""
    numbers = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            r = torch.randn(parameter.shape, generator=numbers)
            if any(word in name for word in ("pos", "token", "class_embedding")):
                parameter.copy_(0.35 * r)
            elif parameter.ndim >= 2:
                parameter.copy_(r * 1.2 / parameter[0].numel() ** 0.5)
            elif name.endswith("weight") or "gamma" in name or "lambda" in name:
                parameter.copy_(1 + 0.3 * r)
            else:
                parameter.copy_(0.3 * r)
    return model.eval()


def answers(model, images, call=None):
    """What the model answers to images (B, H, W, C), in float64 and in float32, as arrays."""
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))  # (B, C, H, W)
    call = call or (lambda model, x: model(x))
    with torch.no_grad():
        single = call(model.float(), x.float()).numpy()
        double = call(model.double(), x.double()).numpy()
    model.float()
    return double, single


def hugging_face(model, x):
    return model(pixel_values=x).logits


def state(model):
    return {name: value.contiguous().clone() for name, value in model.state_dict().items()}


def save(model, folder, **config):
    """As its users save it: Hugging Face's with its own method, others as model.safetensors; config becomes config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    if hasattr(model, "save_pretrained"):
        model.save_pretrained(folder)
    else:
        safetensors.save_file(state(model), folder / "model.safetensors")
    if config:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def google(arrays, heads, patch, big=False, scanned=False):
    """timm's state, arrays by name, as Google's .npz has it: kernels (in, out), by head, numbered in vit_jax's or big_vision's
    manner, or all blocks of one kind in one array."""
    s = {name: np.asarray(value) for name, value in arrays.items()}
    dim = s["cls_token"].shape[-1] if "cls_token" in s else s["norm.weight"].shape[0]
    out = {"embedding/kernel": s["patch_embed.proj.weight"].transpose(2, 3, 1, 0), "embedding/bias": s["patch_embed.proj.bias"]}
    if "cls_token" in s:
        out["cls"] = s["cls_token"]
    if "pos_embed" in s:
        out["pos_embedding" if big else "Transformer/posembed_input/pos_embedding"] = s["pos_embed"]
    out |= {"Transformer/encoder_norm/scale": s["norm.weight"], "Transformer/encoder_norm/bias": s["norm.bias"]}
    out |= {"head/kernel": s["head.weight"].T, "head/bias": s["head.bias"]}
    depth = 1 + max(int(name.split(".")[1]) for name in s if name.startswith("blocks."))
    second, attention, mlp = (1, 0, 0) if big else (2, 1, 3)
    blocks = []
    for i in range(depth):
        b, one = f"blocks.{i}.", {}
        for norm, number in (("norm1", 0), ("norm2", second)):
            one |= {f"LayerNorm_{number}/scale": s[f"{b}{norm}.weight"], f"LayerNorm_{number}/bias": s[f"{b}{norm}.bias"]}
        where = f"MultiHeadDotProductAttention_{attention}/"
        for j, part in enumerate(("query", "key", "value")):
            rows = slice(j * dim, (j + 1) * dim)
            one[f"{where}{part}/kernel"] = s[f"{b}attn.qkv.weight"][rows].T.reshape(dim, heads, -1)
            one[f"{where}{part}/bias"] = s[f"{b}attn.qkv.bias"][rows].reshape(heads, -1)
        one |= {
            f"{where}out/kernel": s[f"{b}attn.proj.weight"].T.reshape(heads, -1, dim),
            f"{where}out/bias": s[f"{b}attn.proj.bias"],
        }
        for j in (0, 1):
            one[f"MlpBlock_{mlp}/Dense_{j}/kernel"] = s[f"{b}mlp.fc{j + 1}.weight"].T
            one[f"MlpBlock_{mlp}/Dense_{j}/bias"] = s[f"{b}mlp.fc{j + 1}.bias"]
        blocks.append(one)
    if scanned:
        out |= {f"Transformer/encoderblock/{name}": np.stack([one[name] for one in blocks]) for name in blocks[0]}
    else:
        out |= {f"Transformer/encoderblock_{i}/{name}": value for i, one in enumerate(blocks) for name, value in one.items()}
    return {name: np.ascontiguousarray(value) for name, value in out.items()}


def renamed(state, **pieces):
    """A state under other names: each key of `pieces` is a piece of a name, two underscores for a dot."""
    for ours, theirs in pieces.items():
        state = {name.replace(ours.replace("__", "."), theirs.replace("__", ".")): value for name, value in state.items()}
    return state


def dinov2(state):
    """timm's DINOv2 under its authors' names: blocks in groups, a mask token; with registers, a position for the class token."""
    state = {re.sub(r"^blocks\.(\d+)", r"blocks.0.\1", name): value for name, value in state.items()}
    if state["blocks.0.0.mlp.fc1.weight"].shape[0] == 2 * state["blocks.0.0.mlp.fc2.weight"].shape[1]:
        state = renamed(state, mlp__fc1="mlp__w12", mlp__fc2="mlp__w3")
    state["mask_token"] = torch.ones(1, state["norm.weight"].shape[0])
    if "reg_token" in state:
        state["register_tokens"] = state.pop("reg_token")
        position = 0.25 * torch.ones_like(state["cls_token"])
        state["pos_embed"] = torch.cat([position, state["pos_embed"]], 1)
        state["cls_token"] = state["cls_token"] - position
    return state


def openai(state):
    """timm's CLIP under OpenAI's names."""
    state = renamed(state, patch_embed__proj="conv1", pos_embed="positional_embedding", cls_token="class_embedding")
    state = renamed(state, norm_pre="ln_pre", attn__qkv__="attn__in_proj_", attn__proj="attn__out_proj")
    state = renamed(state, mlp__fc1="mlp__c_fc", mlp__fc2="mlp__c_proj", norm1="ln_1", norm2="ln_2")
    state = {name.replace("blocks.", "transformer.resblocks."): value for name, value in state.items()}
    state = {("ln_post" + name[4:] if name.startswith("norm.") else name): value for name, value in state.items()}
    state["class_embedding"], state["positional_embedding"] = state["class_embedding"][0, 0], state["positional_embedding"][0]
    state["proj"] = state.pop("head.weight").T.contiguous()
    del state["head.bias"]
    return {f"visual.{name}": value for name, value in state.items()}
