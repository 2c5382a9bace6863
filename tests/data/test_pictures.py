"""A person's picture becomes what the model reads: grey, light on dark, of its size."""

import numpy as np
import pytest
from PIL import Image

from minivit.data import load
from minivit.data.photographs import resized
from minivit.data.pictures import prepare, read_image, sketch

from ..support.tiny import tiny_config

GREY = tiny_config()  # 8 x 8, one channel
COLOUR = tiny_config(channels=3)
STROKE = np.zeros((8, 8), np.uint8)
STROKE[2:6, 3:5] = 200  # light on dark


@pytest.fixture
def picture(tmp_path):
    """picture(array or Image): the path of a PNG file with it."""

    def write(image, name="picture.png"):
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(tmp_path / name)
        return tmp_path / name

    return write


# any file of the right size


def test_a_grey_picture_of_the_right_size_is_read_as_it_is(picture):
    image, notes = read_image(picture(STROKE), GREY)
    assert np.allclose(image[..., 0], STROKE / 255)
    assert notes == ["8 x 8 pixels", "grey"]


def test_the_image_is_float32_from_0_to_1_with_a_channel_axis(picture):
    image, _ = read_image(picture(STROKE), GREY)
    assert image.dtype == np.float32 and image.shape == (8, 8, 1) and image.min() >= 0 and image.max() <= 1


def test_dark_on_light_is_inverted_and_said_to_be(picture):
    image, notes = read_image(picture(255 - STROKE), GREY)
    assert np.allclose(image[..., 0], STROKE / 255, atol=1e-6)
    assert "inverted to light on dark" in notes


def test_a_colour_picture_turns_grey_for_a_model_that_reads_grey(picture):
    image, _ = read_image(picture(np.stack([STROKE] * 3, axis=-1)), GREY)
    assert np.allclose(image[..., 0], STROKE / 255, atol=0.01)


def test_a_model_that_reads_colour_gets_its_three_channels_uninverted(picture):
    red = np.full((8, 8, 3), 255, np.uint8)
    red[..., 1:] = 0
    image, notes = read_image(picture(red), COLOUR)
    assert image.shape == (8, 8, 3) and np.array_equal(image, red / 255)
    assert notes == ["8 x 8 pixels"]


def test_a_grey_picture_is_repeated_for_a_model_that_reads_colour(picture):
    image, _ = read_image(picture(STROKE), COLOUR)
    assert np.allclose(image, STROKE[..., None] / 255) and image.shape == (8, 8, 3)


def test_what_is_transparent_is_paper(picture):
    ink = np.zeros((8, 8, 4), np.uint8)  # black everywhere, and to be seen only where the stroke is
    ink[..., 3] = np.where(STROKE, 255, 0)
    image, notes = read_image(picture(ink), GREY)
    assert np.allclose(image[..., 0], STROKE > 0) and "inverted to light on dark" in notes


def test_a_palette_is_looked_up(picture):
    palette = Image.fromarray(np.where(STROKE, 1, 0).astype(np.uint8), mode=None).convert("P")
    palette.putpalette([0, 0, 0, 255, 255, 255] + [0] * 750)
    image, _ = read_image(picture(palette), GREY)
    assert set(np.unique(image)) <= {0.0, 1.0}


def test_black_and_white_is_read(picture):
    image, _ = read_image(picture(Image.fromarray(STROKE).convert("1", dither=Image.Dither.NONE)), GREY)
    assert np.array_equal(image[..., 0], STROKE > 0)


def test_16_bits_of_grey_keep_their_shades(picture):
    image, _ = read_image(picture(STROKE.astype(np.uint16) * 257), GREY)
    assert np.allclose(image[..., 0], STROKE / 255, atol=0.005)


@pytest.mark.parametrize("top", [1, 255, 65535])
def test_floating_point_greys_are_read_by_their_largest_number(picture, top):
    stroke = (STROKE > 0).astype(np.float32) * top
    image, _ = read_image(picture(stroke, "picture.tif"), GREY)
    assert np.array_equal(image[..., 0], STROKE > 0)


def test_a_jpeg_is_read(picture):
    image, _ = read_image(picture(np.kron(STROKE, np.ones((8, 8), np.uint8)), "picture.jpg"), GREY)
    assert np.allclose(image[..., 0], STROKE / 255, atol=0.1)


