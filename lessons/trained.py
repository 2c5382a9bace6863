"""The ViT that demos and lessons look into: the learner's own, if work/my_vit.npz is there, else one trained on the spot."""

import numpy as np

from . import course


def trained_vit(epochs, model_changes=None):
    """(model, mean, std, whose, data): a ViT in evaluation mode on the digits, and the two numbers to normalise with.

    The learner's weights are taken unless model_changes are asked for; otherwise the preset digits is trained for `epochs`.
    Raises ValueError if work/my_vit.npz is not what lesson 16 writes.
    """
    from minivit.configs import load_config, model_config, recipe
    from minivit.data import load
    from minivit.train import Training
    from minivit.vit import ViT

    settings, data, path = load_config("digits"), load("digits"), course.work() / "my_vit.npz"
    model = ViT(model_config(settings["model"] | (model_changes or {}), data), np.random.default_rng(0))
    if path.exists() and not model_changes:
        try:
            with np.load(path, allow_pickle=False) as saved:
                arrays = {name: saved[name] for name in saved}
            model.load_state_dict({name: arrays[name] for name in model.state_dict()})
            return model.eval(), float(arrays["mean"]), float(arrays["std"]), "your ViT", data
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(f"{path} does not hold a ViT of lesson 16 ({error}): make it anew, or rename it") from None
    for _ in Training(model, data, recipe(settings["recipe"] | {"epochs": epochs})).run():
        pass
    return model.eval(), float(np.squeeze(data.mean)), float(np.squeeze(data.std)), "a ViT, trained just now", data
