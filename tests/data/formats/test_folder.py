"""Folders of class folders: which files are which class, what is passed over, and how pictures of any size become images."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from minivit.data import load
from minivit.data.fetch import kept
from minivit.data.formats import folder, tree

from ...support import made
from ...support.tiny import ENVIRONMENT

LINKS = pytest.mark.skipif(os.name == "nt", reason="Windows lets not everybody make links")


def photo(path, size=(40, 30), colour=(200, 100, 50), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


def photos(path, names=("cats", "dogs"), per_class=4):
    for k, name in enumerate(names):
        for i in range(per_class):
            photo(path / name / f"{i}.jpg", (40 + i, 30), (250 - 90 * k, 100, 10 * i))
    return path


def pixels(data):
    return np.concatenate([data.train_images, data.test_images])


def told(data):
    return "\n".join(data.notes)


# classes and parts


def test_a_folder_is_split_by_class_always_in_the_same_way(tmp_path):
    made.class_folders(tmp_path / "pets", per_class=10)
    data = load(str(tmp_path / "pets"))
    assert data.classes == ("cats", "dogs") and data.train_images.shape == (16, 6, 8, 1)
    assert np.bincount(data.train_labels).tolist() == [8, 8] and np.bincount(data.test_labels).tolist() == [2, 2]
    again = load("pets", tmp_path)
    assert np.array_equal(data.train_images, again.train_images) and np.array_equal(data.test_images, again.test_images)
    greys = pixels(data)[:, 2, 2, 0] * 255
    assert sorted(greys.round().astype(int)) == [*range(60, 70), *range(120, 130)]
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert np.array_equal(greys > 100, labels == 1)


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING"])
@pytest.mark.parametrize("test", ["test", "Test", "val", "valid", "Validation"])
def test_folders_for_training_and_for_testing_are_the_split(tmp_path, train, test):
    made.class_folders(tmp_path / train, 3)
    made.class_folders(tmp_path / test, 2, names=("dogs",))
    data = load(tmp_path)
    assert len(data.train_images) == 6 and data.test_labels.tolist() == [1, 1]
    assert "none to test: cats" in told(data)


def test_of_test_and_val_it_is_test_that_tests_and_the_other_is_told_to_be_passed_over(tmp_path):
    for name, count in (("train", 3), ("test", 2), ("val", 4)):
        made.class_folders(tmp_path / name, count)
    data = load(tmp_path)
    assert len(data.train_images) == 6 and len(data.test_images) == 4 and "folders passed over: val" in told(data)


def test_a_folder_that_holds_only_train_is_split(tmp_path):
    made.class_folders(tmp_path / "Train", 5)
    data = load(tmp_path)
    assert data.classes == ("cats", "dogs") and len(data.train_images) == 8


def test_a_class_may_be_called_train(tmp_path):
    made.class_folders(tmp_path, 5, names=("bus", "train", "tram"))
    assert load(tmp_path).classes == ("bus", "train", "tram")
    made.class_folders(tmp_path / "train" / "old")  # now it may be either
    with pytest.raises(ValueError, match=r"has train/ with folders inside, and beside it bus, tram: name .*train itself"):
        load(tmp_path)


@pytest.mark.parametrize("beside", [(), ("cats", "dogs"), ("test/cats", "test/dogs")])
def test_a_part_for_testing_is_no_class(tmp_path, beside):
    made.class_folders(tmp_path / "Val")
    for name in beside:
        made.class_folders(tmp_path, names=[name])
    with pytest.raises(ValueError, match="with folders inside, and no train/ beside it: put the class folders"):
        load(tmp_path)


def test_folders_within_a_class_belong_to_it(tmp_path):
    made.class_folders(tmp_path, 3)
    made.class_folders(tmp_path / "cats" / "2023", 2, names=("may", "june"))
    data = load(tmp_path)
    assert data.classes == ("cats", "dogs") and np.bincount([*data.train_labels, *data.test_labels]).tolist() == [7, 3]


def test_classes_stand_in_their_natural_order(tmp_path):
    for name in ("10", "2", "1", "class 10 b", "class 9", "ünder", "日本"):
        made.class_folders(tmp_path, 2, names=[name])
    assert load(tmp_path).classes == ("1", "2", "10", "class 9", "class 10 b", "ünder", "日本")


def test_suffixes_and_names_may_be_written_in_any_way(tmp_path):
    made.class_folders(tmp_path / "my photos")
    for name, kind in (
        ("A.JPG", "JPEG"),
        ("b.Jpeg", "JPEG"),
        ("c d.TIF", "TIFF"),
        ("ж.WebP", "WEBP"),
        ("e.BMP", "BMP"),
        ("f.gif", "GIF"),
    ):
        (tmp_path / "my photos" / "cats" / name).write_bytes(made.picture(made.IMAGES["train"][0], kind))
    data = load(tmp_path / "my photos")
    assert len(pixels(data)) == 16 and "skipped" not in told(data)


@pytest.mark.filterwarnings("error")
def test_a_folder_that_is_no_data_set_is_refused_with_what_to_do(tmp_path):
    def refused(path=tmp_path):
        with pytest.raises(ValueError) as caught:
            folder.read(path)
        return str(caught.value)

    assert "0 class folders" in refused()
    photo(tmp_path / "1.jpg")
    assert "1 image files lie in no class folder: make one for each class" in refused()
    (tmp_path / "cats").mkdir()
    (tmp_path / "dogs").mkdir()
    assert f"no JPEG, PNG, WebP, BMP, GIF or TIFF file in the class folders of {tmp_path}" in refused()
    made.class_folders(tmp_path / "split" / "train")
    made.class_folders(tmp_path / "split" / "test", names=("cats", "birds"))
    assert "birds is a class that" in refused(tmp_path / "split") and "train does not have" in refused(tmp_path / "split")
    made.class_folders(tmp_path / "outer" / "inner")
    assert f"Is {tmp_path / 'outer' / 'inner'} the folder that is meant?" in refused(tmp_path / "outer")
    made.class_folders(tmp_path / "half" / "train")
    (tmp_path / "half" / "val").mkdir()
    assert "no JPEG, PNG" in refused(tmp_path / "half") and "val" in refused(tmp_path / "half")


def test_a_class_without_images_is_told_by_name_and_by_what_is_there(tmp_path):
    made.class_folders(tmp_path)
    (tmp_path / "parrots").mkdir()
    for i in range(3):
        (tmp_path / "parrots" / f"{i}.HEIC").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"file in .*parrots; there are 3 files skipped: 3 \.heic: put images there, or take"):
        load(tmp_path)
    (tmp_path / "parrots" / "0.png").write_bytes(b"no image")
    (tmp_path / "parrots" / "1.png").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"none of the image files in .*parrots can be read \(.*0\.png is no image .* and 1 more\)"
    ):
        load(tmp_path)
    made.class_folders(tmp_path, 1, names=("owls",))
    photo(tmp_path / "parrots" / "2.png")
    with pytest.raises(ValueError, match="owls has one image: it needs one to learn from and one for testing"):
        load(tmp_path)


# what is passed over


def test_what_is_skipped_is_counted_and_named(tmp_path):
    made.class_folders(tmp_path)
    for name in ("a.heic", "b.HEIC", "notes.txt", "LICENSE", ".DS_Store", "._0.png", "c.png.part"):
        (tmp_path / "cats" / name).write_bytes(b"x")
    made.class_folders(tmp_path / "__MACOSX")
    made.class_folders(tmp_path / ".thumbnails")
    (tmp_path / "readme.txt").write_text("cats and dogs")
    photo(tmp_path / "cover.jpg")
    data = load(tmp_path)
    assert data.classes == ("cats", "dogs") and len(pixels(data)) == 10
    assert "8 files skipped: 2 .heic, 2 hidden" in told(data) and "1 .txt" in told(data) and "1 without a suffix" in told(data)
    assert "1 outside the class folders" in told(data) and "folders passed over: .thumbnails, __MACOSX" in told(data)


def test_a_file_that_cannot_be_read_is_skipped_by_name(tmp_path):
    photos(tmp_path, per_class=9)
    content = photo(tmp_path / "x.jpg", (200, 200)).read_bytes()
    (tmp_path / "x.jpg").unlink()
    damages = {"cut": content[:-99], "empty": b"", "text": b"hello", "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n", "header": content[:20]}
    for name, damage in damages.items():
        (tmp_path / "cats" / f"{name}.jpg").write_bytes(damage)
    data = load(tmp_path)
    assert len(pixels(data)) == 18 and "5 files skipped: 5 that cannot be read" in told(data)
    assert "empty.jpg is empty and no image" in told(data) and "and 2 more that cannot be read" in told(data)
    assert load(tmp_path).notes == data.notes  # from the cache too


@LINKS
def test_links_that_leave_the_folder_are_not_followed(tmp_path):
    made.class_folders(tmp_path / "pets")
    made.class_folders(tmp_path / "secret")
    cats = tmp_path / "pets" / "cats"
    (cats / "stolen.png").symlink_to(tmp_path / "secret" / "cats" / "0.png")
    (cats / "up").symlink_to("..")
    (cats / "all").symlink_to(tmp_path / "secret")
    (cats / "nothing.png").symlink_to("nowhere")
    (cats / "itself.png").symlink_to("itself.png")
    (cats / "same.png").symlink_to("0.png")  # which stays inside
    (cats / "dogs too").symlink_to("../dogs")
    (tmp_path / "pets" / "birds").symlink_to(tmp_path / "secret" / "cats")
    (tmp_path / "pets" / "round").symlink_to(tmp_path / "pets")
    os.mkfifo(cats / "pipe.png")  # whoever opens it waits for ever
    data = load(tmp_path / "pets")
    assert data.classes == ("cats", "dogs") and len(pixels(data)) == 11
    assert "5 linked from elsewhere" in told(data) and "1 linked to a folder" in told(data) and "1 that is no file" in told(data)
    assert "birds (a link that leaves the folder), round (a link" in told(data)
    (tmp_path / "mine").symlink_to(tmp_path / "pets")  # the folder itself may be one
    assert load(tmp_path / "mine").name == str(tmp_path / "pets")


def test_few_images_are_told_before_training_with_what_helps(tmp_path):
    made.class_folders(tmp_path, 30)
    assert load(tmp_path).notes == ()
    made.class_folders(tmp_path, 24, names=("owls",))
    assert "few images to learn from: owls has 19" in told(load(tmp_path)) and "pretrained" in told(load(tmp_path))


# sizes and colours


def test_pictures_of_any_size_become_64_x_64_of_which_the_middle_is_seen(tmp_path):
    image = np.zeros((300, 400, 3), np.uint8)
    image[:, 50:350] = 200, 100, 50  # the middle square
    for name in ("cats", "dogs"):
        for i in range(3):
            path = tmp_path / name / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(image if i else image.transpose(1, 0, 2)).save(path)
    data = load(tmp_path)
    assert data.train_images.shape[1:] == (64, 64, 3) and data.reading["resized"]
    assert np.allclose(pixels(data), np.float32([200, 100, 50]) / 255, atol=0.01)


@pytest.mark.parametrize("asked, shape", [(32, (32, 32)), ((8, 24), (8, 24)), (100, (100, 100)), (None, (64, 64))])
def test_the_size_is_what_is_asked_for(tmp_path, asked, shape):
    assert load(photos(tmp_path), image_size=asked).train_images.shape[1:3] == shape


def test_small_pictures_of_one_size_keep_it_and_large_ones_do_not(tmp_path):
    for size, kept_size in (((8, 6), (6, 8)), ((64, 64), (64, 64)), ((65, 65), (64, 64)), ((61, 53), (64, 64))):
        for name in ("cats", "dogs"):
            for i in range(2):
                photo(tmp_path / str(size) / name / f"{i}.png", size)
        data = load(tmp_path / str(size))
        assert data.train_images.shape[1:3] == kept_size and data.reading["resized"] == (kept_size != size[::-1])


@pytest.mark.parametrize("size", [0, -1, 2.5, "large", (8, 0), 5000])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    with pytest.raises(ValueError, match="image_size is "):
        load(photos(tmp_path), image_size=size)


def test_a_photo_that_lies_on_its_side_counts_as_it_is_to_be_seen(tmp_path):
    made.class_folders(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    for path in tmp_path.rglob("*.png"):
        Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path, exif=exif)
    assert load(tmp_path).train_images.shape[1:] == (8, 6, 3)


def test_they_are_grey_if_most_are(tmp_path):
    made.class_folders(tmp_path, 3)
    photo(tmp_path / "dogs" / "9.JPG", (8, 6))
    assert load(tmp_path).train_images.shape[1:] == (6, 8, 1)
    for i in range(10):
        photo(tmp_path / "dogs" / f"x{i}.JPG", (8, 6))
    assert load(tmp_path).train_images.shape[1:] == (6, 8, 3)


def test_grey_pictures_are_inverted_all_or_none(tmp_path):
    """A light edge in most of the training pictures: dark on light. One that is light on dark stays the other way round."""
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for i in range(5):
            image = np.full((8, 8), 255 if i else 0, np.uint8)
            image[3:5, 3:5] = 50
            Image.fromarray(image).save(tmp_path / name / f"{i}.png")
    data = load(tmp_path)
    corners = sorted(pixels(data)[:, 0, 0, 0])
    assert data.reading["inverted"] and corners == [0] * 8 + [1] * 2
    assert np.allclose(pixels(data)[:, 3, 3, 0], 205 / 255)


def test_the_test_part_has_no_say_in_the_inversion(tmp_path):
    for part, grey in (("train", 0), ("test", 255)):
        for name in ("cats", "dogs"):
            for i in range(2 if part == "train" else 30):
                path = tmp_path / part / name / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (8, 8), grey).save(path)
    data = load(tmp_path)
    assert not data.reading["inverted"] and data.test_images.min() == 1


def test_whole_numbers_are_read_by_the_range_of_the_training_part(tmp_path):
    for part, top in (("train", 4000), ("test", 60_000)):
        for name in ("cats", "dogs"):
            for i in range(2):
                path = tmp_path / part / name / f"{i}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                image = np.zeros((8, 8), np.uint16)
                image[4, 4] = top // (i + 1)
                Image.fromarray(image).save(path)
    data = load(tmp_path)
    assert data.reading["span"] == [0.0, 4095.0]
    assert np.allclose(sorted(data.train_images[:, 4, 4, 0]), np.array([2000, 2000, 4000, 4000]) / 4095, atol=0.005)
    assert data.test_images.max() == 1 and load(tmp_path).reading == data.reading


def test_what_is_transparent_is_paper(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(tmp_path / name / f"{i}.png")
    assert pixels(load(tmp_path)).min() == 1


def test_images_that_would_not_fit_into_memory_are_refused_before_they_are_read(tmp_path, monkeypatch):
    made.class_folders(tmp_path)
    monkeypatch.setattr(folder, "MOST_BYTES", 10 * 6 * 8 * 4 - 1)
    monkeypatch.setattr(folder, "read_fitted", None)  # not to be reached
    with pytest.raises(ValueError, match="its 10 images would take 0 GB at 6 x 8: make them smaller"):
        folder.read(tmp_path)


# the cache


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that were decoded."""
    names, real = [], folder.read_fitted
    monkeypatch.setattr(folder, "read_fitted", lambda path, *rest: names.append(path.name) or real(path, *rest))
    return names


