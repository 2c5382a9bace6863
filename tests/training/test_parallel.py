"""One batch in pieces: the same numbers whatever the number of threads."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from minivit import ViT, ViTConfig, gradients, no_grad, ops
from minivit.training.parallel import (
    QUARTER,
    _blas,
    added,
    cores,
    gradients_of,
    lone_image,
    piece_size,
    pieces,
    pieces_of,
    sum_of_gradients,
    workers,
)

from ..support.plain import small_vit


def test_pieces_cover_the_batch_in_order_and_the_last_takes_the_rest():
    assert pieces(7, 3) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert pieces(6, 3) == [slice(0, 3), slice(3, 6)]
    assert pieces(2, 5) == [slice(0, 2)]
    assert pieces(0, 5) == []


def test_a_piece_has_so_many_tokens_that_they_fit_and_pieces_come_in_fours():
    assert piece_size(128, 50) == 32  # 4 pieces of 1,600 tokens
    assert piece_size(128, 65) == 16  # 8: six would leave two of four cores without work in the end
    assert piece_size(8, 197, dim=768) == 2  # 4 of 394 wide tokens, though one would fit
    assert piece_size(1, 10_000) == 1  # and never none


def test_little_work_is_cut_once_or_not_at_all():
    assert piece_size(128, 17) == 64  # 1,088 tokens of width 64: at a quarter of that the threads would wait for each other
    assert piece_size(8, 65) == 4
    assert piece_size(8, 17) == 8


def test_a_batch_in_parts_has_at_least_so_many():
    assert piece_size(8, 17, accumulate=3) == 3
    assert piece_size(128, 50, accumulate=5) == 16


def test_a_gpu_takes_a_batch_at_once_and_never_more():
    model = SimpleNamespace(device="gpu")
    assert pieces_of(model, 3, 7) == [slice(0, 3), slice(3, 6), slice(6, 7)]  # a prediction of 7 images, 3 at a time
    assert pieces_of(model, 7, 7) == [slice(0, 7)]
    assert pieces_of(model, 7, 7, accumulate=2) == [slice(0, 4), slice(4, 7)]


def test_the_products_of_one_large_image_may_use_all_threads_and_no_others():
    def threads_of(width, count, threads=3):
        model = ViT(ViTConfig(64, 8, 1, 5, dim=width, depth=1, heads=1, mlp_dim=1), 0)  # 65 tokens
        with workers(threads), lone_image(model, count, threads):
            return {library["num_threads"] for library in _blas().info() if library["user_api"] == "blas"}

    assert threads_of(512, count=1) != {1} or cores() == 1
    assert threads_of(512, count=1, threads=1) == threads_of(512, count=2) == threads_of(64, count=1) == {1}


def test_there_is_at_least_one_core():
    assert cores() >= 1


def batch(rng):
    return rng.standard_normal((7, 6, 9, 2)), np.array([4, 0, 2, 3, 1, 1, 0])


def train_gradients(threads, dtype=np.float32):
    """One gradient of a small ViT with dropout, its batch of 7 cut into pieces of 3, 3 and 1."""
    rng = np.random.default_rng(3)
    model = small_vit(rng, dtype=dtype, dropout=0.2, drop_path=0.3)
    images, labels = batch(rng)

    def loss_of(item):
        number, piece = item
        logits = model(images[piece], rng=np.random.default_rng((5, number)))
        loss = ops.cross_entropy(logits, labels[piece]) * (len(labels[piece]) / len(labels))
        return loss, int((logits.numpy().argmax(-1) == labels[piece]).sum())

    with workers(threads) as run:
        return sum_of_gradients(run, loss_of, list(enumerate(pieces(7, 3))), model.parameters())


@pytest.mark.parametrize("threads", [2, 3])
def test_the_bits_are_the_same_for_any_number_of_threads(threads):
    one, one_rest = train_gradients(1)
    for _ in range(3):
        several, several_rest = train_gradients(threads)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(one, several, strict=True))
        assert one_rest == several_rest


def test_the_pieces_gradients_sum_to_that_of_the_whole_batch(rng):
    model = small_vit(rng)
    images, labels = batch(rng)

    def loss_of(piece):
        return (ops.cross_entropy(model(images[piece]), labels[piece]) * (len(labels[piece]) / 7),)

    with workers(2) as run:
        total, rest = sum_of_gradients(run, loss_of, pieces(7, 3), model.parameters())
    whole = ops.cross_entropy(model(images), labels)
    assert sum(loss for (loss,) in rest) == pytest.approx(float(whole.data))
    for a, b in zip(total, gradients(whole, model.parameters()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)


def test_python_s_floats_are_added_as_numpy_s_are():
    numbers = [1.0, 2**-53, 2**-53]  # each too small to count, and together not
    assert added(numbers) == added(map(np.float64, numbers)) == 1


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(threads):
    first_waits = threading.Event()

    def work(item):
        if item == 0 and threads > 1:
            first_waits.wait(5)  # until a later item is done
        if item == 1:
            first_waits.set()
        return item * 10

    with workers(threads) as run:
        assert run(work, [0, 1, 2, 3, 4]) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("threads", [1, 3])
def test_no_grad_reaches_the_workers(threads, rng):
    model, (images, _) = small_vit(rng), batch(rng)
    with workers(threads) as run:
        with no_grad():
            inside = run(lambda piece: model(images[piece]).requires_grad, pieces(7, 3))
        outside = run(lambda piece: model(images[piece]).requires_grad, pieces(7, 3))
    assert (inside, outside) == ([False] * 3, [True] * 3)


def test_a_replacement_reaches_the_workers(rng):
    calls = []

    def mine(x, approximate=False):
        calls.append(1)
        return ops.gelu.forward(x, approximate)

    model, (images, _) = small_vit(rng), batch(rng)
    with workers(2) as run, ops.use(gelu=mine):
        run(lambda piece: model(images[piece]), pieces(7, 3))
    assert len(calls) == 2 * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_comes_through_and_the_workers_end(threads):
    before = threading.active_count()

    def work(item):
        if item == 2:
            raise KeyError("the third")
        return item

    with pytest.raises(KeyError, match="the third"), workers(threads) as run:
        run(work, [0, 1, 2, 3])
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_an_error(threads):
    with pytest.raises(ValueError, match=str(threads)), workers(threads):
        pass


# gradients_of, for a person's own loop


def test_it_gives_the_loss_and_the_gradients_of_the_whole_batch(rng):
    model = small_vit(rng)
    images, labels = batch(rng)
    loss = ops.cross_entropy(model(images), labels)
    found_loss, found = gradients_of(model, images, labels)
    assert found_loss == pytest.approx(loss.item(), rel=1e-12)
    for own, right in zip(found, gradients(loss, model.parameters()), strict=True):
        np.testing.assert_allclose(own, right, rtol=1e-9, atol=1e-12)


def many(rng, dtype=np.float32, **changes):
    """A small ViT and so many images that they come in four pieces."""
    model = small_vit(rng, dtype=dtype, **changes)
    count = 4 * QUARTER // (model.config.tokens * model.config.dim) + 1
    images, labels = rng.standard_normal((count, 6, 9, 2), dtype=np.float32), rng.integers(0, 5, count)
    return model, images, labels


def test_its_bits_are_the_same_for_any_number_of_threads(rng):
    model, images, labels = many(rng, dropout=0.2, drop_path=0.3)
    assert piece_size(len(images), model.config.tokens, dim=model.config.dim) < len(images)
    one_loss, one = gradients_of(model, images, labels, rng=5, threads=1)
    for threads in (2, 3, None):
        loss, several = gradients_of(model, images, labels, rng=5, threads=threads)
        assert loss == one_loss
        assert all(a.tobytes() == b.tobytes() for a, b in zip(one, several, strict=True))


def test_each_piece_drops_by_numbers_of_its_own(rng):
    model, images, labels = many(rng, dropout=0.5)
    generator = np.random.default_rng(5)
    first, again = (gradients_of(model, images, labels, rng=generator)[0] for _ in range(2))
    assert first != again
    assert first == gradients_of(model, images, labels, rng=np.random.default_rng(5))[0]
    with pytest.raises(ValueError, match="needs random numbers"):
        gradients_of(model, images, labels)


def test_it_trains_what_is_not_frozen(rng):
    model = small_vit(rng)
    model.blocks[0].freeze()
    _, found = gradients_of(model, *batch(rng))
    assert [g.shape for g in found] == [p.shape for p in model.trained_parameters()]


def test_the_loss_may_be_another(rng):
    model, (images, labels) = small_vit(rng), batch(rng)

    def loss(logits, labels):
        return ((logits - np.eye(5)[labels]) ** 2).mean()

    assert gradients_of(model, images, labels, loss)[0] == pytest.approx(loss(model(images), labels).item(), rel=1e-12)


def test_lists_do_as_a_batch_too(rng):
    model, (images, labels) = small_vit(rng), batch(rng)
    assert gradients_of(model, list(images), labels.tolist())[0] == gradients_of(model, images, labels)[0]


@pytest.mark.parametrize("count, labels", [(0, 0), (3, 2), (2, 3)])
def test_images_without_labels_or_labels_without_images_are_refused(rng, count, labels):
    images = rng.standard_normal((count, 6, 9, 2))
    with pytest.raises(ValueError, match=f"a batch of images with a label each; got {count} and {labels}"):
        gradients_of(small_vit(rng), images, np.zeros(labels, int))


def test_in_a_browser_one_thread_does_it_all_whatever_is_asked(monkeypatch):
    monkeypatch.setattr("sys.platform", "emscripten")
    with workers(4) as run:
        assert set(run(lambda _: threading.get_ident(), range(5))) == {threading.get_ident()}
