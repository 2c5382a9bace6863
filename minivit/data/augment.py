"""Augmentation: small changes that leave the label as it is, drawn anew for every image of every batch."""

from ..backend import array_module


def shift(images, pixels, rng):
    """Moves each image of (B, H, W, C) by its own whole number of pixels, from -`pixels` to +`pixels`, down and across.
    What moves in from outside is 0, black. `rng` is a numpy Generator."""
    if pixels == 0:
        return images
    xp = array_module(images)
    batch, height, width, _ = images.shape
    padded = xp.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
    starts = xp.asarray(rng.integers(0, 2 * pixels + 1, (batch, 2)))
    rows = starts[:, :1] + xp.arange(height)  # (B, H), the row of `padded` that each row comes from
    columns = starts[:, 1:] + xp.arange(width)  # (B, W)
    return padded[xp.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]
