"""The command explain: looks inside a model while it reads one picture, and leaves the figures in a folder."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...backend import to_device, to_host
from ...data.datasets import normalise
from ...data.pictures import read_image
from ...engine import no_grad
from ...models import inside
from ...ops import softmax
from .. import figures

SHARES = np.linspace(0, 1, 9)
DRAWS = 12  # random patches hidden or exchanged, so many times a share
FIGURES = "rollout.png heads.png occlusion.png damage.png distance.png positions.png filters.png".split()


def explain(model, about, path, out, name):
    """Draws every figure that fits the model into the folder `out`, and prints what each shows; figures of an earlier call that
    do not fit this model are removed. name: of the model, to be written on each figure.
    Raises ValueError for a picture that cannot be read, or a folder that cannot be written."""
    config, classes = model.config, about["classes"]
    pixels, notes = read_image(path, config)
    out = _folder(out)
    mean, std = np.float32(about["mean"]), np.float32(about["std"])
    image = normalise(pixels[None], mean, std)[0]  # (H, W, C)
    print(f"{path}: {', '.join(notes)}")
    model.eval()

    def probabilities(images):
        with no_grad():
            parts = [to_host(model(to_device(images[i : i + 64], model.device)).data) for i in range(0, len(images), 64)]
        return softmax.forward(np.concatenate(parts).astype(np.float64))[0]

    with no_grad():
        _, attention = model(to_device(image[None], model.device), return_attention=True)
    attention = [to_host(weights) for weights in attention]
    answer, sure, grey = inside.occlusion(probabilities, image, config.patch_size)
    _, _, black = inside.occlusion(probabilities, image, config.patch_size, fill=-mean / std)
    print(f"the model says {classes[answer]}, {100 * sure:.1f} %\n")
    drawn = set()

    def save(file, figure, what):
        figure.supxlabel(f"{name} reads {path}: {classes[answer]}, {100 * sure:.1f} %", fontsize=7, parse_math=False)
        figures.save(figure, out / file)
        drawn.add(file)
        print(f"  {out / file!s:40}{what}")

    if config.pool == "cls":
        rollout = inside.attention_rollout(attention)[0, 0, 1:].reshape(config.grid)
        save("rollout.png", figures.heat_maps(pixels, [rollout], ["rollout"]), "what reaches the class token, through all blocks")
        titles = [f"{classes[answer]}, {100 * sure:.0f} %"]
        heads = figures.class_token_attention(pixels[None], attention[-1], config.grid, titles)
        save("heads.png", heads, "where each head of the last block looks")
    else:
        print("  no rollout and no heads of a class token: this model reads the mean of all tokens")
    titles = [f"{classes[answer]}, that patch made {colour}" for colour in ("grey", "black")]
    occlusion = figures.heat_maps(pixels, [grey, black], titles, limits=(0, 1))
    save("occlusion.png", occlusion, "what becomes of the answer when a patch is painted over")
    save(
        "damage.png",
        figures.damage_curves(SHARES, _damage(probabilities, image, config.patch_size, answer)),
        "patches made grey, patches shuffled",
    )
    distances = [inside.attention_distance(weights, config.grid, config.patch_size) for weights in attention]
    alike = np.ones((1, 1, config.tokens, config.tokens))
    (everywhere,) = inside.attention_distance(alike, config.grid, config.patch_size)
    save("distance.png", figures.attention_distances(distances, everywhere), "how far each head looks, in pixels")
    if config.pos_embed == "none":
        print("  no similarity of positions: this model has none")
    else:
        similar = inside.position_similarity(to_host(model.pos_embed.data), config.grid)
        save("positions.png", figures.position_maps(similar, config.grid), "how similar each position is to all others")
    if config.stem == "patch":
        filters = inside.patch_filters(to_host(model.patch_embed.weight.data), config.patch_size)
        save("filters.png", figures.filter_tiles(filters), "the patch embedding's principal filters")
    else:
        print("  no filters of patches: this model reads the image with convolutions")
    for file in set(FIGURES) - drawn:
        (out / file).unlink(missing_ok=True)


def _folder(out):
    """The folder, made if it is not there."""
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: name a folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"the folder {out} cannot be made ({error.strerror}): name another one with --out") from None
    return out


def _damage(probabilities, image, patch_size, answer):
    """{kind: probabilities of the answer, (shares, draws)}."""
    found = {}
    with tqdm(total=2 * len(SHARES), desc="hiding and shuffling", leave=False, disable=None) as bar:
        for kind in ("hide", "shuffle"):
            rng, rows = np.random.default_rng(0), []
            for share in SHARES:
                images = np.repeat(image[None], DRAWS, axis=0)
                rows.append(probabilities(inside.damaged(images, patch_size, share, rng, kind))[:, answer])
                bar.update()
            found[kind] = np.array(rows)
    return found
