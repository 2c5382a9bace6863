"""What an op may be given: constants take the dtype of the Tensors beside them, and every mistake is told at once, by name."""

import numpy as np
import pytest

import minivit
from minivit import Tensor, ViT, ViTConfig, gradients, op, ops

from .support.plain import small_config, small_vit

CONSTANTS = {
    "int": 2,
    "float": 2.5,
    "bool": True,
    "np.float64": np.float64(2.5),
    "np.sqrt(2)": np.sqrt(2),
    "np.int64": np.int64(3),
    "np.float32": np.float32(2.5),
    "list": [1.0, 2.0, 3.0],
    "nested list": [[1], [2]],
    "array of ints": np.array([1, 2, 3]),
    "np.zeros": np.zeros(3) + 1.5,
    "array of booleans": np.array([True, False, True]),
    "array of no axes": np.array(2.5),
    "float16": np.float16([1, 2, 3]),
    "int Tensor": Tensor([1, 2, 3]),
}
OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "maximum": lambda a, b: ops.maximum(a, b),
    "where": lambda a, b: ops.where(np.array([True, False, True]), a, b),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS.keys())
@pytest.mark.parametrize("constant", CONSTANTS.values(), ids=CONSTANTS.keys())
def test_what_needs_no_gradient_takes_the_dtype_of_the_tensor(constant, operator, side, dtype, rng):
    x = Tensor(rng.uniform(1, 2, (2, 3)).astype(dtype), requires_grad=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # True and False are divided by too
        y = operator(x, constant) if side == "right" else operator(constant, x)
        assert y.dtype == dtype
        assert gradients(y.sum(), [x])[0].dtype == dtype
        plain = np.asarray(constant.data if isinstance(constant, Tensor) else constant, np.float64)
        expected = operator(x.data, plain) if side == "right" else operator(plain, x.data)
    np.testing.assert_allclose(y.numpy(), expected.numpy() if isinstance(expected, Tensor) else expected, rtol=1e-6)


@pytest.mark.parametrize("dtype, other", [(np.float32, np.float64), (np.float64, np.float32), (np.float32, np.int64)])
def test_arrays_of_another_precision_beside_a_tensor_take_its_dtype_in_every_op(dtype, other, rng):
    x = Tensor(rng.random((2, 3)).astype(dtype), requires_grad=True)
    square, row = np.ones((3, 3), other), np.ones(3, other)
    for y in (x @ square, ops.linear(x, square, row), ops.concatenate(x, square), ops.layernorm(x, row, row)):
        assert y.dtype == dtype
        assert gradients(y.sum(), [x])[0].dtype == dtype


def test_bare_arrays_are_computed_as_numpy_does(rng):
    assert ops.multiply.forward(rng.random(3).astype(np.float32), np.float64(2))[0].dtype == np.float64
    assert ops.add.forward(np.arange(3), 1)[0].dtype == np.int64


def test_masks_indices_and_labels_keep_their_dtype(rng):
    x = Tensor(rng.random((3, 5)).astype(np.float32), requires_grad=True)
    seen = []

    @op(broadcasts=True, keeps=("mask",))
    def masked(mask, a):
        seen.append(mask.dtype)
        return a * mask, lambda dy: (None, dy * mask)

    masked(np.array([1, 0, 1, 1, 0]), x)
    assert seen == [np.int64]
    assert ops.where(np.array([1, 0, 1, 1, 0]), x, 0).dtype == np.float32
    assert x[np.array([2, 0])].dtype == np.float32
    assert ops.cross_entropy(x, [4, 0, 2]).dtype == np.float32
    assert ops.cross_entropy(x, np.full((3, 5), 0.2)).dtype == np.float32


@pytest.mark.parametrize("call", [lambda a, b: a + b, lambda a, b: a @ b, lambda a, b: ops.concatenate(a, b)])
@pytest.mark.parametrize("grad", [True, False])
def test_two_tensors_of_different_precision_are_an_error_that_names_both(call, grad):
    a, b = Tensor(np.ones((3, 3), np.float32), requires_grad=True), Tensor(np.ones((3, 3)), requires_grad=grad)
    with pytest.raises(ValueError, match="float32 and float64"):
        call(a, b)


# Dtypes: one rule


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float16, np.longdouble], ids=str)
def test_only_float32_and_float64_have_gradients_however_they_come_to_be_asked_for(dtype):
    if np.dtype(dtype) == np.float64:
        pytest.skip("here a long double is a double")
    data = np.ones(3, dtype)
    with pytest.raises(ValueError, match="only float32 and float64"):
        Tensor(data, requires_grad=True)
    tensor = Tensor(data)
    with pytest.raises(ValueError, match="only float32 and float64"):
        tensor.requires_grad = True
    assert not tensor.requires_grad and not tensor.is_parameter
    learned = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(ValueError, match="only float32 and float64"):
        learned.data = data
    assert learned.dtype == np.float64


