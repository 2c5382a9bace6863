"""The kinds of models. A checkpoint and a run's config.json name their kind; saving, training and the commands ask this table for
the rest, so that another kind needs an entry here and nothing there.

What a kind brings:

    config    a frozen dataclass of sizes with image_size (height, width), channels, classes and num_parameters(), and with
              tokens if the model cuts an image into some: how many a thread computes at once depends on it
    model     a Module, model(config, rng, dtype), whose call model(images, rng=None) gives logits (B, classes), or what else the
              kind's task reads (see training/tasks.py), and which keeps its config as .config
    words     what it is, in a heading: "a Vision Transformer"
    describe  its sizes in a few words, from the config
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields

import numpy as np

from .config import ViTConfig
from .detr import DETR
from .detr_config import DETRConfig
from .vit import ViT


@dataclass(frozen=True)
class Kind:
    config: type
    model: type
    words: str
    describe: Callable


PARTS = "stem relative_pos pool activation layer_scale qk_norm lsa registers class_blocks dist_token norm_pre fc_norm eps".split()


def _parts(config):
    """What a ViT has in the place of the plain one's parts, or beside them: "; stem t2t, registers 4"."""
    plain = {field.name: field.default for field in fields(config)}
    other = [f"{name} {getattr(config, name)}" for name in PARTS if getattr(config, name) != plain[name]]
    return "; " + ", ".join(other) if other else ""


KINDS = {
    "vit": Kind(
        ViTConfig,
        ViT,
        "a Vision Transformer",
        lambda c: f"{c.tokens} tokens of width {c.dim}, {c.depth} blocks, {c.heads} heads{_parts(c)}",
    ),
    "detr": Kind(
        DETRConfig,
        DETR,
        "a DETR",
        lambda c: (
            f"{c.tokens} cells of width {c.dim}, {c.depth} + {c.decoder_depth} blocks, {c.heads} heads, {c.num_queries} queries, "
            f"{c.queries}{f', {c.denoising} groups to denoise' if c.denoising else ''}"
        ),
    ),
}
FROM_DATA = ("image_size", "channels", "classes")  # the data decides them


def the_kind(name):
    """The Kind of that name. Raises ValueError for a name that is not in KINDS."""
    if not isinstance(name, str) or name not in KINDS:
        raise ValueError(f"there is no kind of model {name!r}; there is {', '.join(KINDS)}")
    return KINDS[name]


def kind_of(config):
    """The name of a configuration's kind."""
    name = next((name for name, kind in KINDS.items() if type(config) is kind.config), None)
    if name is None:
        raise ValueError(
            f"a model with the configuration {type(config).__name__} is of no kind that can be saved: enter it into "
            "minivit.models.kinds.KINDS"
        )
    return name


def config_of(name, sizes):
    """The configuration of that kind, from a dictionary of its sizes as a file has them."""
    return the_kind(name).config(**sizes)


def settings_of(name):
    """(all the settings of that kind's configuration, those that must be given beside what the data decides)."""
    known = fields(the_kind(name).config)
    required = [f.name for f in known if f.default is MISSING and f.default_factory is MISSING and f.name not in FROM_DATA]
    return [f.name for f in known], required


def build(config, rng, dtype=np.float32):
    """A new model of a configuration, its weights drawn from `rng`."""
    return KINDS[kind_of(config)].model(config, rng, dtype)
