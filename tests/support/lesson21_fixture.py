"""Lesson 21's small model: its weights as Hugging Face saves them, and the logits that the library gives, in float64.

`python -m tests.support.lesson21_fixture` writes lessons/21_pretrained/fixture.npz anew, with transformers and torchvision. All
numbers of the weights are exact in float16, which keeps the file small, and all sizes differ, so that no exchange goes unseen.
"""

import json
import math
import tempfile
from pathlib import Path

import numpy as np

FIXTURE = Path(__file__).parents[2] / "lessons/21_pretrained/fixture.npz"
SIZES = dict(hidden_size=20, num_hidden_layers=2, num_attention_heads=4, intermediate_size=28, patch_size=8, num_channels=3)
KEPT = "architectures hidden_act hidden_size image_size intermediate_size layer_norm_eps num_attention_heads num_channels".split()
KEPT += "num_hidden_layers patch_size qkv_bias".split()
SHORT, MEAN, STD = 28, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def short_floats(rng, shape, scale, around=0.0):
    """Random numbers that float16 holds exactly, as float32."""
    return (around + scale * rng.standard_normal(shape)).astype(np.float16).astype(np.float32)


def model(rng, image_size=(24, 16)):
    """Hugging Face's ViT, all its weights unequal, those of norms and biases too."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    made = ViTForImageClassification(ViTConfig(**SIZES, image_size=list(image_size), num_labels=9)).eval()
    for name, parameter in made.named_parameters():
        if name.endswith("weight") and parameter.ndim > 1:
            scale, around = 1.2 / math.sqrt(parameter[0].numel()), 0.0
        else:
            scale, around = 0.3, float(name.endswith("weight"))
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(short_floats(rng, tuple(parameter.shape), scale, around)))
    return made


def saved(made):
    """(config, weights): the two files of a folder that Hugging Face wrote."""
    from safetensors.numpy import load_file

    with tempfile.TemporaryDirectory() as folder:
        made.save_pretrained(folder)
        config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        return config, load_file(Path(folder) / "model.safetensors")


def larger_model(made, rng):
    """The same model for images of 40 x 24: its positions resized as the library does it. (Its own function takes square grids
    alone; the call of PyTorch in it is this one.)"""
    import torch

    state = made.state_dict()
    name = next(name for name in state if name.endswith("position_embeddings"))
    token, grid = state[name][:, :1], state[name][:, 1:].reshape(1, 3, 2, -1).permute(0, 3, 1, 2).double()  # (1, D, 3, 2)
    grid = torch.nn.functional.interpolate(grid, size=(5, 3), mode="bicubic", align_corners=False)
    state[name] = torch.cat([token.double(), grid.flatten(2).transpose(1, 2)], dim=1)
    larger = model(rng, (40, 24)).double()
    larger.load_state_dict(state)
    return larger


def photograph(rng):
    """(50, 37, 3): smooth colours, neither square nor alike when turned."""
    y, x = np.mgrid[:50, :37]
    waves = [np.sin(a * y + b * x + c) for a, b, c in rng.uniform((0.05, 0.05, 0), (0.4, 0.5, 6), (3, 3))]
    return np.clip(128 + 90 * np.stack(waves, axis=-1) + 20 * rng.standard_normal((50, 37, 3)), 0, 255).astype(np.uint8)


def arrays():
    """{name: array}: all that the fixture holds."""
    import torch
    from PIL import Image
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor

    rng = np.random.default_rng(21)
    made = model(rng)
    config, weights = saved(made)
    images, larger = (short_floats(rng, shape, 1.0) for shape in ((2, 24, 16, 3), (1, 40, 24, 3)))
    photo = photograph(rng)
    prepare = Compose([Resize(SHORT, InterpolationMode.BICUBIC), CenterCrop((24, 16)), ToTensor(), Normalize(MEAN, STD)])
    prepared = prepare(Image.fromarray(photo)).numpy().transpose(1, 2, 0)[None]  # (1, 24, 16, 3)
    larger_made, made = larger_model(made, rng), made.double()

    def logits(pixels, made=made):
        with torch.no_grad():
            pixels = torch.from_numpy(pixels.astype(np.float64).transpose(0, 3, 1, 2))
            return made(pixel_values=pixels).logits.numpy()

    found = {f"weights/{name}": array.astype(np.float16) for name, array in weights.items()}
    found |= {"config.json": np.array(json.dumps({name: config[name] for name in KEPT}))}
    found |= {"images": images.astype(np.float16), "logits": logits(images)}
    found |= {"larger_images": larger.astype(np.float16), "larger_logits": logits(larger, larger_made)}
    return found | {"photo": photo, "photo_logits": logits(prepared)}


if __name__ == "__main__":
    np.savez_compressed(FIXTURE, **arrays())
    print(FIXTURE, FIXTURE.stat().st_size, "bytes")
