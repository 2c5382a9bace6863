"""What pretrained models need of a ViT, beside timm's own modules with random weights: the same logits. In float64, because eps
shows there only."""

import numpy as np
import pytest

from minivit import ViT, ViTConfig

from ..support.plain import relative_error
from ..support.timm_models import MODELS, config_of, in_our_names, logits_of, model_of

IMAGES = np.random.default_rng(1).standard_normal((3, 32, 24, 3))


def with_the_weights_of(theirs, config):
    model = ViT(config, 0, np.float64)
    model.load_state_dict(in_our_names({name: value.numpy() for name, value in theirs.state_dict().items()}, config))
    return model.eval()


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_timm(name):
    theirs = model_of(name)
    expected = logits_of(theirs, IMAGES)
    assert expected.std() > 0.1  # no two classes alike, so that a mistake shows
    assert relative_error(with_the_weights_of(theirs, config_of(name))(IMAGES).data, expected) < 1e-10


@pytest.mark.parametrize("name", ["plain", "qk_norm", "clip", "patches, then norm"])
def test_another_eps_than_that_of_the_weights_is_seen(name):
    """Of each LayerNorm: all with the one, and timm's with the other."""
    theirs = model_of(name, eps=3e-6)
    right, wrong = ({**vars(config_of(name))} | {"eps": eps} for eps in (3e-6, 1e-6))
    expected = logits_of(theirs, IMAGES)
    assert relative_error(with_the_weights_of(theirs, ViTConfig(**right))(IMAGES).data, expected) < 1e-10
    assert relative_error(with_the_weights_of(theirs, ViTConfig(**wrong))(IMAGES).data, expected) > 1e-7


@pytest.mark.parametrize(
    "name, changes",
    [
        ("clip", dict(activation="gelu")),
        ("gelu_tanh", dict(activation="gelu")),
        ("patches", dict(pool="cls")),
        ("registers", dict(heads=4)),
    ],
)
def test_another_option_that_takes_the_same_weights_is_seen(name, changes):
    theirs = model_of(name)
    model = with_the_weights_of(theirs, ViTConfig(**vars(config_of(name)) | changes))
    assert relative_error(model(IMAGES).data, logits_of(theirs, IMAGES)) > 1e-5


def test_tokens_stand_in_timm_s_order():
    """Class token, registers, patches: the tokens in front of the first block are the same."""
    torch = pytest.importorskip("torch")
    theirs, seen = model_of("registers"), []
    theirs.blocks[0].register_forward_pre_hook(lambda module, given: seen.append(given[0].detach().numpy()))
    with torch.no_grad():
        theirs(torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy()))
    model = with_the_weights_of(theirs, config_of("registers"))
    np.testing.assert_allclose(dict(model.stages(IMAGES))["registers"].data, seen[0], rtol=0, atol=1e-12)
