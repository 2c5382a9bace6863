"""Random shifts, held to a slow loop that moves one pixel at a time; mirrored images; mixed images and their targets."""

import numpy as np
import pytest

from minivit import ops
from minivit.backend import array_module, to_device, to_host
from minivit.data.augment import augmented, contrast, flip, mixup, rotate, shift, thickness
from minivit.training.recipe import Recipe

from ..support.plain import noncontiguous

rng = np.random.default_rng(0)
IMAGES = rng.uniform(1, 2, (6, 5, 7, 2)).astype(np.float32)  # nowhere 0, so that what moved in from outside shows


def moved(image, down, right):
    """`image` (H, W, C) moved by whole pixels, pixel by pixel; 0 where nothing came from."""
    result = np.zeros_like(image)
    height, width, _ = image.shape
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                result[i, j] = image[i - down, j - right]
    return result


def moves_of(image, result, furthest):
    """Every (down, right) up to `furthest` that makes `result` of `image`."""
    steps = range(-furthest, furthest + 1)
    return [(down, right) for down in steps for right in steps if np.array_equal(moved(image, down, right), result)]


def test_0_pixels_change_nothing():
    assert np.array_equal(shift(IMAGES, 0, np.random.default_rng(0)), IMAGES)


@pytest.mark.parametrize("pixels", [1, 2, 4])
def test_every_image_is_moved_whole_and_never_further_than_asked(pixels):
    for image, result in zip(IMAGES, shift(IMAGES, pixels, np.random.default_rng(0)), strict=True):
        assert len(moves_of(image, result, furthest=pixels)) == 1


def test_all_the_moves_are_drawn_up_to_the_furthest_in_both_directions():
    many = np.repeat(IMAGES[:1], 300, axis=0)
    moves = {moves_of(IMAGES[0], result, furthest=1)[0] for result in shift(many, 1, np.random.default_rng(0))}
    assert moves == {(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)}


def test_each_image_of_a_batch_moves_its_own_way():
    same = np.repeat(IMAGES[:1], 20, axis=0)
    results = shift(same, 2, np.random.default_rng(0))
    assert len({result.tobytes() for result in results}) > 5


def test_what_moves_in_from_outside_is_black():
    results = shift(IMAGES, 3, np.random.default_rng(0))
    assert np.all((results == 0) | (results >= 1)) and np.any(results == 0)


def test_a_move_as_large_as_the_image_still_works():
    results = shift(IMAGES, 9, np.random.default_rng(1))
    assert results.shape == IMAGES.shape and any(not result.any() for result in results)


# Mirroring


def test_every_image_is_mirrored_whole_or_not_at_all(device):
    for image, result in zip(IMAGES, to_host(flip(to_device(IMAGES, device), np.random.default_rng(0))), strict=True):
        assert np.array_equal(result, image) != np.array_equal(result, image[:, ::-1])


def test_half_of_the_images_are_mirrored_each_by_its_own_chance():
    many = np.repeat(IMAGES[:1], 2000, axis=0)
    mirrored = (flip(many, np.random.default_rng(0)) != many).any(axis=(1, 2, 3))
    assert abs(mirrored.mean() - 0.5) < 0.05  # 4.5 standard deviations
    assert abs((mirrored[1:] == mirrored[:-1]).mean() - 0.5) < 0.05, "neighbours do not go together"


# Turning, thickness, contrast


def test_a_quarter_turn_is_a_quarter_turn():
    class Quarter:
        def uniform(self, low, high, count):
            return np.full(count, 90.0)

    square = IMAGES[:, :, :5]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minivit.data.augment.generator", lambda name, rng: None)  # it is none
        np.testing.assert_allclose(rotate(square, 90, Quarter()), np.rot90(square, axes=(2, 1)), atol=1e-6)


def test_a_small_turn_leaves_the_middle_and_moves_the_edge_a_little():
    line = np.zeros((200, 9, 9, 1))
    line[:, :, 4] = 1
    turned = rotate(line, 10, np.random.default_rng(0))
    assert np.allclose(turned[:, 4, 4], 1) and 0.1 < 1 - turned[:, 0, 4].mean() < 0.6
    assert turned[:, 0, 2:4].sum() == pytest.approx(turned[:, 0, 5:7].sum(), rel=0.3), "to both sides alike"


def test_strokes_grow_and_shrink_by_at_most_their_share_of_a_pixel():
    line = np.zeros((300, 7, 7, 1))
    line[:, :, 2:5] = 1
    widths = thickness(line, 0.4, np.random.default_rng(0))[:, 3].sum(axis=(1, 2))
    assert widths.min() < 2.3 and widths.max() > 3.7 and widths.min() >= 2.2 and widths.max() <= 3.8


