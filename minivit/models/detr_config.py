"""DETRConfig: every size of a DETR, checked."""

import math
from dataclasses import dataclass

from ..checks import choice, pair, whole
from .hybrid import ConvStem

QUERIES = ("two_stage", "anchors", "learned")


@dataclass(frozen=True)
class DETRConfig:
    """The sizes of a DETR. Raises ValueError, with the remedy, for sizes that do not fit together.

    image_size, patch_size   pixels of an image, one number or (height, width), and of a cell, a power of 2: the CNN halves
    dim, heads, mlp_dim      D, h, the width inside the MLPs
    depth, decoder_depth     how many blocks the encoder has, and the decoder
    num_queries              Q, which must exceed the objects of an image
    queries                  where a query starts:
                             "learned"    as a vector of its own, the same for every image: DETR. It is slow to learn
                             "anchors"    from a box of its own, which each layer corrects (DAB-DETR, arXiv 2201.12329)
                             "two_stage"  from one of the encoder's cells, which all guess a class and a box; the Q surest begin
                                          (Deformable DETR, arXiv 2010.04159, section 4.3; DINO, arXiv 2203.03605)
    denoising                so many groups of true boxes, shifted, that are to be set right beside the queries while training
                             (DN-DETR, arXiv 2203.01305); not for "learned"
    """

    image_size: int | tuple
    patch_size: int | tuple
    channels: int
    classes: int
    dim: int
    depth: int
    heads: int
    mlp_dim: int
    decoder_depth: int = 2
    num_queries: int = 6
    queries: str = "two_stage"
    denoising: int = 0

    stem = "conv"  # ConvStem asks

    def __post_init__(self):
        checked = {name: pair(name, getattr(self, name)) for name in ("image_size", "patch_size")}
        for name in ("channels", "classes", "dim", "depth", "heads", "mlp_dim", "decoder_depth", "num_queries"):
            checked[name] = whole(name, getattr(self, name))
        checked["queries"] = choice("queries", self.queries, dict(zip(QUERIES, QUERIES, strict=True)))
        checked["denoising"] = whole("denoising", self.denoising, least=0)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        (height, width), (p, q) = self.image_size, self.patch_size
        ConvStem.check(self)
        if height % p or width % q:
            raise ValueError(f"cells of {p} x {q} do not divide images of {height} x {width}: change patch_size, or the images")
        if self.dim % self.heads or self.dim % 4:
            raise ValueError(f"dim is {self.dim}: it must be a multiple of 4, for its positions, and of heads, {self.heads}")
        if self.queries == "two_stage" and self.num_queries > self.tokens:
            raise ValueError(
                f"num_queries is {self.num_queries}, and there are but {self.tokens} cells to begin from: take fewer"
            )
        if self.denoising and self.queries == "learned":
            raise ValueError('denoising starts from boxes: take queries="anchors" or "two_stage", or denoising=0')

    @property
    def grid(self):
        """(H/P, W/P): how many cells down and across."""
        return self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1]

    @property
    def tokens(self):
        """N, the cells."""
        return math.prod(self.grid)
