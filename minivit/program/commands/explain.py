"""The command explain: looks inside a model while it reads one picture, and leaves the figures in a folder."""

import functools
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from tqdm import tqdm

from ...backend import to_device, to_host
from ...data.datasets import normalise
from ...data.opening import NAMES
from ...data.paths import at_home
from ...engine import no_grad
from ...models import inside
from ...models.detr import DETR
from ...models.vit import ViT
from ...ops import softmax
from ...training.calibration import temperature_of
from ...training.prediction import predictor
from ..output import attempt, printable
from . import options

SHARES = np.linspace(0, 1, 9)
DRAWS = 12  # random patches hidden or exchanged, so many times a share
FEW = 200  # images that a model reads which is COSTLY: about a minute of B/16 at 224 pixels
COSTLY = 2e12  # multiply-adds for all that is asked of a small one
MOST_QUERIES = 8  # that are drawn
FIGURES = "picture.png rollout.png heads.png occlusion.png damage.png distance.png positions.png filters.png".split()


def add(commands):
    p = options.add(commands, "explain", run, help="look inside a trained model while it reads a picture")
    p.add_argument("image", metavar="IMAGE", help=f"an image file: {NAMES}")
    options.add_model(p)
    options.add_device(p)
    p.add_argument("--out", metavar="FOLDER", help="where the figures go; default: explain-IMAGE, beside you")


def run(arguments):
    """Looks inside a trained model while it reads one picture: where its heads look, what counts when it is hidden, how far
    attention reaches, what positions and filters have become. Leaves figures in a folder."""
    model, about = options.trained_model(arguments)
    out = arguments.out or f"explain-{Path(arguments.image).stem}"
    explain(model, about, arguments.image, out, arguments.model)


def explain(model, about, path, out, name):
    """Draws every figure that fits the model into the folder `out`, and prints what each shows; figures of an earlier call that
    do not fit this model are removed. name: of the model, to be written on each figure.
    Raises ValueError for a model without attention, a picture that cannot be read, or a folder that cannot be written."""
    from ...data.pictures import prepare

    if isinstance(model, DETR):
        return explain_queries(model, about, path, out)
    if not isinstance(model, ViT):
        raise ValueError(f"{name} is a {type(model).__name__}, which has no attention to look into: explain reads a ViT")
    picture = prepare(at_home(path), model.config, about.get("data"), about.get("reading"))
    out = _folder(out)
    print(f"{path}: {', '.join(picture.notes)}")
    seen = look(model, about, picture.image)
    seen.steps, seen.name = picture.steps, Path(path).name
    answer = f"{seen.answer}, {100 * seen.sure:.1f} %"
    print(f"the model says {answer}\n")
    drawn, failed = set(), []
    caption = printable(f"{name} reads {path}: {answer}")
    for file, figure, what in _figures(model, seen):
        if file is None:
            print(f"  {what}")
        elif attempt(out / file, functools.partial(_save, figure, caption)):
            drawn.add(file)
            print(f"  {out / file!s:40}{what}")
        else:
            failed.append(file)
    for file in set(FIGURES) - drawn:
        (out / file).unlink(missing_ok=True)
    if failed:
        raise ValueError(f"of the figures, {', '.join(failed)} could not be drawn")


def _save(draw, caption, path):
    from .. import figures

    figure = draw()
    figure.supxlabel(caption, fontsize=7)
    figures.save(figure, path)


def _folder(out):
    """The folder, made if it is not there."""
    out = at_home(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: name a folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"the folder {out} cannot be made ({error.strerror}): name another one with --out") from None
    return out


def look(model, about, pixels):
    """Everything that the figures show of a model that reads pixels (H, W, C), values from 0 to 1."""
    (hidden, draws), temperature = _plan(model.config), temperature_of(about)
    mean, std = np.float32(about["mean"]), np.float32(about["std"])
    image = normalise(pixels[None], mean, std)[0]  # (H, W, C)
    with predictor(model, batch_size=64) as logits:

        def probabilities(images):
            return softmax.forward(logits(images).astype(np.float64) / temperature)[0]

        answer, sure, grey = inside.occlusion(probabilities, image, hidden)
        _, _, black = inside.occlusion(probabilities, image, hidden, fill=-mean / std)
        damage = _damage(probabilities, image, model.config.patch_size, answer, draws)
        with no_grad():
            _, attention = model(to_device(image[None], model.device), return_attention=True)
    attention = [to_host(weights) for weights in attention]
    name = printable(about["classes"][answer])
    seen = SimpleNamespace(pixels=pixels, answer=name, sure=sure, grey=grey, black=black, damage=damage, attention=attention)
    seen.hidden = "a patch is" if hidden == model.config.patch_size else f"{hidden[1]} x {hidden[0]} pixels are"
    return seen


def _plan(config):
    """((height, width) of what is hidden at a time, draws a share): a patch and DRAWS, or, where that would take minutes, squares
    of several patches and fewer draws, so that about FEW images are read."""
    patches = math.prod(config.grid)
    if (2 * patches + 2 * len(SHARES) * DRAWS) * config.multiply_adds() <= COSTLY:
        return config.patch_size, DRAWS
    draws = 3
    left = FEW - 2 * len(SHARES) * draws
    several = [n for n in range(1, max(config.grid) + 1) if not config.grid[0] % n and not config.grid[1] % n]
    n = next((n for n in several if 2 * patches / n**2 <= left), several[-1])
    return (n * config.patch_size[0], n * config.patch_size[1]), draws


