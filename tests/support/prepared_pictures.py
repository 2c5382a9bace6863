"""What timm, torchvision and transformers make of made pictures, in hashes: `python -m tests.support.prepared_pictures` writes
tests/data/prepared.json anew, with these libraries installed."""

import hashlib
import json
from pathlib import Path

import numpy as np

from .made import photographs

KEPT = Path(__file__).parents[1] / "data" / "prepared.json"
TIMM = {"mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.9, "interpolation": "bicubic", "input_size": [3, 224, 224]}
DINO_LIKE = {"size": {"shortest_edge": 256}, "resample": 3, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}}
DINO_LIKE |= {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
# name: (layout, config.json, preprocessor_config.json, image_size)
CASES = {
    "timm": ("timm", {"pretrained_cfg": TIMM}, None, (224, 224)),
    "timm, oblong": ("timm", {"pretrained_cfg": TIMM}, None, (160, 224)),
    "timm, squeezed": ("timm", {"pretrained_cfg": TIMM | {"crop_mode": "squash", "crop_pct": 0.8}}, None, (224, 224)),
    "torchvision": ("torchvision", None, None, (224, 224)),
    "Hugging Face": ("Hugging Face", {"model_type": "vit"}, None, (224, 224)),
    "Hugging Face's DINOv2": ("Hugging Face", {"model_type": "dinov2"}, DINO_LIKE, (224, 224)),
}


def digest(array):
    """Of float32 (H, W, 3), to the last bit; the same on every machine."""
    return hashlib.sha256(np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()[:16]


def of_the_libraries(case):
    """A function from a PIL image to (3, H, W), as the case's library gives it."""
    from . import libraries

    layout, config, _, (height, width) = CASES[case]
    if layout == "torchvision":
        return libraries.torchvision.models.ViT_B_16_Weights.IMAGENET1K_V1.transforms()
    if layout == "timm":
        from timm.data import create_transform, resolve_data_config

        size = {"input_size": (3, height, width)}
        return create_transform(**resolve_data_config(pretrained_cfg=config["pretrained_cfg"] | size))
    if case == "Hugging Face":
        processor = libraries.transformers.ViTImageProcessorPil()
    else:
        processor = libraries.transformers.BitImageProcessorPil(**DINO_LIKE)
    return lambda picture: processor(picture, return_tensors="np")["pixel_values"][0]


if __name__ == "__main__":
    kept = {}
    for case in CASES:
        theirs = of_the_libraries(case)
        made = {name: np.asarray(theirs(picture.convert("RGB"))).transpose(1, 2, 0) for name, picture in photographs().items()}
        kept[case] = {name: digest(array) for name, array in made.items()}
    KEPT.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8", newline="\n")
