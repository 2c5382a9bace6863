"""replacing: a file is the old one or the new one, never half of either."""

import pytest

from minivit.training.files import replacing


def test_the_file_appears_under_its_own_name_with_what_was_written(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_an_older_file_is_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("old, and longer")
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_until_the_end_the_older_file_is_what_others_see(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of the ne")
        assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_a_failure_on_the_way_leaves_the_older_file_and_no_temporary(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(error), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of the ne")
        raise error
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_failure_before_the_first_byte_is_written_is_no_other_failure(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a.txt"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_after_a_success_nothing_else_is_in_the_folder(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_the_temporary_lies_beside_the_file_so_that_renaming_stays_on_one_disk(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("new")


def test_the_temporary_keeps_the_suffix_from_which_numpy_and_matplotlib_read_the_format(tmp_path):
    with replacing(tmp_path / "figure.png") as temporary:
        assert temporary.suffix == ".png"
        temporary.write_text("new")


def test_a_path_may_be_a_string(tmp_path):
    with replacing(str(tmp_path / "a.txt")) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").exists()