def same(first, second):
    return np.array_equal(pixels(first), pixels(second)) and (first.reading, first.mean) == (second.reading, second.mean)


def test_a_folder_is_decoded_once_and_nothing_is_written_into_it(tmp_path, cache, decoded):
    photos(tmp_path / "pets")
    before = sorted(tmp_path.rglob("*"))
    first = load(tmp_path / "pets")
    assert len(decoded) == 8 and sorted(tmp_path.rglob("*")) == before
    assert same(load(tmp_path / "pets"), first) and len(decoded) == 8
    (entry,) = cache.rglob("*.npz")
    with np.load(entry, allow_pickle=False) as file:
        assert file["images"].dtype == np.uint8


@pytest.mark.parametrize("change", ["content", "time", "another", "removed", "renamed", "size"])
def test_what_has_changed_is_decoded_again(tmp_path, decoded, change):
    photos(tmp_path)
    path, size = tmp_path / "cats" / "0.jpg", None
    load(tmp_path)
    if change == "content":
        status = path.stat()
        content = path.read_bytes()
        path.write_bytes(content[:-1] + b"x")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    elif change == "time":
        os.utime(path, (1, 1))
    elif change == "another":
        photo(tmp_path / "dogs" / "new.jpg")
    elif change == "removed":
        path.unlink()
    elif change == "renamed":
        path.rename(path.with_name("9.jpg"))
    else:
        size = 32
    decoded.clear()
    load(tmp_path, image_size=size)
    assert len(decoded) >= 7