def test_an_op_whose_output_has_no_gradient_is_named():
    @op
    def rounded(x):
        return x.astype(np.int64), lambda dy: dy

    with pytest.raises(ValueError, match="output of rounded: only float32"):
        rounded(Tensor(np.ones(3), requires_grad=True))
    assert rounded(Tensor(np.ones(3))).dtype == np.int64


@pytest.mark.parametrize("value", ["no", 2, None, np.ones(2)], ids=repr)
def test_requires_grad_is_true_or_false(value):
    with pytest.raises(ValueError, match="requires_grad"):
        Tensor(np.ones(3), requires_grad=value)


@pytest.mark.parametrize("data", [[[1.0], [1.0, 2.0]], "abc", None, {}], ids=repr)
def test_what_is_no_array_of_numbers_makes_no_tensor(data):
    with pytest.raises(ValueError):
        Tensor(data)


# The first line says what it takes


class Foreign:
    """An array of another library."""

    shape, dtype, ndim = (2, 3), "float32", 2

    def __array__(self, dtype=None, copy=None):
        return np.ones((2, 3))


X = np.ones((2, 3), np.float32)
HEAD = np.ones((1, 2, 3, 4))
IMAGES = np.ones((2, 6, 9, 2))
FIRST_LINES = {
    "an array of another library": (lambda: ops.exp(Foreign()), "exp takes arrays of NumPy or CuPy; got a .*Foreign"),
    "beside a Tensor too": (lambda: Tensor(X) + Foreign(), "add takes arrays .* np.asarray"),
    "logits of one axis": (lambda: ops.cross_entropy(np.ones(3), [1]), r"logits \(images, classes\).*\(3,\)"),
    "logits of three": (lambda: ops.cross_entropy(np.ones((2, 3, 5)), [1, 2]), r"logits .*\(2, 3, 5\)"),
    "label_smoothing above 1": (
        lambda: ops.cross_entropy(X, [1, 2], label_smoothing=1.5),
        "label_smoothing is 1.5; .* at most 1",
    ),
    "label_smoothing below 0": (lambda: ops.cross_entropy(X, [1, 2], label_smoothing=-0.1), "label_smoothing is -0.1"),
    "label_smoothing of text": (lambda: ops.cross_entropy(X, [1, 2], label_smoothing="0.1"), "label_smoothing is '0.1'"),
    "eps below 0": (lambda: ops.layernorm(X, np.ones(3), np.ones(3), eps=-1), "eps is -1"),
    "weight of one axis": (lambda: ops.linear(X, np.ones(3), None), r"linear: .*\(3,\)"),
    "bias of the wrong width": (lambda: ops.linear(X, np.ones((3, 5)), np.ones(3)), r"bias.*\(3,\)"),
    "no window": (lambda: ops.max_pool2d(IMAGES, 0), "size is 0"),
    "half a stride": (lambda: ops.max_pool2d(IMAGES, 2, stride=0.5), "stride is 0.5"),
    "no stride": (lambda: ops.conv2d(IMAGES, np.ones((3, 3, 2, 4)), None, stride=0), "stride is 0"),
    "padding below 0": (lambda: ops.conv2d(IMAGES, np.ones((3, 3, 2, 4)), None, padding=-1), "padding is -1"),
    "an image without a batch": (lambda: ops.conv2d(IMAGES[0], np.ones((3, 3, 2, 4)), None), "conv2d takes images"),
    "pooling without a batch": (lambda: ops.max_pool2d(IMAGES[0], 2), "max_pool2d takes images"),
    "no patch": (lambda: ops.patchify(IMAGES, patch_size=0), "patch_size is 0"),
    "patches of text": (lambda: ops.patchify(IMAGES, patch_size="2"), "patch_size is '2'"),
    "no heads": (lambda: ops.split_heads(np.ones((2, 3, 12)), heads=0), "heads is 0"),
    "heads of four axes": (lambda: ops.self_attention(np.ones((2, 3, 4, 12)), heads=2), "self_attention: shape"),
    "three axes to merge": (lambda: ops.merge_heads(np.ones((2, 3, 4))), r"merge_heads takes .*\(2, 3, 4\)"),
    "keys of another width": (
        lambda: ops.attention(*(np.ones((1, 2, 3, n)) for n in (4, 5, 5))),
        r"attention takes .*\(1, 2, 3, 5\)",
    ),
    "values of another length": (lambda: ops.attention(*(np.ones((1, 2, n, 4)) for n in (3, 3, 5))), "attention takes"),
    "a bias of another length": (lambda: ops.attention(HEAD, HEAD, HEAD, np.ones((3, 5))), r"bias of shape \(3, 5\)"),
    "a bias of five axes": (lambda: ops.attention(HEAD, HEAD, HEAD, np.ones((1, 1, 1, 3, 3))), "bias of shape"),
    "tokens without a batch": (lambda: ops.embed_tokens(X, None, None), "embed_tokens takes tokens"),
    "patches without a batch": (lambda: ops.unpatchify(X, 2, 4), "unpatchify takes patches"),
    "no rate": (lambda: ops.dropout(X, "0.1", 0), "rate is '0.1'"),
    "no random numbers": (lambda: ops.dropout(X, 0.1, None), "random numbers come from a Generator"),
    "a word for random numbers": (lambda: ops.dropout(X, 0.1, "seed"), "random numbers come .* got 'seed'"),
    "a model's too": (lambda: small_vit(np.random.default_rng(0), dropout=0.1)(IMAGES, rng="seed"), "random numbers come"),
    "drop_path of a number": (lambda: ops.drop_path(Tensor(1.0), 0.5, 0), r"drop_path takes an array \(batch"),
    "nothing to concatenate": (lambda: ops.concatenate(), "got none"),
    "an axis that is not there": (lambda: ops.concatenate(X, X, axis=2), "axis 2"),
    "gradcheck of a word": (lambda: minivit.gradcheck("gelu", X), "takes an Op, or a function .* got str"),
    "a mode that is no truth": (lambda: small_vit(np.random.default_rng(0)).train("no"), "training is 'no'"),
    "gelu none of the two": (lambda: ops.gelu(X, approximate="erf"), "'erf'; choose one of"),
    "gradients of one Tensor": (lambda: gradients(Tensor(1.0), Tensor(1.0)), "a list of Tensors"),
    "gradients of a model": (lambda: gradients(Tensor(1.0), small_vit(np.random.default_rng(0))), r"model.parameters\(\)"),
    "gradients of arrays": (lambda: gradients(Tensor(1.0), [X]), "a list of Tensors"),
    "a ViT without a Generator": (lambda: ViT(small_config(), None), "the seed of ViT is None"),
    "a ViT with half a seed": (lambda: ViT(small_config(), 0.5), "the seed of ViT is 0.5"),
    "a ViT of a dictionary": (lambda: ViT({"dim": 8}, np.random.default_rng(0)), "got dict"),
    "a list of images": (lambda: small_vit(np.random.default_rng(0))(IMAGES.tolist()), "got list"),
    "images of another library": (lambda: small_vit(np.random.default_rng(0))(Foreign()), "got Foreign"),
    "a state that is a list": (lambda: small_vit(np.random.default_rng(0)).load_state_dict([1]), "dictionary of arrays"),
}


