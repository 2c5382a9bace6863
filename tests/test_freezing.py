"""A frozen parameter stays a parameter: counted, saved, loaded, copied, moved, and not trained. A fixed table is none."""

import copy
import pickle

import numpy as np
import pytest

from minivit import Tensor, gradients, ops
from minivit.models import ViT
from minivit.nn import Linear, Module
from minivit.training.checkpoint import load_model, save_model

from .support.plain import small_config, small_vit

LABELS = np.array([4, 0, 2])


@pytest.fixture
def model(rng):
    return small_vit(rng)


@pytest.fixture
def images(rng):
    return rng.standard_normal((3, 6, 9, 2))


def frozen(model):
    """The model with everything but its head frozen, in the three ways that people use."""
    for name, parameter in model.named_parameters():
        if name.startswith("blocks"):
            parameter.requires_grad = False
    model.patch_embed.freeze()
    model.norm.freeze()
    model.cls_token.requires_grad = model.pos_embed.requires_grad = False
    return model


def test_freezing_changes_neither_names_nor_counts_nor_the_state(model, rng):
    other = small_vit(rng)
    names, count, state = [name for name, _ in model.named_parameters()], model.num_parameters(), model.state_dict()
    frozen(model)
    assert [name for name, _ in model.named_parameters()] == names == list(model.state_dict())
    assert model.num_parameters() == count == model.config.num_parameters()
    model.load_state_dict(other.state_dict())
    assert np.array_equal(model.patch_embed.weight.data, other.patch_embed.weight.data)
    assert not np.array_equal(model.patch_embed.weight.data, state["patch_embed.weight"])


def test_the_trained_parameters_are_those_that_are_not_frozen_in_the_same_order(model):
    trained = frozen(model).trained_parameters()
    assert [id(p) for p in trained] == [id(p) for p in model.head.parameters()]


def test_gradients_and_backward_give_the_trained_ones_what_they_would_get(model, images):
    def loss():
        return ops.cross_entropy(model(images), LABELS)

    expected = gradients(loss(), model.head.parameters())
    frozen(model)
    found = gradients(loss(), model.trained_parameters())
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    loss().backward()
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["head.weight", "head.bias"]


def test_a_frozen_parameter_among_those_asked_for_is_named_with_the_reason(model, images):
    loss = ops.cross_entropy(frozen(model)(images), LABELS)
    with pytest.raises(ValueError, match=r"tensors\[0\].*requires_grad is False"):
        gradients(loss, model.parameters())


def test_nothing_is_kept_for_the_backward_of_a_frozen_beginning(model, images):
    stages = dict(frozen(model).stages(images))
    assert not stages["norm"].requires_grad and stages["head"].requires_grad


def test_thawed_it_learns_again(model, images):
    frozen(model)
    model.freeze(False)
    assert len(model.trained_parameters()) == len(model.parameters())
    assert all(np.isfinite(g).all() for g in gradients(ops.cross_entropy(model(images), LABELS), model.parameters()))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_a_copy_of_a_frozen_model_is_frozen_where_it_was(again, model, images):
    twin = again(frozen(model))
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in model.parameters()]
    assert list(twin.state_dict()) == list(model.state_dict())
    np.testing.assert_array_equal(twin(images).numpy(), model(images).numpy())
    assert not any(a is b for a, b in zip(twin.parameters(), model.parameters(), strict=True))


def test_a_frozen_model_is_saved_and_loaded_whole(model, tmp_path, images):
    save_model(tmp_path / "model.npz", frozen(model))
    loaded, _ = load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded(images).numpy(), model(images).numpy())


def test_fixed_positions_are_no_parameter_even_when_everything_is_thawed(rng):
    model = ViT(small_config(pos_embed="sincos2d"), rng).freeze().freeze(False)
    assert "pos_embed" not in model.state_dict() and "pos_embed" in dict(model.named_tensors())
    assert not model.pos_embed.requires_grad and model.num_parameters() == model.config.num_parameters()


def test_an_activation_that_somebody_kept_on_the_model_is_no_parameter(model, images):
    before = list(model.state_dict())
    model.last = model(images)
    model.asked_for = model(images)
    model.asked_for.requires_grad = True  # as it was anyway
    assert list(model.state_dict()) == before


# Where parameters may stand


class Holder(Module):
    def __init__(self, rng):
        self.pair = (Linear(2, 3, rng), Linear(3, 2, rng))
        self.by_name = {"a": Linear(2, 2, rng), "b": [Linear(2, 1, rng)]}
        self.scales = [Tensor(np.ones(2), requires_grad=True), Tensor(np.ones(3))]
        self.nested = [[Linear(1, 2, rng)], ({"deep": Tensor(np.ones(1), requires_grad=True)},)]


def test_parts_in_tuples_lists_and_dictionaries_are_found_by_their_path(rng):
    names = [name for name, _ in Holder(rng).named_parameters()]
    expected = "scales.0 nested.1.0.deep pair.0.weight pair.0.bias pair.1.weight pair.1.bias by_name.a.weight by_name.a.bias "
    expected += "by_name.b.0.weight by_name.b.0.bias nested.0.0.weight nested.0.0.bias"
    assert names == expected.split()


def test_they_are_switched_moved_and_trained_like_all_others(rng):
    holder = Holder(rng).eval()
    assert not holder.pair[1].training and not holder.by_name["b"][0].training
    holder.load_state_dict({name: 2 + 0 * array for name, array in holder.state_dict().items()})
    assert (holder.nested[0][0].weight.data == 2).all() and (holder.scales[0].data == 2).all()


@pytest.mark.parametrize(
    "held", [lambda rng: {Linear(2, 3, rng)}, lambda rng: frozenset([Tensor(1.0)])], ids=["Modules", "Tensors"]
)
def test_a_set_which_has_no_order_is_refused_and_not_passed_over(held, rng):
    module = Module()
    module.parts = held(rng)
    with pytest.raises(ValueError, match="parts is a set"):
        module.parameters()


def test_a_module_under_two_names_and_one_that_knows_its_owner_are_gone_through_once(rng):
    module = Module()
    module.first = module.second = Linear(2, 3, rng)
    module.first.owner = module
    assert [name for name, _ in module.named_parameters()] == ["first.weight", "first.bias"]
    assert module.num_parameters() == 9
    module.eval()
    assert not module.second.training