# any size


def test_a_larger_picture_is_averaged_down_and_said_to_be(picture):
    image, notes = read_image(picture(np.kron(STROKE, np.ones((5, 5), np.uint8))), GREY)
    assert np.allclose(image[..., 0], STROKE / 255, atol=1e-6)
    assert notes == ["40 x 40 pixels", "grey", "resized to 8 x 8"]


@pytest.mark.parametrize("size", [(1, 1), (1, 100), (100, 1), (7, 9), (3, 250), (28, 28)])
@pytest.mark.parametrize("config", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_picture_of_any_size_is_resized(picture, size, config):
    image, notes = read_image(picture(np.full(size, 40, np.uint8)), config)
    assert image.shape == (8, 8, config.channels) and np.allclose(image, 40 / 255)
    assert notes[0] == f"{size[1]} x {size[0]} pixels"


def test_of_a_picture_of_another_shape_the_middle_is_read(picture):
    wide = np.zeros((8, 16), np.uint8)
    wide[:, 4:12] = STROKE
    image, notes = read_image(picture(np.kron(wide, np.ones((3, 3), np.uint8))), GREY)
    assert np.allclose(image[..., 0], STROKE / 255, atol=1e-6)
    assert notes == ["48 x 24 pixels", "the middle", "grey", "resized to 8 x 8"]


def test_a_picture_of_one_colour_is_said_to_be(picture):
    _, notes = read_image(picture(np.full((8, 8), 40, np.uint8)), GREY)
    assert notes == ["8 x 8 pixels", "grey", "one colour all over"]


def test_an_oblong_model_gets_height_and_width_the_right_way_round(picture):
    oblong = np.arange(32, dtype=np.uint8).reshape(4, 8)
    image, notes = read_image(picture(np.kron(oblong, np.ones((2, 2), np.uint8))), tiny_config(image_size=(4, 8)))
    assert np.allclose(image[..., 0], oblong / 255) and "resized to 8 x 4" in notes


# what is no image


def refused(path):
    with pytest.raises(ValueError) as caught:
        read_image(path, GREY)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    assert "no file" in refused(tmp_path / "nosuch.png")


def test_a_folder_is_refused(tmp_path):
    assert "is a folder: name image files" in refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"<svg/>", bytes(500)], ids=repr)
def test_a_file_that_is_not_an_image_is_refused(tmp_path, content):
    (tmp_path / "picture.png").write_bytes(content)
    refused(tmp_path / "picture.png")


def test_what_is_wrong_with_an_image_is_said(tmp_path, picture, monkeypatch):
    (tmp_path / "text.png").write_text("hello")
    assert "give a JPEG, PNG, WebP, BMP, GIF or TIFF file" in refused(tmp_path / "text.png")
    path = picture(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[:600])
    assert "cut off or damaged" in refused(path)
    path.write_bytes(content)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    assert "too many pixels, more than 1,400" in refused(path)
    path.write_bytes(b"")
    assert "is empty and no image" in refused(path)


