"""Pictures as the library prepares them that a pretrained model comes from: hashes of what these gave, and what is refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from minivit.data import imagenet
from minivit.data.datasets import normalise
from minivit.data.photographs import checked, read_as_trained
from minivit.data.preparation import preparation, prepared

from ..support.made import photographs
from ..support.prepared_pictures import CASES, KEPT, digest

PICTURES = photographs()
EXPECTED = json.loads(KEPT.read_text(encoding="utf-8"))


def sizes(height=224, width=224, channels=3, dim=768, patch=16):
    return SimpleNamespace(image_size=(height, width), channels=channels, dim=dim, patch_size=(patch, patch))


@pytest.mark.slow_of("Hugging Face", "timm, ", "torchvision")
@pytest.mark.parametrize("case", CASES)
def test_every_picture_is_what_the_library_makes_of_it_bit_for_bit(case, tmp_path):
    layout, config, preprocessor, size = CASES[case]
    reading, mean, std = preparation(layout, config, preprocessor, sizes(*size))
    json.dumps([reading, mean, std])
    for name, picture in PICTURES.items():
        picture.save(tmp_path / f"{name}.png", compress_level=0)
        image, _ = read_as_trained(tmp_path / f"{name}.png", sizes(*size), checked(reading))
        assert digest(normalise(image, mean, std)) == EXPECTED[case][name], name


def test_what_is_transparent_is_paper_and_grey_is_repeated():
    reading = {"resize": [4, 4], "resample": "bilinear"}
    nothing = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert prepared(nothing, (4, 4), reading).tolist() == np.full((4, 4, 3), 255).tolist()
    assert prepared(Image.new("L", (4, 4), 9), (4, 4), reading).shape == (4, 4, 3)
    assert prepared(nothing, (4, 4), reading, channels=1).shape == (4, 4, 1)


def test_a_large_photograph_is_decoded_at_its_own_size(tmp_path):
    PICTURES["large"].save(tmp_path / "large.jpg", quality=90)
    reading = {"resize": 20, "resample": "bicubic"}
    image, _ = read_as_trained(tmp_path / "large.jpg", sizes(16, 16), reading)
    with Image.open(tmp_path / "large.jpg") as whole:
        assert np.array_equal(image, prepared(whole, (16, 16), reading) / np.float32(255))


def test_notes_say_what_was_done(tmp_path):
    PICTURES["wide"].save(tmp_path / "wide.png")
    reading, _, _ = preparation("timm", None, None, sizes())
    _, notes = read_as_trained(tmp_path / "wide.png", sizes(), reading)
    assert notes == ["640 x 427 pixels", "shorter side to 248, bicubic", "the middle 224 x 224"]
    _, notes = read_as_trained(tmp_path / "wide.png", sizes(), {"resize": [224, 224], "resample": "bilinear"})
    assert notes == ["640 x 427 pixels", "squeezed to 224 x 224, bilinear"]


@pytest.mark.parametrize(
    "layout, config, size, resize, resample, mean",
    [
        ("timm", None, 224, 248, "bicubic", 0.5),
        ("Google", None, 224, [224, 224], "bilinear", 0.5),
        ("DeiT", None, 224, 256, "bicubic", 0.485),
        ("DINOv2", None, 518, 592, "bicubic", 0.485),
        ("torchvision", None, 224, 256, "bilinear", 0.485),
        ("torchvision", None, 512, 512, "bicubic", 0.485),
        ("CLIP", None, 224, 224, "bicubic", 0.48145466),
        ("Hugging Face", {"model_type": "vit"}, 384, [384, 384], "bilinear", 0.5),
        ("Hugging Face", {"model_type": "dinov2"}, 224, 256, "bicubic", 0.485),
    ],
)
def test_without_a_sidecar_the_layout_tells(layout, config, size, resize, resample, mean):
    reading, means, stds = preparation(layout, config, None, sizes(size, size))
    assert reading == {"resize": resize, "resample": resample} and means[0] == mean and len(means) == len(stds) == 3


def test_with_another_image_size_the_resized_picture_grows_along():
    assert preparation("timm", {"pretrained_cfg": {"crop_pct": 0.9}}, None, sizes(384, 384))[0]["resize"] == 426
    cut = {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}}
    assert preparation("Hugging Face", {}, cut, sizes(448, 448))[0]["resize"] == 512
    assert preparation("torchvision", None, None, sizes(dim=1024))[0]["resize"] == 242  # its L/16


@pytest.mark.parametrize(
    "config, preprocessor, words",
    [
        ({"pretrained_cfg": {"crop_mode": "border"}}, None, "crop_mode 'border'"),
        ({"pretrained_cfg": {"crop_pct": "much"}}, None, "crop_pct 'much'"),
        ({"pretrained_cfg": {"crop_pct": 0}}, None, "crop_pct 0"),
        ({"pretrained_cfg": {"interpolation": "magic"}}, None, "interpolation 'magic'"),
        ({"pretrained_cfg": {"std": [1, 0, 1]}}, None, "std is told as"),
        ({"pretrained_cfg": {"mean": [1, 0]}}, None, "mean is told as"),
        (None, {"size": {"height": -1, "width": 3}}, "size -1"),
        (None, {"size": {"height": 10**6, "width": 3}}, "size 1000000"),
        (None, {"resample": True}, "resample True"),
        (None, {"do_rescale": False}, "not followed"),
        (None, {"rescale_factor": 1}, "not followed"),
    ],
    ids=str,
)
def test_what_is_not_to_be_followed_is_named(config, preprocessor, words):
    with pytest.raises(ValueError, match=words):
        preparation("timm", config, preprocessor, sizes())


@pytest.mark.parametrize("resize", [0, [3], "8", 10**9, True, [8, 8.0]], ids=str)
def test_a_reading_that_is_none_is_refused(resize):
    with pytest.raises(ValueError, match="which is no such thing"):
        checked({"resample": "bicubic", "resize": resize})
    with pytest.raises(ValueError, match="which is no such thing"):
        checked({"resize": 8, "resample": "magic"})


def test_imagenets_names():
    names = imagenet.names()
    assert len(names) == len(set(names)) == 1000 and all(name.strip() == name for name in names)
    assert (names[0], names[134], names[207], names[517], names[999]) == (
        "tench",
        "crane bird",
        "golden retriever",
        "crane",
        "toilet tissue",
    )
