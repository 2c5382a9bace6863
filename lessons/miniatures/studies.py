"""The miniatures: what is asked, and which trainings answer it. Settings were fixed before the test images were read.

STUDIES are the paper's questions; BETTER are those of improved ViTs, of DETR and of fine-tuning; four have files of their own.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from . import charts
from .detections import Detections
from .finetuning import IMAGES, WAYS, finetuned
from .resolution import SIZES, at_every_size
from .runs import step_seconds, train_once
from .variants import Variants

STEPS = 360  # of a training on digits: 30 epochs of all 1,437


@dataclass(frozen=True)
class Study:
    """One question. groups: the lines of the figure; xs: the places on its axis; run(group, x, seed) gives one result."""

    name: str
    question: str
    paper: str
    groups: tuple
    xs: tuple
    seeds: int
    run: Callable
    axis: str
    log: bool = False
    title: str = ""

    whole = True  # its figure needs every training

    def jobs(self):
        """(group, x, seed) of every training."""
        return [(group, x, seed) for seed in range(self.seeds) for x in self.xs for group in self.groups]

    def answer(self, results, *job):
        """Runs one training, and keeps what came out of it."""
        results.add(*job, self.run(*job))

    def figure(self, results):
        return charts.figure(self, results)

    def table(self, results):
        return charts.table(self, results)


class Sizes(Study):
    """A Study in which one training answers for every place on the axis."""

    def jobs(self):
        return [(group, self.xs[0], seed) for seed in range(self.seeds) for group in self.groups]

    def answer(self, results, group, _, seed):
        found = self.run(group, seed)
        for x in reversed(self.xs):  # the first, which says that the training was run, comes last
            if results.find(group, x, seed) is None:
                results.add(group, x, seed, found[x])


class Paired(Study):
    """A Study whose table also has the mean difference of each group to the last one, seed by seed, and its standard error."""

    def table(self, results):
        *others, last = self.groups
        lines = ["", *(f"{group}, less {last}: {self._differences(results, group, last)}" for group in others)]
        return "\n".join([super().table(results), *lines])

    def _differences(self, results, group, last):
        found = []
        for x in self.xs:
            seeds = [seed for seed in range(self.seeds) if results.find(group, x, seed) and results.find(last, x, seed)]
            apart = [results.find(group, x, seed)["accuracy"] - results.find(last, x, seed)["accuracy"] for seed in seeds]
            if len(apart) > 1:
                found.append(f"{statistics.mean(apart):+.1f} ± {statistics.stdev(apart) / len(apart) ** 0.5:.1f} with {x}")
        return "; ".join(found) or "not run"


def patch_size(group, x, seed):
    """The width of the model stays; the number of tokens is (28 / x)^2."""
    if group == "one step":
        return {"step_seconds": round(step_seconds("fashion-mini", {"patch_size": x}), 4), "tokens": (28 // x) ** 2 + 1}
    if x < 4:
        return {}  # too slow for a miniature: its step time must do
    return train_once("fashion-mini", seed, 384, {"patch_size": x})


def positions(group, x, seed):
    kinds = {
        "none": {"pos_embed": "none"},
        "learned, small start (0.02)": {"pos_embed": "learned", "pos_embed_std": 0.02},
        "learned, large start (0.7)": {"pos_embed": "learned", "pos_embed_std": 0.7},
        "sin-cos": {"pos_embed": "sincos2d"},
    }
    return train_once("digits", seed, x, kinds[group])


def pooling(group, x, seed):
    return train_once("digits", seed, STEPS, {"pool": {"class token": "cls", "mean of the tokens": "mean"}[group]}, {"lr": x})


def data_size(group, x, seed):
    if group == "small CNN":
        return train_once("digits", seed, STEPS, changes={"lr": 2e-3}, images=x, kind="cnn")
    if group == "ViT":
        return train_once("digits", seed, STEPS, images=x)
    return train_once("digits-conv", seed, STEPS, {"drop_path": 0.0}, {"ema": 0.0}, images=x)  # the plain one has neither


WIDTHS = {1: 112, 2: 80, 3: 64, 6: 44, 12: 32}


def depth_width(group, x, seed):
    dim = WIDTHS[x]
    return train_once("digits", seed, STEPS, {"depth": x, "dim": dim, "mlp_dim": 2 * dim})


def layer_scale(group, x, seed):
    start = {"without": None, "0.1 at first": 0.1, "0.00001 at first": 1e-5}[group]
    model = {"depth": x, "dim": 32, "mlp_dim": 64, "layer_scale": start}
    return train_once("digits", seed, STEPS, model, threads=1)


STUDIES = {
    study.name: study
    for study in (
        Study(
            "patch_size",
            "What does a smaller patch cost, and what does it bring?",
            "section 3.1",
            ("one step", "accuracy"),
            (28, 14, 7, 4, 2),
            3,
            patch_size,
            "patch size in pixels",
            True,
            "4,000 pictures of clothes, 28 × 28, 384 steps",
        ),
        Study(
            "positions",
            "Does the model need to be told where a patch was?",
            "appendix D.4, table 8",
            ("none", "learned, small start (0.02)", "learned, large start (0.7)", "sin-cos"),
            (120, 360, 840),
            5,
            positions,
            "training steps",
            False,
            "1,437 digits, 16 patches of 2 × 2",
        ),
        Study(
            "pooling",
            "Class token, or the mean of all tokens?",
            "appendix D.3, figure 9",
            ("class token", "mean of the tokens"),
            (5e-4, 1e-3, 2e-3, 4e-3, 8e-3),
            3,
            pooling,
            "learning rate",
            True,
            f"1,437 digits, {STEPS} steps",
        ),
        Study(
            "data_size",
            "Who needs more images: the ViT, the hybrid, or the CNN?",
            "section 4.3, figures 3 and 4",
            ("ViT", "ViT with convolutional stem", "small CNN"),
            (50, 100, 200, 400, 800, 1437),
            3,
            data_size,
            "training images",
            True,
            f"digits, {STEPS} steps for every point",
        ),
        Study(
            "depth_width",
            "Few wide blocks or many narrow ones, at the same cost?",
            "appendix D.2",
            ("ViT",),
            tuple(WIDTHS),
            3,
            depth_width,
            "blocks",
            True,
            f"digits, {STEPS} steps, depth × width² about the same",
        ),
    )
}

BETTER = {
    study.name: study
    for study in (
        Variants(),
        Detections(),
        Sizes(
            "resolution",
            "Trained at 28 x 28 pixels: which positions still hold in larger images?",
            "RoPE-ViT, arXiv 2403.13298, section 4.1",
            ("learned, resized", "sin-cos", "RoPE", "mixed RoPE"),
            SIZES,
            3,
            at_every_size,
            "height and width of the test images in pixels",
            False,
            "4,000 pictures of clothes, 28 × 28; patches of 7 × 7",
        ),
        Study(
            "layer_scale",
            "Does LayerScale let deep models train?",
            "CaiT, arXiv 2103.17239, section 2",
            ("without", "0.1 at first", "0.00001 at first"),
            (3, 12, 24),
            3,
            layer_scale,
            "blocks",
            True,
            f"digits, {STEPS} steps, blocks of width 32",
        ),
        Paired(
            "finetune",
            "Few images of new classes: what is it worth to have learned others before?",
            "sections 3.2 and 4.3; layer-wise rates: BEiT, arXiv 2106.08254",
            tuple(WAYS),
            IMAGES,
            5,
            finetuned,
            "training images of each new class",
            True,
            "five kinds of clothes, after five others",
        ),
    )
}
