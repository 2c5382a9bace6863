"""Folders of pictures with boxes, in COCO's form: what becomes of the boxes, how they are split, and what is refused."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from minivit.data import listing, load
from minivit.data.formats import coco
from minivit.data.photographs import read_as_trained

from ...support import made

NAMES = {3: "dog", 7: "cat"}
SIZE = (40, 30)  # of the pictures, width and height
BOXES = [(7, [5, 3, 20, 12]), (3, [0, 15, 10, 15])]


def content(count=5, boxes=BOXES, **changes):
    """What an annotations.json says: `count` pictures of the same objects."""
    images = [{"id": 10 * i, "file_name": f"{i}.png", "width": SIZE[0], "height": SIZE[1]} for i in range(count)]
    annotations = [{"image_id": one["id"], "category_id": number, "bbox": box} for one in images for number, box in boxes]
    categories = [{"id": number, "name": name} for number, name in NAMES.items()]
    return {"images": images, "annotations": annotations, "categories": categories} | changes


def write(folder, said=None, size=SIZE):
    """A folder with annotations.json, and with its pictures in images/."""
    write_files(folder / "annotations.json", folder / "images", said, size)
    return folder


def write_files(file, folder, said=None, size=SIZE):
    """That file, and its pictures in a folder; picture i has the colour (10 i, 0, 200)."""
    said = content() if said is None else said
    for i, one in enumerate(said["images"]):
        path = (folder / one["file_name"]).resolve()
        if path.is_relative_to(folder.resolve()):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (10 * i, 0, 200)).save(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said))


def refused(folder, **options):
    with pytest.raises(ValueError) as caught:
        load(folder, **options)
    return str(caught.value)


# boxes


def test_boxes_become_fractions_of_the_image_and_classes_follow_the_ids(tmp_path):
    data = load(write(tmp_path), image_size=(30, 40))
    assert data.classes == ("dog", "cat") and data.train_images.shape == (4, 30, 40, 3) and len(data.test_images) == 1
    expected = [[1, 15 / 40, 9 / 30, 20 / 40, 12 / 30], [0, 5 / 40, 22.5 / 30, 10 / 40, 15 / 30]]
    np.testing.assert_allclose(data.train_labels, np.broadcast_to(expected, (4, 2, 5)), atol=1e-6)


def test_a_box_is_cut_at_the_edge_of_its_picture_and_left_out_beyond(tmp_path):
    data = load(write(tmp_path, content(boxes=[(3, [-5, 15, 15, 20]), (3, [41, 0, 5, 5])])), image_size=15)
    np.testing.assert_allclose(data.test_labels, [[[0, 5 / 40, 22.5 / 30, 10 / 40, 15 / 30]]], atol=1e-6)
    assert data.notes == (
        "objects passed over: 5 without a size in the picture",
        "categories without a box, which are no classes: cat",
    )


def test_a_bright_object_lies_in_its_box(tmp_path):
    write(tmp_path, content(boxes=[(3, [12, 6, 9, 15])]))
    for i in range(5):
        picture = Image.new("RGB", SIZE)
        picture.paste((255, 255, 255), (12, 6, 21, 21))
        picture.save(tmp_path / "images" / f"{i}.png")
    data = load(tmp_path, image_size=60)
    _, cx, cy, w, h = 60 * data.test_labels[0, 0]
    rows, columns = np.nonzero(data.test_images[0, ..., 0] > 0.5)
    found = [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]
    np.testing.assert_allclose(found, [cx - w / 2, cx + w / 2, cy - h / 2, cy + h / 2], atol=1)


def test_a_picture_is_read_later_as_training_read_it(tmp_path):
    """A stripe at the left is white, which the middle of a picture would lack."""
    write(tmp_path)
    for i in range(5):
        picture = Image.new("RGB", SIZE)
        picture.paste((255, 255, 255), (0, 0, 4, 30))
        picture.save(tmp_path / f"images/{i}.png")
    data = load(tmp_path, image_size=15)
    image, _ = read_as_trained(tmp_path / "images/0.png", SimpleNamespace(image_size=(15, 15), channels=3), data.reading)
    assert image[:, 0].min() == 1 and np.array_equal(image, data.test_images[0])


def test_crowds_and_boxes_without_a_size_are_passed_over_and_counted(tmp_path):
    said = content(boxes=[*BOXES, (7, [5, 5, 0, 9])])
    said["annotations"].append({"image_id": 0, "category_id": 7, "bbox": [0, 0, 40, 30], "iscrowd": 1})
    data = load(write(tmp_path, said))
    assert data.train_labels.shape == (4, 2, 5) and data.notes == (
        "objects passed over: 5 without a size in the picture, 1 of many in one box",
    )


def test_a_picture_may_show_nothing(tmp_path):
    said = content()
    said["annotations"] = said["annotations"][:-4]
    write(tmp_path / "train", said)
    data = load(write(tmp_path / "test").parent)
    assert (data.train_labels[..., 0] >= 0).sum(axis=1).tolist() == [2, 2, 2, 0, 0]


# parts


def test_train_and_test_are_the_split_and_have_room_for_as_many_objects(tmp_path):
    write(tmp_path / "train", content(3, BOXES[:1]))
    write(tmp_path / "Val", content(2))
    data = load(tmp_path)
    assert data.train_labels.shape == (3, 2, 5) and data.test_labels.shape == (2, 2, 5)
    assert (data.train_labels[:, 1] == [-1, 0, 0, 0, 0]).all()


def test_without_a_test_part_the_split_is_always_the_same(tmp_path):
    first, again = (load(write(tmp_path / "my"), image_size=8) if new else load(tmp_path / "my", image_size=8) for new in (1, 0))
    assert np.array_equal(first.test_images, again.test_images)


def test_a_folder_of_class_folders_is_still_one(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (8, 8)).save(tmp_path / name / f"{i}.png")
    assert load(tmp_path).train_labels.ndim == 1


LAYOUTS = {  # as COCO has it, and as CVAT, Roboflow, FiftyOne and Label Studio write it: {file: where its pictures lie}
    "coco": {"annotations/instances_train2017.json": "train2017", "annotations/instances_val2017.json": "val2017"},
    "below images": {"annotations/instances_train.json": "images/train", "annotations/instances_val.json": "images/val"},
    "cvat": {"annotations/instances_default.json": "images/default"},
    "roboflow": {"train/_annotations.coco.json": "train", "test/_annotations.coco.json": "test"},
    "fiftyone": {"train/labels.json": "train/data", "validation/labels.json": "validation/data"},
    "label studio": {"result.json": "."},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_are_found_where_tools_put_them(tmp_path, layout):
    counts = []
    for number, (file, pictures) in enumerate(LAYOUTS[layout].items()):
        said = content(5 - number)
        if layout == "label studio":  # which names them from the folder above
            said["images"] = [one | {"file_name": f"images/{one['file_name']}"} for one in said["images"]]
        write_files(tmp_path / file, tmp_path / pictures, said)
        counts.append(5 - number)
    data = load(tmp_path)
    assert [len(data.train_images), len(data.test_images)] == (counts if len(counts) == 2 else [4, 1])


def test_what_is_no_file_of_boxes_and_a_third_part_are_passed_over(tmp_path):
    for part in ("train", "valid", "test"):
        write_files(tmp_path / f"annotations/{part}.json", tmp_path / "images" / part, content(3))
    (tmp_path / "annotations/captions_train.json").write_text("[]")
    data = load(tmp_path)
    assert data.notes == (f"files passed over: {os.path.join('annotations', 'valid.json')}",)


def test_which_file_is_for_training_must_be_told(tmp_path):
    for name in ("first", "second"):
        write_files(tmp_path / f"annotations/{name}.json", tmp_path / "images")
    assert "must have train in its name" in refused(tmp_path)


def test_class_folders_with_a_list_of_labels_are_class_folders(tmp_path):
    made.class_folders(tmp_path)
    (tmp_path / "labels.json").write_text("{}")
    assert load(tmp_path).train_labels.ndim == 1


def test_a_category_without_a_box_is_no_class(tmp_path):
    data = load(write(tmp_path, content(categories=[{"id": 0, "name": "pets"}, *content()["categories"]])))
    assert data.classes == ("dog", "cat") and data.notes == ("categories without a box, which are no classes: pets",)


# what is refused


@pytest.mark.parametrize("name", ["../secret.png", "sub/../../../secret.png", os.path.abspath("secret.png")])
def test_a_picture_outside_the_folder_is_refused(tmp_path, name):
    said = content()
    said["images"][2]["file_name"] = name
    assert "lies outside of" in refused(write(tmp_path / "my", said))


def test_pictures_that_are_learned_from_and_tested_with_are_told(tmp_path):
    for part in ("train", "val"):
        write_files(tmp_path / f"annotations/instances_{part}.json", tmp_path / "images", content(4 if part == "val" else 5))
    assert load(tmp_path).notes[0].startswith("to learn from and to test with: 4 pictures in both files")


def test_a_listing_counts_things_and_says_which_side_is_which(tmp_path):
    said = "\n".join(listing.summary(load(write(tmp_path))))
    assert "images of 30 x 40 (height x width), 3 channels" in said and said.endswith("a test image shows 2 things")


@pytest.mark.skipif(os.name == "nt", reason="Windows lets not everybody make links")
def test_a_link_out_of_the_folder_is_refused(tmp_path):
    write(tmp_path / "my")
    Image.new("RGB", SIZE).save(tmp_path / "secret.png")
    (tmp_path / "my/images/2.png").unlink()
    (tmp_path / "my/images/2.png").symlink_to(tmp_path / "secret.png")
    assert "lies outside of" in refused(tmp_path / "my")


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "it is no JSON, or ends too early: Expecting"),
        ("[]", "it has no list 'categories'"),
        ("[" * 100_000, "recursion"),
        ('{"images": []}', "it has no list 'categories'"),
        (
            json.dumps(content(annotations=[{"image_id": 7, "category_id": 3, "bbox": [0, 0, 1, 1]}])),
            "[0] is of image 7, which",
        ),
        (
            json.dumps(content(annotations=[{"image_id": 0, "category_id": 3, "bbox": [0, 0, 1]}])),
            "[0, 0, 1], which is not",
        ),
        (json.dumps(content(boxes=[(3, [0, 0, float("nan"), 1])])), "nan"),
        (json.dumps(content(boxes=[(3, [0, 0, 10**400, 1])])), "which is not [left"),
        (
            json.dumps(content(categories=[{"id": 3, "name": "dog"}, {"id": "7", "name": "cat"}])),
            "[0] is of category 7, which it does not list: it has '7', which is something else",
        ),
        (json.dumps(content()).replace('"height"', '"high"', 3).replace('"high"', '"height"', 2), "images[2] lacks 'height'"),
        (json.dumps(content()).replace('"id": 10,', '"id": 0,'), "1 of its images have an id that another one has"),
        (json.dumps(content()).replace('"id": 7', '"id": 3'), "1 of its categories have an id that another one has"),
        (json.dumps(content()).replace('"id": 10,', '"id": [10],'), "images[1] has the id [10], which is no number and no text"),
        (json.dumps(content()).replace('"1.png"', '"0.png"'), "it lists '0.png' twice: give each picture once"),
        (json.dumps(content()).replace('"width": 40', '"width": "40"'), "images[0] is '40' x 30, and not so many pixels"),
        (json.dumps(content(boxes=[(3, [True, 0, 1, 1])])), "[True, 0, 1, 1], which is not [left"),
        (json.dumps(content()).replace("0.png", "\\u0000.png"), "null"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path, text, said):
    write(tmp_path)
    (tmp_path / "annotations.json").write_text(text)
    message = refused(tmp_path)
    assert str(tmp_path / "annotations.json") in message and said in message and "\n" not in message


def test_a_picture_of_another_size_than_its_annotations_say_is_refused(tmp_path):
    assert "seen upright, is 50 x 30, and its boxes were drawn on 40 x 30" in refused(write(tmp_path, size=(50, 30)))


def test_a_class_that_is_only_tested_is_refused(tmp_path):
    write(tmp_path / "train", content(categories=[{"id": 3, "name": "dog"}, {"id": 7, "name": "cow"}]))
    write(tmp_path / "test")
    assert "category 'cat' is not among those of" in refused(tmp_path)


def test_pictures_that_cannot_be_read_are_told_and_without_any_it_is_refused(tmp_path):
    write(tmp_path)
    (tmp_path / "images/0.png").write_bytes(b"no picture")
    data = load(tmp_path)
    assert len(data.train_images) + len(data.test_images) == 4 and data.notes[0].startswith("1 picture cannot be read: ")
    for i in range(1, 5):
        (tmp_path / f"images/{i}.png").unlink()
    assert "none of its 5 pictures can be read" in refused(tmp_path)


def test_a_part_without_a_box_is_refused(tmp_path):
    write(tmp_path / "train")
    write(tmp_path / "test", content(annotations=[]))
    assert "in none of its 5 pictures to test with is there a box" in refused(tmp_path)


@pytest.mark.parametrize(
    "bound, sentence", [("MOST_TEXT", "it is larger than 0 MiB"), ("MOST_OBJECTS", "has 2 boxes; there may be 1")]
)
def test_what_is_too_much_is_refused(tmp_path, monkeypatch, bound, sentence):
    monkeypatch.setattr(coco, bound, 1)
    assert sentence in refused(write(tmp_path))