def test_contrast_moves_the_greys_and_leaves_black_and_white():
    image = np.tile(np.array([0, 0.5, 1]).reshape(1, 1, 3, 1), (300, 2, 1, 1))
    changed = contrast(image, 0.5, np.random.default_rng(0))
    assert (changed[:, :, 0] == 0).all() and (changed[:, :, 2] == 1).all()
    powers = np.log(changed[:, 0, 1, 0]) / np.log(0.5)
    assert powers.min() >= 1 / 1.5 and powers.max() <= 1.5 and powers.max() - powers.min() > 0.7


@pytest.mark.parametrize("change", [rotate, thickness, contrast], ids=lambda f: f.__name__)
def test_what_is_0_changes_and_draws_nothing(change):
    rng = np.random.default_rng(0)
    assert change(IMAGES, 0, rng) is IMAGES and rng.random() == np.random.default_rng(0).random()
    with pytest.raises(ValueError, match=f"{change.__name__} needs images of floating-point numbers"):
        change(IMAGES.astype(np.uint8), 0.1, rng)


def test_a_recipe_without_the_newer_changes_draws_as_it_always_did():
    rules = Recipe(epochs=1, batch_size=8, lr=1e-3, shift=2, flip=True)
    rng = np.random.default_rng(0)
    expected = flip(shift(IMAGES, 2, rng), rng)
    assert np.array_equal(augmented(IMAGES, rules, np.random.default_rng(0)), expected)


# Mixing: image i is 10^i everywhere, so that its parts can be read off a mixed image


def batch(count=6, dtype=np.float64):
    images = 10.0 ** np.arange(count).reshape(-1, 1, 1, 1) * np.ones((1, 3, 4, 2))
    return images.astype(dtype), np.arange(count) % 5


def mixed(device, alpha=1.0, seed=0, count=6, dtype=np.float64):
    images, labels = (to_device(a, device) for a in batch(count, dtype))
    return tuple(map(to_host, mixup(images, labels, 7, alpha, np.random.default_rng(seed))))


def test_a_mixed_image_and_its_target_are_the_same_mixture_of_two(device):
    """Each image is its own in one share, and its partner's in the rest; every image is somebody's partner."""
    originals, labels = batch()
    images, targets = mixed(device)
    partners = []
    for i, (image, target) in enumerate(zip(images, targets, strict=True)):
        shares = {i: 1.0} if np.array_equal(image, originals[i]) else {}  # by partner: j in image = share i + (1 - share) j
        for j in set(range(6)) - {i} if not shares else ():
            shares[j] = ((image - originals[j]) / (originals[i] - originals[j])).mean()
        expected = {j: share * np.eye(7)[labels[i]] + (1 - share) * np.eye(7)[labels[j]] for j, share in shares.items()}
        (j,) = (j for j, e in expected.items() if 0 <= shares[j] <= 1 and np.abs(e - target).max() < 1e-6)
        np.testing.assert_allclose(image, shares[j] * originals[i] + (1 - shares[j]) * originals[j], rtol=1e-9)
        partners.append(j)
    assert sorted(partners) == list(range(6))


@pytest.mark.parametrize("alpha", [0.0, 1e-300, 0.2, 1.0, 50.0])
def test_targets_are_probabilities_in_float32(alpha, device):
    _, targets = mixed(device, alpha, count=50)
    assert targets.shape == (50, 7) and targets.dtype == np.float32 and targets.min() >= 0
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)


def test_every_image_has_its_own_share():
    _, targets = mixed("cpu", count=50)
    assert len(np.unique(targets.max(axis=1))) > 30


def test_partners_are_drawn_anew():
    def partners(seed, count=200):
        _, targets = mixup(np.ones((count, 1, 1, 1)), np.arange(count), count, 1.0, np.random.default_rng(seed))
        return (targets * (1 - np.eye(count))).argmax(axis=1)

    first, second = partners(0), partners(1)
    assert (first == second).mean() < 0.1
    assert len(set(first - np.arange(200))) > 100 and len(set(first + np.arange(200))) > 100, "no pattern of neighbours"


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_shares_are_drawn_from_the_beta_distribution(alpha):
    """Of labels that are all different, where i's partner is not i, targets[i, i] is the share: Beta's mean and variance."""
    count = 2000
    _, targets = mixup(np.ones((count, 1, 1, 1)), np.arange(count), count, alpha, np.random.default_rng(0))
    own = np.diag(targets)[(targets > 0).sum(axis=1) == 2]
    assert len(own) > 0.8 * count and abs(own.mean() - 0.5) < 0.05
    assert own.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.25)


def test_alpha_0_mixes_nothing(device):
    images, targets = mixed(device, alpha=0)
    assert np.array_equal(images, batch()[0]) and np.array_equal(targets, np.eye(7)[batch()[1]])


def test_the_loss_takes_the_targets(device):
    images, labels = (to_device(a, device) for a in batch(dtype=np.float32))
    _, targets = mixup(images, labels, 7, 0.4, np.random.default_rng(0))
    logits = to_device(np.zeros((6, 7), np.float32), device)
    assert float(ops.cross_entropy.forward(logits, targets)[0]) == pytest.approx(np.log(7), rel=1e-6)


