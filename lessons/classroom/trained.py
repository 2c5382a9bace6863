"""The ViT that demos and lessons look into: the learner's own, if work/my_vit.npz is there, else one trained on the spot."""

import numpy as np

from . import course


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


def trained_vit(epochs, model_changes=None):
    """(model, mean, std, whose, data): a ViT in evaluation mode on the digits, and the two numbers to normalise with.

    The learner's own unless model_changes are asked for; where there is none, the preset digits is trained for `epochs`.
    """
    if saved_file().exists() and not model_changes:
        from minivit.data import load

        model, run = saved_vit()
        return model, run["mean"], run["std"], "your ViT", load("digits")
    model, data = digits_vit(epochs, **(model_changes or {}))
    return model, float(np.squeeze(data.mean)), float(np.squeeze(data.std)), "a ViT, trained just now", data


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
