"""Where frames come from: what `--data` may be, and what it may not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neucam_nerfstudio.capture.pixels.source import (
    PhotographFolder,
    choose_white_balance,
    frame_reader,
    in_order,
    open_source,
)
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.array_files import ArrayFile
from neucam_nerfstudio.imaging.video_reading import VideoFile


def test_folder_of_photographs(tmp_path, write_grey):
    write_grey("b.png", 20), write_grey("a.png", 10)
    np.save(tmp_path / "poses.npy", np.zeros(3))
    source = open_source(tmp_path)
    assert isinstance(source, PhotographFolder) and source.frame_rate is None
    assert [path.name for path in source.paths] == ["a.png", "b.png"] and source.folder == tmp_path
    read = frame_reader(source.kind, source.data)
    assert [read(source.paths[index])[0, 0, 0] for index in (1, 0, 1)] == [20, 10, 20]


def test_raw_files_share_the_first_one_s_white_balance_and_a_note_says_so(tmp_path, write_dng):
    for name, neutral in (("a", (0.5, 1, 0.8)), ("b", (0.8, 1, 0.5)), ("c", (0.5, 1, 0.8))):
        write_dng(f"{name}.dng", np.full((64, 96), 2000), neutral=neutral)
    paths = open_source(tmp_path).paths
    balance, note = choose_white_balance(paths, paths[1:])
    read = frame_reader("photographs", tmp_path, balance)
    np.testing.assert_array_equal(read(paths[1]), read(paths[2]))
    assert note == "The camera changed its white balance: all RAW files are developed with a's."


@pytest.mark.parametrize("neutral", [(0.5, 1, 0.8), (1, 1, 1)])
def test_one_white_balance_is_not_worth_a_note(tmp_path, write_dng, neutral):
    for name in "ab":
        write_dng(f"{name}.dng", np.full((64, 96), 2000), neutral=neutral)
    paths = open_source(tmp_path).paths
    balance, note = choose_white_balance(paths, paths)
    assert balance is not None and note is None


def test_raw_files_without_white_balance_are_developed_for_daylight(tmp_path, write_dng):
    write_dng("a.dng", np.full((64, 96), 2000), neutral=None)
    paths = open_source(tmp_path).paths
    told = "The RAW files tell no white balance: developed for daylight."
    assert choose_white_balance(paths, paths) == (None, told)


def test_broken_raw_file_that_is_not_used_does_no_harm(tmp_path, write_dng):
    (tmp_path / "a.dng").write_bytes(b"cut off")
    write_dng("b.dng", np.full((64, 96), 2000))
    paths = open_source(tmp_path).paths
    balance, _ = choose_white_balance(paths, paths[1:])
    assert frame_reader("photographs", tmp_path, balance)(paths[1]).shape == (64, 96, 3)


@pytest.mark.parametrize("name", ["preview.gif", "IMG_2 edited.PSD", "IMG_1.bmp"])
def test_pictures_that_are_not_read_are_named(tmp_path, write_grey, name):
    write_grey("IMG_1.png"), write_grey("IMG_3.png"), (tmp_path / name).touch()
    source = open_source(tmp_path)
    assert [path.name for path in source.paths] == ["IMG_1.png", "IMG_3.png"]
    suffix = Path(name).suffix.lower()
    reason = f"{suffix} files are not read: convert them to PNG, TIFF or JPEG"
    assert source.notes == (f"Not read as photographs: {name} ({reason}).",)


@pytest.mark.parametrize("name", ["IMG_2.gif", "img_12.BMP", "IMG_2.jp2", "IMG_2.psd"])
def test_picture_that_is_not_read_but_continues_the_numbering_is_refused(tmp_path, write_grey, name):
    write_grey("IMG_1.png"), write_grey("IMG_3.png"), (tmp_path / name).touch()
    message = (
        rf"{name}: named as a frame like IMG_\d\.png, but \.{name.split('.')[1]} files are not read\. Convert it to PNG"
    )
    with pytest.raises(NeucamError, match=message):
        open_source(tmp_path)


def test_video_by_its_own_name_or_by_its_folder(tmp_path, write_video):
    video = write_video("clip.mp4")
    for data in (video, tmp_path):
        source = open_source(data)
        assert isinstance(source, VideoFile) and (source.data, source.folder) == (video, tmp_path)


def test_array_by_its_own_name_or_by_its_folder(tmp_path):
    np.save(tmp_path / "clip.npy", np.zeros((2, 4, 6, 3), np.uint8))
    for data in (tmp_path / "clip.npy", tmp_path):
        assert isinstance(open_source(data), ArrayFile)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(NeucamError, match="nowhere: there is no such folder or file. Give --data the folder"):
        open_source(tmp_path / "nowhere")


def test_other_file_is_named(tmp_path, write_grey):
    with pytest.raises(
        NeucamError, match=r"a\.png: this file is not read as frames\..*\.mp4, .*\.wmv\) or a \.npy file"
    ):
        open_source(write_grey("a.png"))


def test_folder_without_frames_says_what_it_holds(tmp_path):
    (tmp_path / "Desk").mkdir()
    (tmp_path / "IMG_1.BMP").touch()
    message = r"no photographs.*holds \.bmp files.*sub-folders: if one of Desk is.*or one video"
    with pytest.raises(NeucamError, match=message) as error:
        open_source(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_photographs_beside_a_video_are_ambiguous(tmp_path, write_grey):
    write_grey("a.png")
    (tmp_path / "clip.MOV").touch()
    with pytest.raises(
        NeucamError, match=r"holds 1 photographs and the video clip\.MOV\. Give --data the video, or move"
    ):
        open_source(tmp_path)


def test_two_videos_are_ambiguous(tmp_path):
    (tmp_path / "a.mp4").touch(), (tmp_path / "b.npy").touch()
    with pytest.raises(NeucamError, match=r"holds 2 files of frames \(a\.mp4, b\.npy\)\. Give --data the one"):
        open_source(tmp_path)


def test_files_are_read_in_order_and_not_far_ahead():
    begun = []

    def read(item: int) -> int:
        begun.append(item)
        return item

    taken = []
    for item in in_order(read, range(50), num_at_once=3):
        taken.append(item)
        assert len(begun) <= len(taken) + 4
    assert taken == list(range(50))


@pytest.mark.parametrize("manifest", [None, Path("run/capture.json")])
def test_photograph_that_has_moved_is_named_with_what_to_do(tmp_path, manifest):
    place = "`data` in run/capture.json or " if manifest else ""
    said = rf"F0\.png: is not there\. If the photographs have moved, let {place}--data say where they are\."
    with pytest.raises(NeucamError, match=said):
        frame_reader("photographs", tmp_path, manifest_file=manifest)(tmp_path / "F0.png")
    with pytest.raises(NeucamError, match=r"clip\.mp4: is not there\."):
        frame_reader("video", tmp_path / "clip.mp4")(tmp_path / "clip" / "0")


def test_live_photos_are_photographs(tmp_path, write_grey):
    for number in (1, 2):
        write_grey(f"IMG_{number}.JPG"), (tmp_path / f"IMG_{number}.MOV").touch()
    source = open_source(tmp_path)
    assert [path.name for path in source.paths] == ["IMG_1.JPG", "IMG_2.JPG"]
    assert source.notes == ("Not used, as each has a photograph's name: IMG_1.MOV, IMG_2.MOV.",)
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(NeucamError, match=r"holds 2 photographs and the video clip\.mp4"):
        open_source(tmp_path)


def test_phones_photographs_are_found_and_brought_to_full_scale(tmp_path):
    import pillow_heif

    for number in (1, 2):
        picture = pillow_heif.from_bytes("RGB;16", (8, 6), np.full((6, 8, 3), 9000 * number, np.uint16).tobytes())
        picture.save(tmp_path / f"IMG_{number}.HEIC", quality=-1, chroma=444, matrix_coefficients=0)
    source = open_source(tmp_path)
    assert [path.name for path in source.paths] == ["IMG_1.HEIC", "IMG_2.HEIC"]
    assert not source.holds_sensor_values, "10 bits of dark light are no sensor's values"
