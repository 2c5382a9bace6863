"""The ViT that demos and lessons look into: the learner's own, if work/my_vit.npz is there, else the one kept in trained.npz.

Nothing is trained when a picture is drawn: after some hundred steps the last bit of a matrix product, in which processors differ,
is a head that looks elsewhere. `python -m lessons.classroom.trained` makes trained.npz anew; the pictures follow with
`python -m lessons verify --write`.
"""

from pathlib import Path

import numpy as np

from . import course

KEPT = Path(__file__).with_name("trained.npz")
EPOCHS = 25


def saved_file():
    """Where lesson 16 leaves the learner's trained ViT."""
    return course.work() / "my_vit.npz"


def saved_vit():
    """(model, {"losses", "test_accuracy", "mean", "std"}): the learner's weights in the library's model, which names them alike.

    Raises ValueError if the file is not what lesson 16 writes.
    """
    from minivit.training.checkpoint import load_model

    path = saved_file()
    try:
        model, run = load_model(path)
        numbers = {name: float(np.squeeze(run[name])) for name in ("test_accuracy", "mean", "std")}
        return model, numbers | {"losses": np.array(run["losses"], dtype=np.float64)}
    except (ValueError, TypeError, KeyError) as error:
        sentence = f"{path} does not hold a ViT of lesson 16 ({error}): python work/16_train_it.py digits makes it anew"
        raise ValueError(sentence) from None


def trained_vit(epochs=EPOCHS, model_changes=None):
    """(model, mean, std, whose, data): a ViT in evaluation mode on the digits, and the two numbers to normalise with.

    The learner's own; where there is none, the course's. If model_changes are asked for, the preset digits with these changes,
    trained on the spot for `epochs`.
    """
    from minivit.data import load

    data = load("digits")
    mean, std = float(np.squeeze(data.mean)), float(np.squeeze(data.std))
    if model_changes:
        return digits_vit(epochs, **model_changes)[0], mean, std, "a ViT, trained just now", data
    if saved_file().exists():
        model, run = saved_vit()
        return model, run["mean"], run["std"], "your ViT", data
    return _kept(), mean, std, "the course's ViT", data


def digits_vit(epochs, **model_changes):
    """(model, data): the preset digits with these changes to its model, trained on the spot, in evaluation mode."""
    from tqdm import tqdm

    from minivit import ViT
    from minivit.data import load
    from minivit.training import Training, load_config, model_config
    from minivit.training.presets import recipe

    settings, data = load_config("digits"), load("digits")
    model = ViT(model_config(settings["model"] | model_changes, data), np.random.default_rng(0))
    training = Training(model, data, recipe(settings["recipe"] | {"epochs": epochs}))
    for _ in tqdm(training.run(), total=epochs, desc="training a ViT", unit=" epochs", leave=False, disable=None):
        pass
    return model.eval(), data


def _kept():
    from minivit import ViT, ViTConfig
    from minivit.training.checkpoint import load_arrays

    state, about = load_arrays(KEPT)
    model = ViT(ViTConfig(**about["config"]), np.random.default_rng(0))
    model.load_state_dict(state)
    return model.eval()


def keep():
    """Trains the course's ViT and writes KEPT. float16 is half the file, and what the model reads stays the same."""
    from dataclasses import asdict

    from minivit.training.checkpoint import save_arrays

    model, _ = digits_vit(EPOCHS)
    state = {name: array.astype(np.float16) for name, array in model.state_dict().items()}
    save_arrays(KEPT, state, {"config": asdict(model.config)})


if __name__ == "__main__":
    keep()
