import errno
import os
import time

import pytest

from neucam_nerfstudio.imaging.file_writing import (
    ABANDONED_AFTER_S,
    check_folder_takes_files,
    remove_abandoned,
    unfinished_name,
    written_whole,
)


def test_a_failure_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "folder" / "result.txt"
    with written_whole(target) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), written_whole(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("filename", [None, "temporary"])
def test_a_full_disk_names_the_file_and_not_its_temporary_name(tmp_path, filename):
    with pytest.raises(OSError, match="No space left") as failure, written_whole(tmp_path / "a.png") as temporary:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), filename and str(temporary))
    assert failure.value.filename == str(tmp_path / "a.png")


def test_a_file_that_cannot_be_read_meanwhile_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as failure, written_whole(tmp_path / "a.png"):
        (tmp_path / "photograph.png").read_bytes()
    assert failure.value.filename == str(tmp_path / "photograph.png")


def test_a_library_s_own_error_is_one_of_the_system(tmp_path):
    class LibraryError(Exception):
        pass

    with pytest.raises(OSError, match=r"a\.png: write error: disk full\.$"):
        with written_whole(tmp_path / "a.png", LibraryError):
            raise LibraryError("write error:\n  disk full\n")


def test_checking_a_folder_leaves_everything_as_it_was(tmp_path):
    check_folder_takes_files(tmp_path / "new" / "folder")
    check_folder_takes_files(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_file_is_no_folder(tmp_path, folder):
    (tmp_path / "file").touch()
    with pytest.raises((FileExistsError, NotADirectoryError)):
        check_folder_takes_files(tmp_path / folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    try:
        for folder in (tmp_path, tmp_path / "new"):
            with pytest.raises(PermissionError):
                check_folder_takes_files(folder)
    finally:
        tmp_path.chmod(0o700)


def test_what_a_killed_process_left_of_a_file_is_removed_and_nothing_else(tmp_path):
    long_ago = time.time() - ABANDONED_AFTER_S - 60
    no_process = 2**22 + 1  # beyond what Linux gives out
    left = {
        tmp_path / f".{no_process}-hdr.exr": (long_ago, False),
        tmp_path / f".{no_process}-other.exr": (long_ago, True),
        tmp_path / f".{no_process + 1}-hdr.exr": (time.time(), True),
        unfinished_name(tmp_path / "hdr.exr"): (long_ago, True),
        tmp_path / "hdr.exr": (long_ago, True),
    }
    for path, (changed, _) in left.items():
        path.write_bytes(b"half")
        os.utime(path, (changed, changed))
    remove_abandoned(tmp_path / "hdr.exr")
    remove_abandoned(tmp_path / "missing" / "hdr.exr")
    assert {path: path.exists() for path in left} == {path: stays for path, (_, stays) in left.items()}