@pytest.mark.filterwarnings("error")
def test_a_picture_of_so_many_pixels_that_pillow_warns_is_read(picture, monkeypatch):
    path = picture(np.zeros((40, 40), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # it refuses twice as many
    assert read_image(path, GREY)[0].shape == (8, 8, 1)


def test_an_image_cut_short_is_refused(picture):
    path = picture(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8))
    content = path.read_bytes()
    for length in (10, 40, 100, len(content) // 2, len(content) - 40):
        path.write_bytes(content[:length])
        refused(path)


# the sketch


def test_a_sketch_has_a_line_a_row_and_two_characters_a_pixel():
    lines = sketch(np.zeros((5, 7, 1), np.float32))
    assert lines == [" " * 14] * 5


def test_a_sketch_draws_bright_pixels_dark():
    assert sketch(np.array([[[0.0], [4 / 9], [1.0]]])) == ["  ==@@"]


def test_a_sketch_takes_numbers_out_of_range_for_the_nearest():
    assert sketch(np.array([[[-3.0], [7.0]]])) == ["  @@"]


def test_an_image_too_wide_for_a_terminal_is_not_sketched():
    assert sketch(np.zeros((40, 40, 1))) == []


def test_a_photograph_is_turned_upright(tmp_path):
    """Cameras store the picture as the sensor lay, and in the EXIF data how it was held: 6 is a quarter turn."""
    upright = np.zeros((8, 8), np.uint8)
    upright[0, :] = 200
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "photo.png"
    Image.fromarray(np.rot90(upright)).save(path, exif=exif)
    image, _ = read_image(path, GREY)
    np.testing.assert_allclose(image[..., 0], upright / 255, atol=1e-6)


# prepared as the data were made

DIGITS = load("digits")
ONE = np.full((160, 120), 255, np.uint8)
ONE[30:110, 40:52] = 20


def test_a_drawn_digit_is_written_as_the_digits_are(picture):
    ready = prepare(picture(ONE), GREY, "digits")
    assert ready.image.shape == (8, 8, 1) and ready.image.dtype == np.float32 and abs(ready.image.mean() - 0.3) < 0.05
    assert ready.notes == [
        "120 x 160 pixels",
        "inverted to light on dark",
        "cut to 12 x 80 around the ink",
        "set upright",
        "strokes made thicker",
        "8 x 8 sums",
    ]
    assert [name for name, _ in ready.steps] == ["the picture", "its ink", "upright", "32 x 32", "what the model sees"]


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("size, way", [(8, 0), (80, 0), (100, 3), (400, 3)], ids=str)
def test_an_image_of_the_data_set_is_read_as_it_is_also_enlarged(picture, size, way, invert):
    own = (DIGITS.test_images[:4, ..., 0] * 255).round().astype(np.uint8)
    for pixels in own:
        shown = Image.fromarray(255 - pixels if invert else pixels).resize((size, size), way)
        ready = prepare(picture(shown), GREY, "digits")
        np.testing.assert_allclose(ready.image[..., 0], pixels / 255, atol=0.01 if way == 0 else 0.35)
        assert "read as they are" in ready.notes[0]


@pytest.mark.parametrize("data", ["my-photos", "cifar10", "/home/me/pets"])
def test_a_picture_for_a_model_of_other_data_is_only_resized(picture, data):
    path = picture(ONE)
    ready = prepare(path, COLOUR, data)
    image, notes = read_image(path, COLOUR)
    assert np.array_equal(ready.image, image) and ready.notes == notes and len(ready.steps) == 2


def test_no_digit_is_told_with_the_file(picture):
    for blank in (np.full((8, 8), 255, np.uint8), np.full((300, 200), 255, np.uint8)):
        path = picture(blank)
        with pytest.raises(ValueError, match=r"picture\.png: there is no.* it is one colour all over"):
            prepare(path, GREY, "digits")


def test_a_digit_for_mnist_is_20_pixels_high(picture):
    image = prepare(picture(ONE), tiny_config(image_size=28), "mnist").image
    assert np.ptp(np.flatnonzero(image.sum(axis=(1, 2)))) + 1 == 20


def test_a_garment_is_cut_out_and_light_on_dark(picture):
    shirt = np.full((400, 600, 3), 250, np.uint8)
    shirt[100:260, 400:520] = 30, 40, 90
    ready = prepare(picture(shirt), tiny_config(image_size=28), "fashion-mini")
    image = ready.image[..., 0]
    assert ready.notes[:2] == ["600 x 400 pixels", "inverted to light on dark"]
    rows, columns = (np.flatnonzero(image.sum(axis=axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (0, 27, 3, 23) and image[14, 14] > 0.7


def test_a_model_of_another_size_reads_the_road_s_picture_resized_as_its_data_were(picture):
    eight, sixteen = (prepare(picture(ONE), tiny_config(image_size=size), "digits") for size in (8, 16))
    np.testing.assert_allclose(sixteen.image, resized(eight.image[None], (16, 16))[0])
    assert sixteen.notes == [*eight.notes, "resized to 16 x 16"]
    first = load("digits").test_images[0]
    shown = picture((255 * first[..., 0]).round().astype(np.uint8))
    larger = load("digits", image_size=16).test_images[0]
    np.testing.assert_allclose(prepare(shown, tiny_config(image_size=16), "digits").image, larger, atol=0.002)
