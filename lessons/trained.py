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
    path, model = saved_file(), _new_model()
    try:
        with np.load(path, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved}
        model.load_state_dict({name: arrays[name] for name in model.state_dict()})
        numbers = {name: float(arrays[name]) for name in ("test_accuracy", "mean", "std")}
        return model.eval(), numbers | {"losses": arrays["losses"]}
    except Exception as error:
        sentence = f"{path} does not hold a ViT of lesson 16 ({error}): python work/16_train_it.py digits makes it anew"
        raise ValueError(sentence) from None


def trained_vit(epochs, model_changes=None):
    """(model, mean, std, whose, data): a ViT in evaluation mode on the digits, and the two numbers to normalise with.

    The learner's own unless model_changes are asked for; where there is none, the preset digits is trained for `epochs`.
    """
    from minivit.configs import load_config, recipe
    from minivit.data import load
    from minivit.train import Training

    data = load("digits")
    if saved_file().exists() and not model_changes:
        model, run = saved_vit()
        return model, run["mean"], run["std"], "your ViT", data
    model = _new_model(model_changes)
    for _ in Training(model, data, recipe(load_config("digits")["recipe"] | {"epochs": epochs})).run():
        pass
    return model.eval(), float(np.squeeze(data.mean)), float(np.squeeze(data.std)), "a ViT, trained just now", data


def _new_model(changes=None):
    from minivit.configs import load_config, model_config
    from minivit.data import load
    from minivit.vit import ViT

    return ViT(model_config(load_config("digits")["model"] | (changes or {}), load("digits")), np.random.default_rng(0))
