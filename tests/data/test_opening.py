"""Files of every usual kind, and of hostile ones, become upright pictures or one sentence."""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageFile

from minivit.data import opening, pictures
from minivit.data.opening import upright

from ..support.tiny import tiny_config

SCENE = np.zeros((24, 40, 3), np.uint8)  # dark, with a light corner above on the left
SCENE[:12, :20] = 220, 200, 180
KINDS = "JPEG PNG WEBP BMP GIF TIFF".split()


@pytest.fixture
def written(tmp_path):
    """written(image, "GIF", ...): the path of a file of that kind, which is called picture.png whatever it is."""

    def write(image, kind, **options):
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(tmp_path / "picture.png", kind, **options)
        return tmp_path / "picture.png"

    return write


def pixels(path):
    picture, _ = upright(path)
    return np.asarray(picture)


def refused(path):
    with pytest.raises(ValueError) as caught:
        upright(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_whatever_its_name_says(written, kind):
    picture, size = upright(written(SCENE, kind))
    assert picture.mode == "RGB" and size == picture.size == (40, 24)
    assert np.abs(np.asarray(picture)[4, 4].astype(int) - SCENE[4, 4]).max() < 20
    assert np.asarray(picture)[20, 30].max() < 20


@pytest.mark.parametrize("kind", KINDS)
def test_predict_reads_every_kind(written, kind):
    image, notes = pictures.read_image(written(SCENE, kind), tiny_config(channels=3))
    assert notes[0] == "40 x 24 pixels" and image[0, 0].min() > 0.6 > 0.1 > image[7, 7].max()


def test_no_kind_is_opened_that_starts_another_program(tmp_path, written, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", None)  # not to be reached
    assert "give a JPEG, PNG, WebP, BMP, GIF or TIFF file" in refused(written(SCENE, "EPS"))
    for kind in ("PPM", "TGA", "ICO", "PDF", "ICNS", "PCX"):
        assert "no image that can be read" in refused(written(Image.fromarray(SCENE).resize((32, 32)), kind))


def test_the_first_frame_is_read(written):
    frames = [Image.fromarray(SCENE), Image.fromarray(255 - SCENE)]
    for kind in ("GIF", "WEBP", "TIFF", "PNG"):
        assert pixels(written(frames[0], kind, save_all=True, append_images=frames[1:]))[20, 30].max() < 20


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(9))
def test_a_picture_is_upright_as_the_camera_was_held(written, kind, orientation):
    exif = Image.Exif()
    exif[opening.ORIENTATION] = orientation
    stored = Image.fromarray(SCENE)
    undo = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 3: Image.Transpose.ROTATE_180}
    undo |= {2: Image.Transpose.FLIP_LEFT_RIGHT, 4: Image.Transpose.FLIP_TOP_BOTTOM}
    undo |= {5: Image.Transpose.TRANSPOSE, 7: Image.Transpose.TRANSVERSE}
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    path = written(stored, kind, exif=exif)
    assert opening.header(path) == ((40, 24), False)
    found = pixels(path)
    assert found.shape == (24, 40, 3) and found[4, 4].min() > 150 and found[20, 30].max() < 20


def test_a_damaged_exif_turns_nothing(written):
    assert pixels(written(SCENE, "JPEG", exif=b"Exif\0\0garbage" + bytes(40))).shape == (24, 40, 3)


# modes


def test_cmyk_is_brought_to_colours(written):
    for kind in ("JPEG", "TIFF"):
        assert np.abs(pixels(written(Image.fromarray(SCENE).convert("CMYK"), kind)).astype(int) - SCENE).max() < 60


def test_what_is_transparent_stays_so(written):
    ink = Image.fromarray(SCENE).convert("P")
    picture, _ = upright(written(ink, "PNG", transparency=ink.getpixel((30, 20))))
    assert picture.mode == "RGBA" and picture.getpixel((30, 20))[3] == 0 and picture.getpixel((4, 4))[3] == 255
    for mode in ("LA", "RGBA"):
        assert upright(written(Image.new(mode, (4, 4)), "PNG"))[0].mode == "RGBA"
    grey = Image.new("L", (4, 4), 7)
    assert upright(written(grey, "PNG", transparency=7))[0].getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_stays_grey(written, mode):
    path = written(Image.fromarray(SCENE).convert(mode), "PNG")
    assert opening.header(path)[1] and upright(path)[0].mode == "L"


