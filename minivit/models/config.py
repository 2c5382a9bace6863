"""ViTConfig: every size of a Vision Transformer, checked, with exact counts of its parameters and multiply-adds.

B batch, H W C image, P patch, N = (H/P)(W/P) patches, T = N + 1 tokens, D width, h heads, d = D / h, M MLP width, K classes
"""

import math
import re
from dataclasses import dataclass

from ..checks import YES_OR_NO, choice, number, pair, whole
from . import encoder, heads
from .positions import POSITIONS
from .tokens import STEMS

# Table 1 of the paper, and Ti and S of DeiT (arXiv 2012.12877):
#           depth    D    MLP  heads
SIZES = {
    "Ti": (12, 192, 768, 3),
    "S": (12, 384, 1536, 6),
    "B": (12, 768, 3072, 12),
    "L": (24, 1024, 4096, 16),
    "H": (32, 1280, 5120, 16),
}
PRESETS = ("Ti/16", "S/16", "B/32", "B/16", "L/32", "L/16", "H/14")
# What others call them: b16, ViT-B/16, vit_b_16, vit_base_patch16_224, google/vit-base-patch16-224-in21k
WORDS = {"tiny": "Ti", "small": "S", "base": "B", "large": "L", "huge": "H"}
SPELLING = r"(?:\w+/(?=vit|deit))?(?:vit|deit)?[-_/ ]*([a-z]+?)[-_/ ]*(?:patch)?(\d\d)(?:[-_]224(?:[-_.].*)?)?"
OTHER_NAMES = {  # what timm, Hugging Face and torchvision call our fields
    **dict.fromkeys(("num_classes", "num_labels"), "classes"),
    **dict.fromkeys(("img_size", "input_size"), "image_size"),
    **dict.fromkeys(("embed_dim", "hidden_size", "hidden_dim", "d_model", "width"), "dim"),
    **dict.fromkeys(("num_heads", "num_attention_heads", "nhead", "n_heads"), "heads"),
    **dict.fromkeys(("num_layers", "num_hidden_layers", "layers", "n_layers"), "depth"),
    **dict.fromkeys(("in_chans", "in_channels", "num_channels"), "channels"),
    **dict.fromkeys(
        ("mlp_ratio", "intermediate_size", "dim_feedforward"), "mlp_dim, the width inside the MLP: 4 * dim for a ratio of 4"
    ),
    **dict.fromkeys(("drop_rate", "hidden_dropout_prob", "emb_dropout"), "dropout"),
    **dict.fromkeys(("drop_path_rate", "stochastic_depth"), "drop_path"),
    **dict.fromkeys(("global_pool", "class_token"), 'pool, "cls", "mean", "patches" and others'),
    **dict.fromkeys(("init_values", "layerscale_value"), "layer_scale"),
    **dict.fromkeys(("reg_tokens", "num_register_tokens"), "registers"),
    **dict.fromkeys(("act_layer", "hidden_act"), 'activation, "gelu", "gelu_tanh" or "quick_gelu"'),
    **dict.fromkeys(("layer_norm_eps", "layer_norm_epsilon", "norm_eps"), "eps"),
    **dict.fromkeys(("distilled",), "dist_token"),
    **dict.fromkeys(("pre_norm",), "norm_pre"),
}
CHOICES = {
    "pool": ("cls", "mean", "patches", "cls_and_patches", "sequence"),
    "pos_embed": ("learned", "sincos2d", "none"),
    "relative_pos": ("none", *POSITIONS),
    "stem": ("patch", *STEMS),
    "activation": ("gelu", "gelu_tanh", "quick_gelu", "swiglu"),
}
SWITCHES = ("qk_norm", "lsa", "dist_token", "norm_pre", "fc_norm")


def preset_name(name):
    """The preset that a name means, however others spell it; the name itself where it means none."""
    found = re.fullmatch(SPELLING, str(name).strip().lower())
    meant = f"{WORDS.get(found[1], found[1].title())}/{found[2]}" if found else name
    return meant if meant in PRESETS else name


