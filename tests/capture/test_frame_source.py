"""Where frames come from: what `--data` may be, and what it may not."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.capture.array_file import ArrayFile
from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.capture.frame_source import PhotographFolder, open_source
from neucam_nerfstudio.capture.video import VideoFile


def test_folder_of_photographs(tmp_path, write_grey):
    write_grey("b.png", 20), write_grey("a.png", 10)
    np.save(tmp_path / "poses.npy", np.zeros(3))
    source = open_source(tmp_path)
    assert isinstance(source, PhotographFolder) and source.frame_rate is None
    assert [path.name for path in source.paths] == ["a.png", "b.png"] and source.folder == tmp_path
    assert source.read([1, 0, 1])[:, 0, 0, 0].tolist() == [20, 10, 20]


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
    with pytest.raises(CaptureError, match="nowhere: there is no such folder or file. Give --data the folder"):
        open_source(tmp_path / "nowhere")


def test_other_file_is_named(tmp_path, write_grey):
    with pytest.raises(
        CaptureError, match=r"a\.png: this file is not read as frames\..*\.mp4, \.webm\) or a \.npy file"
    ):
        open_source(write_grey("a.png"))


def test_folder_without_frames_says_what_it_holds(tmp_path):
    (tmp_path / "Desk").mkdir()
    (tmp_path / "IMG_1.HEIC").touch()
    message = r"no photographs.*holds \.heic files.*sub-folders: if one of Desk is.*or one video"
    with pytest.raises(CaptureError, match=message) as error:
        open_source(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_photographs_beside_a_video_are_ambiguous(tmp_path, write_grey):
    write_grey("a.png")
    (tmp_path / "clip.MOV").touch()
    with pytest.raises(
        CaptureError, match=r"holds 1 photographs and the video clip\.MOV\. Give --data the video, or move"
    ):
        open_source(tmp_path)


def test_two_videos_are_ambiguous(tmp_path):
    (tmp_path / "a.mp4").touch(), (tmp_path / "b.npy").touch()
    with pytest.raises(CaptureError, match=r"holds 2 files of frames \(a\.mp4, b\.npy\)\. Give --data the one"):
        open_source(tmp_path)
