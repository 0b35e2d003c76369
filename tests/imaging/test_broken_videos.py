"""Videos that are cut off, damaged or none: how much of them can be read is told."""

import re

import numpy as np
import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.video_index import read_index
from neucam_nerfstudio.imaging.video_reading import VideoFile

from .made_videos import cut_in, ffmpeg, packets_of, read

FAST_START = {"movflags": "faststart"}


@pytest.mark.parametrize(
    ("name", "codec", "muxer"),
    [
        ("clip.mp4", "libx264", FAST_START),
        ("fragments.mp4", "libx264", {"movflags": "frag_every_frame+empty_moov"}),
        ("clip.mov", "mjpeg", FAST_START),
        ("clip.avi", "mjpeg", {}),
        ("clip.webm", "libvpx-vp9", {}),
        ("clip.mkv", "libx264", {}),
    ],
)
@pytest.mark.parametrize("packet", [3, 8, 11])
def test_cut_off_file_says_how_many_frames_can_be_read(write_video, name, codec, muxer, packet):
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    whole = write_video(name, codec, pixel_format, options={"g": "4"}, muxer=muxer)
    frames = read(VideoFile(whole), range(12))
    source = VideoFile(cut_in(whole, packet))
    message = rf"{name}: the file is cut off: (\d+) of (\d+) frames can be read\. Copy it again .* --frame-range 0 \1\."
    with pytest.raises(NeucamError, match=message) as error:
        read(source, [0, len(source.paths) - 1])
    num_intact, num_frames = (int(word) for word in re.search(message, str(error.value)).groups())
    assert packet - 3 <= num_intact <= packet and num_frames == (packet + 1 if name == "fragments.mp4" else 12)
    np.testing.assert_array_equal(read(source, range(max(num_intact, 1))), frames[: max(num_intact, 1)])


def test_matroska_without_its_last_index_is_whole(write_video):
    path = write_video("clip.mkv")
    path.write_bytes(path.read_bytes()[: packets_of(path)[-1][1]])
    assert read_index(path)[:2] == (12, 12)


def test_mp4_whose_table_of_frames_is_cut_off_cannot_be_opened(write_video):
    path = cut_in(write_video("clip.mp4"), 8)
    with pytest.raises(
        NeucamError, match=r"clip\.mp4: cannot be opened as a video \(.*\): the file is cut off, or no video"
    ):
        VideoFile(path)


@pytest.mark.parametrize("content", [b"", b"no video"])
def test_what_is_no_video_cannot_be_opened(tmp_path, content):
    (tmp_path / "clip.avi").write_bytes(content)
    with pytest.raises(NeucamError, match=r"clip\.avi: cannot be opened as a video"):
        VideoFile(tmp_path / "clip.avi")


def test_first_frame_cut_off(write_video):
    path = cut_in(write_video("clip.mov", "mjpeg", "yuvj420p", muxer=FAST_START), 0)
    with pytest.raises(NeucamError, match=r"clip\.mov: the file is cut off: none of its 12 frames can be read"):
        VideoFile(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("clip.avi", "the video has no frames"), ("clip.mp4", "holds no pictures"), ("clip.mkv", "cannot be opened")],
)
def test_video_without_frames(write_video, name, message):
    with pytest.raises(NeucamError, match=rf"{name}: .*{message}"):
        VideoFile(write_video(name, "mjpeg", "yuvj420p", num_frames=0))


def test_sound_alone(tmp_path):
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", "-c:a", "aac", tmp_path / "sound.mp4")
    with pytest.raises(NeucamError, match=r"sound\.mp4: the file holds no pictures \(sound only\?\)"):
        VideoFile(tmp_path / "sound.mp4")


def test_damaged_frame_is_named(write_video):
    path = write_video("clip.avi", "mjpeg", "yuvj420p")
    start, end = packets_of(path)[5]
    content = bytearray(path.read_bytes())
    content[start:end] = bytes(end - start)
    path.write_bytes(content)
    with pytest.raises(NeucamError, match=r"clip\.avi: frame 5 of 12 cannot be decoded \(.*--frame-range 0 5"):
        read(VideoFile(path), range(12))