@pytest.mark.parametrize("alpha", [-0.1, np.inf, np.nan])
def test_an_alpha_that_makes_no_sense_is_an_error(alpha):
    with pytest.raises(ValueError, match=f"alpha of mixup is {alpha};"):
        mixed("cpu", alpha)


def test_mixing_what_is_no_image_or_no_class_is_an_error():
    images, labels = batch()
    with pytest.raises(ValueError, match=r"labels\[4\] is 4.* 0 to 3"):
        mixup(images, labels, 4, 1.0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="6 whole numbers"):
        mixup(images, labels[:5], 7, 1.0, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"floating-point.*uint8"):
        mixup(images.astype(np.uint8), labels, 7, 1.0, np.random.default_rng(0))


# All of them

LABELS = np.arange(6) % 5
EACH = {
    "shift": lambda images, rng: (shift(images, 2, rng),),
    "flip": lambda images, rng: (flip(images, rng),),
    "rotate": lambda images, rng: (rotate(images, 20, rng),),
    "thickness": lambda images, rng: (thickness(images, 0.5, rng),),
    "contrast": lambda images, rng: (contrast(images, 0.5, rng),),
    "mixup": lambda images, rng: mixup(images, LABELS, 5, 0.7, rng),
}
each = pytest.mark.parametrize("augment", EACH.values(), ids=EACH)


def same(first, second):
    return all(np.array_equal(to_host(a), to_host(b)) for a, b in zip(first, second, strict=True))


@each
def test_the_same_seed_changes_the_same_way_and_another_seed_another_way(augment):
    first, again, other = (augment(IMAGES, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert same(first, again) and not same(first, other)


@each
def test_the_images_are_the_same_on_every_device(augment, device):
    there, here = (augment(to_device(IMAGES, where), np.random.default_rng(5)) for where in (device, "cpu"))
    for own, expected in zip(there, here, strict=True):
        assert array_module(own) is array_module(to_device(IMAGES, device))
        np.testing.assert_allclose(to_host(own), expected, rtol=1e-6)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_the_dtype_and_the_shape_are_kept(augment, dtype, device):
    if dtype is np.uint8 and augment not in (EACH["shift"], EACH["flip"]):
        pytest.skip("whole numbers have nothing between them")
    result = augment(to_device(IMAGES.astype(dtype), device), np.random.default_rng(0))[0]
    assert result.dtype == dtype and result.shape == IMAGES.shape


@each
def test_what_is_given_is_left_as_it_was(augment):
    before, labels = IMAGES.copy(), LABELS.copy()
    for result in augment(IMAGES, np.random.default_rng(0)):
        result[...] = -1
    assert np.array_equal(IMAGES, before) and np.array_equal(LABELS, labels)


@each
def test_the_images_may_be_read_only_and_scattered_in_memory(augment):
    scattered = noncontiguous(IMAGES)
    scattered.setflags(write=False)
    assert same(augment(scattered, np.random.default_rng(0)), augment(IMAGES, np.random.default_rng(0)))


# What is no number, no image and no Generator


@pytest.mark.parametrize("pixels", [-1, 1.0, np.nan, "1", None, True, 10**9])
def test_a_shift_is_a_whole_number_from_0_up(pixels):
    with pytest.raises(ValueError, match="shift is "):
        shift(IMAGES, pixels, np.random.default_rng(0))


def test_numpy_s_numbers_are_numbers():
    expected = shift(IMAGES, 2, np.random.default_rng(0))
    assert np.array_equal(shift(IMAGES, np.int64(2), np.random.default_rng(0)), expected)
    mixed_by = [mixup(IMAGES, LABELS, k, a, np.random.default_rng(0)) for k, a in ((5, 0.5), (np.int32(5), np.float32(0.5)))]
    assert same(*mixed_by)


def test_a_shift_far_beyond_the_image_needs_no_memory_beyond_it():
    results = shift(IMAGES, 1_000_000, np.random.default_rng(0))
    assert results.shape == IMAGES.shape and not results.any()


@pytest.mark.parametrize("alpha", ["1", None, True, [0.2], 1j])
def test_an_alpha_that_is_no_number_is_an_error(alpha):
    with pytest.raises(ValueError, match="alpha of mixup is "):
        mixup(IMAGES, LABELS, 5, alpha, np.random.default_rng(0))


@each
@pytest.mark.parametrize("rng", [None, 0, np.random])
def test_what_is_no_generator_is_told(augment, rng):
    with pytest.raises(ValueError, match=r"rng is .* must be a numpy Generator, like np\.random\.default_rng"):
        augment(IMAGES, rng)


@each
@pytest.mark.parametrize("images", [IMAGES[0], IMAGES.tolist(), None], ids=["one image", "a list", "nothing"])
def test_what_is_no_array_of_images_is_told(augment, images):
    with pytest.raises(ValueError, match="images must be an array"):
        augment(images, np.random.default_rng(0))
