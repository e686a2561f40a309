import os
import stat

import numpy as np
import pytest

from tenfold_core._durable import is_temporary, replacement


def test_the_file_appears_only_when_the_block_is_done(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with replacement(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        assert is_temporary(temporary)
        assert not is_temporary(path)
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["a.txt"]


def test_the_new_file_takes_the_place_of_the_old_in_one_step(tmp_path):
    """Who has the old file open, or linked, keeps it whole: it is replaced, not written over."""
    path, kept = tmp_path / "a.txt", tmp_path / "kept.txt"
    path.write_text("old")
    os.link(path, kept)
    with replacement(path) as temporary:
        temporary.write_text("new")
    assert (path.read_text(), kept.read_text()) == ("new", "old")


def test_an_error_in_the_block_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def stop_halfway():
        with replacement(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        stop_halfway()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("make_folder", [True, False])
def test_a_writer_that_leaves_no_file_is_an_error(tmp_path, make_folder):
    path = tmp_path / "a.bin"

    def write():
        with replacement(path) as temporary:
            if make_folder:
                temporary.mkdir()
                (temporary / "inside").write_text("x")

    with pytest.raises(ValueError, match=r"'a\.bin' must leave one file"):
        write()
    assert os.listdir(tmp_path) == []


def test_the_suffix_suits_writers_that_insist_on_one(tmp_path):
    with replacement(tmp_path / "a.npz") as temporary:
        np.savez(temporary, x=np.arange(3))
    assert np.load(tmp_path / "a.npz")["x"].tolist() == [0, 1, 2]


def test_links_and_permissions_stay(tmp_path):
    target = tmp_path / "disk" / "a.txt"
    target.parent.mkdir()
    target.write_text("old")
    target.chmod(0o600)
    link = tmp_path / "a.txt"
    link.symlink_to(target)
    with replacement(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