@pytest.mark.parametrize("call, words", FIRST_LINES.values(), ids=FIRST_LINES.keys())
def test_the_first_line_of_a_public_function_says_what_it_takes(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("returned", [X, (X,), (X, X), None], ids=["array", "one", "two arrays", "None"])
def test_an_op_without_its_backward_is_told_so(returned):
    @op
    def forgetful(x):
        return returned

    for call in (forgetful, forgetful.forward, lambda x: minivit.gradcheck(forgetful, x)):
        with pytest.raises(ValueError, match="output and its backward"):
            call(X)


def test_lists_are_taken_where_they_can_only_be_numbers():
    x = Tensor(X, requires_grad=True)
    assert (x @ [[1], [2], [3]]).dtype == ([[1.0, 2.0]] @ x).dtype == ops.linear(x, [[1], [2], [3]], [0.5]).dtype == np.float32
    weight = Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    assert ops.linear([[1.0, 2.0, 3.0]], weight, None).dtype == np.float32
    assert ops.relu([-1.0, 2.0]).numpy().tolist() == [0, 2]
    assert ops.patchify(IMAGES, patch_size=[2, 3]).shape == (2, 9, 12)
    assert ops.unpatchify(np.ones((2, 9, 12)), [2, 3], [6, 9]).shape == (2, 6, 9, 2)


@pytest.mark.parametrize(
    "given, used", [(False, False), ("none", False), (True, True), ("tanh", True), (np.bool_(True), True)], ids=str
)
def test_gelus_two_forms_are_known_by_pytorchs_names_too(given, used, rng):
    x = rng.standard_normal((2, 3))
    expected = ops.gelu.forward(x, approximate=used)[0]
    for y in (ops.gelu(x, approximate=given).numpy(), ops.gelu(x, given).numpy(), ops.gelu.forward(x, given)[0]):
        np.testing.assert_array_equal(y, expected)


def test_a_replacement_sees_the_option_in_the_librarys_own_words(rng):
    seen = []

    def mine(x, approximate=False):
        seen.append(approximate)
        return ops.gelu.forward(x, approximate)

    def exact_only(x):
        return ops.gelu.forward(x)

    with ops.use(gelu=mine):
        ops.gelu(X, approximate="tanh")
        ops.gelu(X, approximate="none")
    assert seen == [True, False]
    with ops.use(gelu=exact_only):
        ops.gelu(X, approximate="none")  # that is its default: no warning


# Numbers of a configuration


@pytest.mark.parametrize("name, value", [("classes", np.int64(5)), ("dim", np.int32(8)), ("depth", np.uint8(2))])
def test_numpys_whole_numbers_are_numbers(name, value):
    found = getattr(small_config(**{name: value}), name)
    assert found == value and type(found) is int


@pytest.mark.parametrize("name", ["dropout", "drop_path", "pos_embed_std"])
def test_numpys_real_numbers_are_numbers(name):
    found = getattr(small_config(**{name: np.float32(0.25)}), name)
    assert found == 0.25 and type(found) is float


def test_sizes_of_numpy_make_pairs():
    config = ViTConfig(np.array([6, 9]).tolist(), (np.int64(2), np.int64(3)), 2, 5, 8, 2, 2, 12)
    assert (config.image_size, config.patch_size) == ((6, 9), (2, 3))
    assert {type(n) for n in config.image_size + config.patch_size} == {int}


@pytest.mark.parametrize(
    "changes",
    [
        dict(classes=True),
        dict(dropout=False),
        dict(dropout="0.1"),
        dict(patch_size=(2, 3, 3)),
        dict(image_size=[]),
        dict(pool=["cls"]),
    ]
    + [dict(dropout=float("nan")), dict(pos_embed_std=float("inf")), dict(classes=np.float64(5)), dict(patch_size=None)],
    ids=str,
)
def test_what_is_no_number_or_word_is_refused_by_name(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        small_config(**changes)