RAMP = np.arange(24 * 40).reshape(24, 40) / (24 * 40 - 1)


@pytest.mark.parametrize("top", [255, 4095, 65535, 100_000, 2**31 - 1])
@pytest.mark.parametrize("kind", [np.int32, np.uint16, np.float32])
def test_whole_numbers_of_a_tiff_are_read_by_their_range(written, top, kind):
    if top > 65535 and kind is np.uint16:
        return
    found = pixels(written(Image.fromarray((RAMP * top).astype(kind)), "TIFF"))
    assert np.abs(found - RAMP * 255).max() <= 1.01


def test_negative_numbers_have_a_range_too(written):
    found = pixels(written(Image.fromarray((RAMP * 4000 - 1000).astype(np.int32)), "TIFF"))
    assert np.abs(found - RAMP * 255).max() <= 1.01


def test_16_bits_of_a_png_are_what_png_says_they_are(written):
    found = pixels(written(Image.fromarray((RAMP * 4095).astype(np.uint16)), "PNG"))
    assert np.abs(found - RAMP * 4095 / 257).max() <= 0.51


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_none_are_black(written):
    values = np.full((4, 4), np.nan, np.float32)
    values[0] = 0.5
    values[1, 0] = np.inf
    assert pixels(written(Image.fromarray(values), "TIFF")).tolist() == [[128] * 4, [0] * 4, [0] * 4, [0] * 4]
    assert pixels(written(Image.fromarray(values * np.nan), "TIFF")).max() == 0


# sizes


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(12_000, 12_000), (60_000, 60_000), (1 << 30, 1), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_that_claims_huge_sizes_is_refused_before_it_is_decoded(tmp_path, size, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)  # not to be reached
    (tmp_path / "bomb.png").write_bytes(png_that_claims(*size))
    assert "too many pixels" in refused(tmp_path / "bomb.png")


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size(written, monkeypatch):
    path = written(Image.new("RGB", (1600, 1200), (10, 200, 30)), "JPEG")
    assert upright(path, least=128)[0].size == (200, 150) and upright(path, least=128)[1] == (1600, 1200)
    assert upright(path)[0].size == (1600, 1200)
    monkeypatch.setattr(opening, "MOST_PIXELS", 200 * 150)  # which is what is decoded
    assert upright(path, least=128)[0].size == (200, 150)
    assert "too many pixels, 800 x 600, more than 30,000" in refused(path)
    monkeypatch.setattr(opening, "MOST_PIXELS", 800 * 600)
    assert upright(path)[0].size == (800, 600)  # rather than none


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_another_large_picture_is_made_smaller_and_no_side_below_what_is_asked_for(written, kind):
    picture, size = upright(written(SCENE, kind), least=8)
    assert picture.size == (14, 8) and size == (40, 24)


# damage


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_off_or_damaged_is_told_and_no_other_error_comes_out(written, tmp_path, kind):
    rng = np.random.default_rng(0)
    content = bytearray(written(rng.integers(0, 256, (40, 40, 3), np.uint8), kind).read_bytes())
    told = 0
    for i in range(120):
        copy = content[: int(rng.integers(len(content)))] if i % 2 else bytearray(content)
        if len(copy) and i % 3:
            at = int(rng.integers(min(len(copy), 200 if i % 4 else len(copy))))
            copy[at : at + 4] = rng.bytes(4)
        (tmp_path / "picture.png").write_bytes(copy)
        try:
            upright(tmp_path / "picture.png")
        except ValueError as error:
            told += 1
            assert "picture.png" in str(error) and "\n" not in str(error)
    assert told >= 40


@pytest.mark.parametrize("content", [b"", b"hello", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xff\xd8\xff", bytes(500)])
def test_a_file_that_only_is_called_an_image_is_refused(tmp_path, content):
    (tmp_path / "text.jpg").write_bytes(content)
    refused(tmp_path / "text.jpg")


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="nothing is forbidden to this user")
def test_a_file_that_may_not_be_read_is_told(written):
    path = written(SCENE, "PNG")
    path.chmod(0)
    assert "may not be read by you" in refused(path)


def test_the_filters_of_warnings_are_as_they_were(written):
    before = list(warnings.filters)
    upright(written(SCENE, "PNG"))
    assert warnings.filters == before
