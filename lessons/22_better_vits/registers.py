"""Draws registers.png: PYTHONPATH=. python lessons/22_better_vits/registers.py

Trains a ViT on clothes with four registers and one without, three seeds each, ten minutes; keeps registers.json and the picture,
which is of the first seed.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from minivit import ViT, ViTConfig, no_grad
from minivit.data import load
from minivit.training import Recipe, accuracy, predict, train

FILE = Path(__file__).with_name("registers.json")
REGISTERS = (0, 4)
SEEDS = (0, 1, 2)
SIZES = dict(image_size=28, patch_size=4, channels=1, classes=10, dim=48, depth=4, heads=4, mlp_dim=96, pos_embed_std=0.5)
RECIPE = dict(epochs=20, batch_size=128, lr=3e-3, label_smoothing=0.1, shift=1, flip=True)
SHOWN = 6  # the first test images, one a column


def looks(model, images):
    """Of the last block: (how much the class token looks at each patch (B, N), and at all registers (B,); how long the longest
    token of a patch is, over the median one (B,))."""
    count = model.config.grid[0] * model.config.grid[1]
    with no_grad():
        attention = model(images, return_attention=True)[1][-1].mean(axis=1)[:, 0]  # (B, T)
        stages = dict(model.stages(images))
    tokens = stages[f"blocks.{model.config.depth - 1}"].data[:, -count:]  # (B, N, D)
    lengths = np.linalg.norm(tokens, axis=-1)  # (B, N)
    return attention[:, -count:], attention[:, 1:-count].sum(axis=1), lengths.max(axis=1) / np.median(lengths, axis=1)


def one(registers, seed, dataset):
    """(the trained model, its figures over all test images)."""
    model = ViT(ViTConfig(**SIZES, registers=registers), seed)
    for _ in train(model, dataset, Recipe(**RECIPE, seed=seed)):
        pass
    images = dataset.normalise(dataset.test_images)
    at_patches, at_registers, longest = looks(model.eval(), images)
    share = at_patches / at_patches.sum(axis=1, keepdims=True)
    return model, {
        "accuracy": round(100 * accuracy(predict(model, images), dataset.test_labels), 2),
        "looks at registers": round(100 * float(at_registers.mean()), 1),
        "at the one patch most looked at": round(100 * float(share.max(axis=1).mean()), 1),
        "longest token over the median": round(float(longest.mean()), 2),
    }


def draw(models, dataset):
    """The images, and below each how much the class token looks at each patch in the last block, without and with registers."""
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    rows = figure.subplots(1 + len(models), SHOWN)
    chosen = dataset.test_images[:SHOWN]
    for panel, image in zip(rows[0], chosen, strict=True):
        panel.imshow(image[..., 0], cmap="gray_r")
    rows[0, 0].set_ylabel("the image")
    for row, (registers, model) in zip(rows[1:], models.items(), strict=True):
        at_patches, at_registers, _ = looks(model, dataset.normalise(chosen))
        for panel, at, kept in zip(row, at_patches, at_registers, strict=True):
            panel.imshow(at.reshape(model.config.grid), cmap="cividis", vmin=0)
            if registers:
                panel.set_xlabel(f"{100 * kept:.0f} % at registers", fontsize="small")
        row[0].set_ylabel(f"{registers} registers" if registers else "without")
    for panel in rows.flat:
        panel.set(xticks=(), yticks=())
    return figure


if __name__ == "__main__":
    clothes, found, shown = load("fashion-mini"), {}, {}
    for registers, seed in tqdm([(registers, seed) for registers in REGISTERS for seed in SEEDS]):
        network, figures = one(registers, seed, clothes)
        found.setdefault(str(registers), []).append(figures)
        shown.setdefault(registers, network)
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(shown, clothes).savefig(FILE.with_suffix(".png"), dpi=110)
