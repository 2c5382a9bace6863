"""How a model is trained, as numbers."""

from dataclasses import dataclass, fields

from ..checks import number, plain, shown, whole


@dataclass(frozen=True)
class Recipe:
    """Raises ValueError for a number that makes no sense. NumPy's numbers are taken, and kept as Python's.

    epochs           passes over the training images, batch_size of them a step
    lr               the peak, above 0, reached after `warmup` of all steps (a fraction), then half a cosine down to final_lr
    weight_decay     of AdamW, on the weights of linear layers and convolutions
    label_smoothing  of the cross-entropy
    shift            augmentation: each image moves by up to so many pixels
    flip             augmentation: each image is mirrored left to right with probability 1/2
    rotate           augmentation: each image turns by up to so many degrees, below 180
    thickness        augmentation: light strokes become thicker or thinner by up to this share of a pixel on each side
    contrast         augmentation: greys become lighter or darker, by a power of up to 1 + this
    mixup            augmentation: alpha of the Beta distribution by which two images and their labels are mixed; 0 does not mix
    clip_norm        the largest global norm of a gradient; 0 does not clip
    accumulate       a batch is computed in at least so many parts, one after another, whose gradients add up: less memory, the
                     same update
    ema              the exponential moving average of the weights, which is what is tested and kept: its decay a step; 0 has none
    validation       the fraction of the training images set aside, whose accuracy, or AP50, is watched; never the test images
    patience         stops after so many epochs in which that did not rise, with the best weights; 0 does not
    unfreeze         of a pretrained ViT: "all" of it is trained, or its head and so many of its last blocks; 0: the head alone
    layer_decay      of a pretrained ViT: by this factor the learning rate falls from block to block towards the images; 1: not
    temperature      what the trained model's logits are divided by to be probabilities; found on cross-validation folds
    seed             of everything random: weights, order, augmentation, dropout
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.05
    final_lr: float = 1e-5
    label_smoothing: float = 0.0
    shift: int = 0
    flip: bool = False
    rotate: float = 0.0
    thickness: float = 0.0
    contrast: float = 0.0
    mixup: float = 0.0
    clip_norm: float = 1.0
    accumulate: int = 1
    ema: float = 0.0
    validation: float = 0.0
    patience: int = 0
    unfreeze: int | str = "all"
    layer_decay: float = 1.0
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            object.__setattr__(self, field.name, _checked(field.name, field.type, getattr(self, field.name)))
        if self.patience and not self.validation:
            raise ValueError("patience waits for what is found on images set aside: set validation too, to 0.1 for instance")


AT_LEAST_1 = ("epochs", "batch_size", "accumulate")
BELOW = {"warmup": 1, "label_smoothing": 1, "ema": 1, "validation": 1, "thickness": 1, "rotate": 180}


def _checked(name, kind, value):
    """The setting as a plain Python value; a ValueError says what may stand there."""
    if kind is bool:
        if not isinstance(plain(value), bool):
            raise ValueError(f"{name} is {shown(value)}; it must be true or false")
        return plain(value)
    if name == "unfreeze" and isinstance(value, str):
        if value != "all" and not value.isdecimal():
            raise ValueError(f'unfreeze is {shown(value)}; it must be "all", or how many of the last blocks are trained')
        return value if value == "all" else int(value)
    if name == "unfreeze" or kind is int:
        return whole(name, value, least=1 if name in AT_LEAST_1 else 0)
    if name in ("lr", "temperature"):
        return number(name, value, above=0)
    if name == "layer_decay":
        return number(name, value, most=1)
    return number(name, value, below=BELOW[name]) if name in BELOW else number(name, value)