@pytest.mark.parametrize("damage", ["cut", "garbage", "pickle", "other"])
def test_a_damaged_entry_is_made_again(tmp_path, cache, decoded, damage):
    first = load(photos(tmp_path))
    (entry,) = cache.rglob("*.npz")
    if damage == "other":
        np.savez(entry, images=np.zeros((3, 2, 2, 1), np.uint8), about=np.array("[]"))
    elif damage == "pickle":
        np.savez(entry, images=np.array([{}], object), about=np.array("{}"))
    else:
        entry.write_bytes(entry.read_bytes()[:500] if damage == "cut" else b"garbage")
    decoded.clear()
    assert same(load(tmp_path), first) and len(decoded) == 8
    decoded.clear()
    assert same(load(tmp_path), first) and not decoded


def test_the_oldest_entries_are_removed_beyond_a_bound(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(kept, "MOST_ENTRIES", 3)
    photos(tmp_path)
    stale = cache / "pictures" / ".123-x.npz"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"half")
    os.utime(stale, (1, 1))
    for number, size in enumerate((8, 9, 10, 11)):
        load(tmp_path, image_size=size)
        for path in cache.rglob("*.npz"):
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))
        if number:
            load(tmp_path, image_size=8)  # used again and again
    entries = list(cache.rglob("*.npz"))
    assert len(entries) == 3 and not stale.exists()
    sizes = {np.load(path)["images"].shape[1] for path in entries}
    assert sizes == {8, 10, 11}
    monkeypatch.setattr(kept, "MOST_BYTES", 8 * 32 * 32 * 3 + 2000)
    load(tmp_path, image_size=32)
    assert [np.load(path)["images"].shape[1] for path in cache.rglob("*.npz")] == [32]
    load(tmp_path, image_size=64)  # too large an entry: nothing is lost for it
    assert [np.load(path)["images"].shape[1] for path in cache.rglob("*.npz")] == [32]