def _damage(probabilities, image, patch_size, answer, draws):
    """{kind: probabilities of the answer, (shares, draws)}."""
    found = {}
    with tqdm(total=2 * len(SHARES), desc="hiding and shuffling", leave=False, disable=None) as bar:
        for kind in ("hide", "shuffle"):
            rng, rows = np.random.default_rng(0), []
            for share in SHARES:
                images = np.repeat(image[None], draws, axis=0)
                rows.append(probabilities(inside.damaged(images, patch_size, share, rng, kind))[:, answer])
                bar.update()
            found[kind] = np.array(rows)
    return found


def _figures(model, seen):
    """(file, a function that draws it, what it shows) of each figure that fits the model; (None, None, why it is missing) of
    those that do not."""
    from .. import looks, reading
    from ..figures import shorter

    config, pixels, attention = model.config, seen.pixels, seen.attention

    def rollout():
        reached = inside.attention_rollout(attention)[0, 0, -math.prod(config.grid) :].reshape(config.grid)
        return looks.heat_maps(pixels, [reached], ["rollout"])

    def heads():
        title = f"{shorter(seen.answer, 24)}, {100 * seen.sure:.0f} %"
        return looks.class_token_attention(pixels[None], attention[-1], config.grid, [title])

    def occlusion():
        titles = [
            f"{shorter(seen.answer, 24)}, {'that patch' if seen.hidden == 'a patch is' else 'those patches'} made {colour}"
            for colour in ("grey", "black")
        ]
        return looks.heat_maps(pixels, [seen.grey, seen.black], titles, limits=(0, 1))

    def distance():
        among_patches = attention[: config.depth - config.class_blocks]
        distances = [inside.attention_distance(weights, config.grid, config.patch_size) for weights in among_patches]
        alike = np.ones((1, 1, config.tokens, config.tokens))
        (everywhere,) = inside.attention_distance(alike, config.grid, config.patch_size)
        return looks.attention_distances(distances, everywhere)

    def positions():
        similar = inside.position_similarity(to_host(model.pos_embed.data), config.grid)
        return looks.position_maps(similar, config.grid)

    def filters():
        return looks.filter_tiles(inside.patch_filters(to_host(model.patch_embed.weight.data), config.patch_size))

    said = f"{seen.answer}, {100 * seen.sure:.1f} %"
    yield "picture.png", lambda: reading.steps([(seen.name, seen.steps, said)]), "the picture as the model sees it, step by step"
    if config.reads_cls_token:
        yield "rollout.png", rollout, "what reaches the class token, through all blocks"
        yield "heads.png", heads, "where each head of the last block looks"
    else:
        read = "a weighted mean of all patches" if config.pool == "sequence" else "the mean of all patches"
        yield None, None, f"no rollout and no heads of a class token: this model reads {read}"
    yield "occlusion.png", occlusion, f"what becomes of the answer when {seen.hidden} painted over"
    yield "damage.png", lambda: looks.damage_curves(SHARES, seen.damage), "patches made grey, patches shuffled"
    but = ", without the last blocks, in which no patch looks" if config.class_blocks else ""
    yield "distance.png", distance, f"how far each head looks, in pixels{but}"
    if config.pos_embed == "none":
        yield None, None, "no similarity of positions: this model has none"
    else:
        yield "positions.png", positions, "how similar each position is to all others"
    if config.stem == "patch":
        yield "filters.png", filters, "the patch embedding's principal filters"
    else:
        how = "reads the image with convolutions" if config.stem == "conv" else f"has the stem {config.stem!r} in front of them"
        yield None, None, f"no filters of patches: this model {how}"


def explain_queries(model, about, path, out):
    """Draws where each query of a DETR looks, block by block, and how its box moves, into the folder `out`."""
    from ...data.pictures import prepare
    from .. import boxes, figures

    picture, out, attention = prepare(at_home(path), model.config, about.get("data"), about.get("reading")), _folder(out), []
    image = normalise(picture.image[None], np.float32(about["mean"]), np.float32(about["std"]))
    with no_grad():
        stages = dict(model.eval().stages(to_device(image, model.device), attention))
    layers = [stages[name] for name in stages if name.startswith("decoder.")]
    steps = [to_host(stages["start"].data)[0]] if "start" in stages else []
    steps += [to_host(layer.boxes.data)[0] for layer in layers]
    attention = [to_host(weights)[0].reshape(*weights.shape[1:3], *model.config.grid) for weights in attention]
    p = softmax.forward(to_host(layers[-1].logits.data)[0])[0]  # (Q, K + 1)
    names = [*(printable(name) for name in about["classes"]), "nothing"]
    said = [f"query {q + 1}: {names[row.argmax()]}, {100 * row.max():.0f} %" for q, row in enumerate(p)]
    print(f"{path}: {', '.join(picture.notes)}\n" + "\n".join(f"  {line}" for line in said) + "\n")
    some = np.sort(np.argsort(p[:, -1], kind="stable")[:MOST_QUERIES])  # those that say the least "nothing"
    attention, steps = [weights[:, some] for weights in attention], [of_all[some] for of_all in steps]
    drawn = functools.partial(boxes.where_queries_look, picture.image, attention, steps, [said[q] for q in some])
    which = "each query looks" if len(some) == len(said) else f"each of the {len(some)} surest queries looks"
    if attempt(out / "queries.png", lambda place: figures.save(drawn(), place)):
        print(f"  {out / 'queries.png'!s:40}where {which}, and how its box moves from block to block")