@dataclass(frozen=True)
class ViTConfig:
    """Every size of a ViT. Raises ValueError, with the remedy, for sizes that do not fit together.

    image_size, patch_size   pixels, one number or (height, width)
    dim, depth, heads        D, the number of blocks, h
    mlp_dim                  M, the width inside the MLP
    pool                     what the head reads: the class token ("cls"), or without one the mean of all patches ("mean"), or
                             a mean with weights of their own ("sequence"); or with a class token all the same the mean of the
                             patches ("patches"), or both, 2D numbers ("cls_and_patches")
    pos_embed                "learned", "sincos2d" (fixed sines and cosines), or "none"
    pos_embed_std            of the learned positions at the start. 0.02 suits long training; with few images and steps, a larger
                             one spares the model finding out where each patch was: see configs/digits.toml
    relative_pos             beside those, or in their stead: "relative" (a bias for each distance), "irpe", "peg", "rope" or
                             "rope_mixed" (see positions.py); or "none"
    stem                     "patch" cuts the image itself; "conv" is the hybrid: a few convolutions first (see ConvStem);
                             "overlap", "t2t", "shifted" and "progressive" let a token see more than its patch (see tokens.py)
    activation               "gelu", exact, or "gelu_tanh", as in the paper's own code; "quick_gelu", CLIP's; or "swiglu", an MLP
                             with a gate, whose hidden width is 2/3 of mlp_dim
    layer_scale              a number, 0.1 or less: each part of a block is added times as much at first, which is then learned
    qk_norm                  True normalises q and k, so that attention cannot harden
    lsa                      True: no token looks at itself, and how sharply a head looks is learned
    registers                so many learned tokens more, which nobody reads at the end
    class_blocks             in the last so many of the blocks alone, the class token looks at the others, and nobody else looks
                             (see encoder.py for these five)
    dist_token               True: a distillation token beside the class token, with a head of its own (DeiT)
    norm_pre                 True: a LayerNorm in front of the blocks too (CLIP)
    fc_norm                  True: the last LayerNorm stands behind the pooling (see heads.py for these three and for pool)
    eps                      of every LayerNorm: what is added to the variance
    representation_size      a number puts the paper's tanh layer of that width in front of the head
    dropout                  rate, after embed_tokens, proj, fc1 (past its GELU) and fc2
    drop_path                rate at the last block, growing linearly from 0 at the first
    """

    image_size: int | tuple
    patch_size: int | tuple
    channels: int
    classes: int
    dim: int
    depth: int
    heads: int
    mlp_dim: int
    pool: str = "cls"
    pos_embed: str = "learned"
    pos_embed_std: float = 0.02
    stem: str = "patch"
    activation: str = "gelu"
    representation_size: int | None = None
    dropout: float = 0.0
    drop_path: float = 0.0
    relative_pos: str = "none"
    layer_scale: float | None = None
    qk_norm: bool = False
    lsa: bool = False
    registers: int = 0
    class_blocks: int = 0
    dist_token: bool = False
    norm_pre: bool = False
    fc_norm: bool = False
    eps: float = 1e-6

    def __new__(cls, *args, **fields):
        known = cls.__dataclass_fields__
        if wrong := [name for name in fields if name not in known]:
            own = OTHER_NAMES.get(wrong[0], "")
            say = f"here that is {own}" if own else f"it has {', '.join(known)}"
            raise ValueError(f"ViTConfig has no field {wrong[0]!r}; {say}")
        return super().__new__(cls)

    def __post_init__(self):
        checked = {name: pair(name, getattr(self, name)) for name in ("image_size", "patch_size")}
        for name in ("channels", "classes", "dim", "depth", "heads", "mlp_dim", "representation_size"):
            value = getattr(self, name)
            checked[name] = None if value is None and name == "representation_size" else whole(name, value)
        for name, choices in CHOICES.items():
            checked[name] = choice(name, getattr(self, name), dict(zip(choices, choices, strict=True)))
        checked |= {name: choice(name, getattr(self, name), YES_OR_NO) for name in SWITCHES}
        checked |= {name: whole(name, getattr(self, name), least=0) for name in ("registers", "class_blocks")}
        if self.layer_scale is not None:
            checked["layer_scale"] = number("layer_scale", self.layer_scale, above=0)
        for name in ("dropout", "drop_path"):
            checked[name] = number(name, getattr(self, name), below=1)
        checked["pos_embed_std"] = number("pos_embed_std", self.pos_embed_std)
        checked["eps"] = float(number("eps", self.eps, above=0))
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._check_fit()

    def _check_fit(self):
        (height, width), (p, q), dim = self.image_size, self.patch_size, self.dim
        if height % p or width % q:
            raise ValueError(
                f"patches of {p} x {q} do not divide images of {height} x {width}: "
                f"resize the images to {max(1, round(height / p)) * p} x {max(1, round(width / q)) * q}, or change patch_size"
            )
        if dim % self.heads:
            raise ValueError(
                f"{self.heads} heads do not divide dim {dim}: take dim {-(-dim // self.heads) * self.heads}, or other heads"
            )
        if self.pos_embed == "sincos2d" and dim % 4:
            raise ValueError(f"sincos2d positions need a dim that is a multiple of 4; got {dim}")
        if self.stem != "patch":
            STEMS[self.stem].check(self)
        encoder.check(self)
        heads.check(self)

    @classmethod
    def preset(cls, name, **changes):
        """One of the paper's models by name, "B/16", for 224 x 224 RGB images and 1000 classes; `changes` replace fields."""
        known = preset_name(name)
        if known not in PRESETS:
            raise ValueError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
        size, _, patch = known.partition("/")
        depth, dim, mlp_dim, heads = SIZES[size]
        fields = {"image_size": 224, "patch_size": int(patch), "channels": 3, "classes": 1000}
        fields |= {"dim": dim, "depth": depth, "heads": heads, "mlp_dim": mlp_dim}
        return cls(**fields | changes)

    @property
    def grid(self):
        """(H/P, W/P): how many patches down and across."""
        return self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1]

    @property
    def tokens(self):
        """T: the patches, the registers, and the class token and the distillation token if there are such."""
        return math.prod(self.grid) + self.registers + self.dist_token + self.has_cls_token

    @property
    def has_cls_token(self):
        return self.pool in heads.WITH_CLASS_TOKEN

    @property
    def reads_cls_token(self):
        """Whether the head reads the class token, alone or beside the patches."""
        return self.pool in ("cls", "cls_and_patches")

    @property
    def patch_length(self):
        """How many numbers patch_embed reads a token: P P C, or the stem's features."""
        return math.prod(self.patch_size) * self.channels if self.stem == "patch" else STEMS[self.stem].features(self)

    def multiply_adds(self):
        """Multiply-adds of the matrix products of one image's forward pass, q k^T and p v included; FLOPs are twice that."""
        stem = 0 if self.stem == "patch" else STEMS[self.stem].multiply_adds(self)
        embedded = math.prod(self.grid) * self.patch_length * self.dim
        return stem + embedded + encoder.multiply_adds(self) + heads.multiply_adds(self)