def test_a_cache_that_cannot_be_written_is_told_and_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "file"))
    data = load(photos(tmp_path / "pets"))
    assert len(pixels(data)) == 8 and "the decoded pictures are not kept" in told(data)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_while_decoding_leaves_no_half_file(tmp_path, cache):
    photos(tmp_path, per_class=6)
    code = (
        "import signal, sys, time\nfrom minivit.data.formats import folder\nfrom minivit.program.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\nreal = folder.read_fitted\n"
        "def slow(*arguments):\n    print('.', flush=True)\n    time.sleep(0.5)\n    return real(*arguments)\n"
        "folder.read_fitted = slow\nsys.exit(main())"
    )
    environment = ENVIRONMENT | {"MINIVIT_DATA": str(cache)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, "data", str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    started = time.perf_counter()
    process.send_signal(2)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "minivit: stopped\n") and time.perf_counter() - started < 2.5
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_a_terminal_shows_how_far_it_is(tmp_path):
    import fcntl
    import pty
    import struct
    import termios

    photos(tmp_path / "my pets")
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    environment = ENVIRONMENT | {"MINIVIT_DATA": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "minivit", "data", str(tmp_path / "my pets")]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=its)
    shown = os.read(mine, 10_000).decode()
    os.close(mine)
    os.close(its)
    assert done.returncode == 0 and "my pets:   0%|" in shown and "/8 [" in shown


@pytest.mark.slow
def test_two_processes_fill_the_cache_at_the_same_time(tmp_path, cache):
    photos(tmp_path, per_class=20)
    environment = ENVIRONMENT | {"MINIVIT_DATA": str(cache)}
    command = [sys.executable, "-m", "minivit", "data", str(tmp_path)]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    (first, _), (second, _) = (process.communicate(timeout=120) for process in both)
    assert first == second and [process.returncode for process in both] == [0, 0]
    assert len([path for path in cache.rglob("*") if path.is_file()]) == 1


@pytest.mark.slow
def test_thousands_of_files_take_moments(tmp_path):
    content = made.picture(made.IMAGES["train"][0])
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for i in range(1500):
            (tmp_path / name / f"{i}.png").write_bytes(content)
    started = time.perf_counter()
    assert len(load(tmp_path).train_images) == 2400
    assert time.perf_counter() - started < 20


def test_names_in_natural_order():
    assert sorted(["b10", "b2", "a", "10", "9", "b"], key=tree.natural) == ["9", "10", "a", "b", "b2", "b10"]
