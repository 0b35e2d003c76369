"""How many frames a video has, and when each is shown."""

import av
import numpy as np
import pytest

from neucam_nerfstudio.imaging.video_frames import Probe
from neucam_nerfstudio.imaging.video_index import VideoIndex, count_in_frames, read_index
from neucam_nerfstudio.imaging.video_reading import VideoFile

from .made_videos import GAP, ffmpeg, numbers_shown, read


def test_what_an_edit_list_leaves_out_is_not_counted(write_video, tmp_path):
    ffmpeg("-ss", 0.11, "-i", write_video("clip.mp4"), "-c", "copy", tmp_path / "trimmed.mp4")
    source = VideoFile(tmp_path / "trimmed.mp4")
    shown = numbers_shown(read(source, range(len(source.paths))))
    assert shown == list(range(12 - len(shown), 12)) and 6 < len(shown) < 12


def test_pictures_that_vp8_only_predicts_from_are_not_counted(write_video, tmp_path):
    video = write_video("clip.mp4", num_frames=48)
    for number in (1, 2):
        passes = ("-auto-alt-ref", 1, "-lag-in-frames", 16, "-b:v", "50k", "-pass", number, "-passlogfile")
        ffmpeg("-i", video, "-c:v", "libvpx", *passes, tmp_path / "log", tmp_path / "clip.webm")
    with av.open(str(tmp_path / "clip.webm")) as container:
        assert sum(packet.size > 0 for packet in container.demux()) > 48, "the clip has no such picture: no test"
    assert read_index(tmp_path / "clip.webm")[:2] == (48, 48)


@pytest.mark.parametrize(
    "shown_at",
    [
        [512 * index for index in range(12)],
        [7 + 512 * index for index in range(12)],
        [round(1000 * index / 30) for index in range(300)],
        [int(1000 * index / 240) for index in range(300)],
        [round(600 * index / 29.97) for index in range(500)],
        [5],
        [0, 512],
    ],
    ids=["whole", "later", "milliseconds", "240 a second, rounded down", "29.97 a second", "one", "two"],
)
def test_even_frames_are_counted_exactly_whatever_the_rounding(shown_at):
    assert count_in_frames(shown_at) == tuple(range(len(shown_at)))


@pytest.mark.parametrize("place", [1, 2, 6, 11])
@pytest.mark.parametrize("ticks_a_frame", [1, 33, 512])
def test_a_frame_left_out_is_seen_even_where_a_tick_is_a_frame(place, ticks_a_frame):
    shown_at = [(index + (index >= place)) * ticks_a_frame for index in range(12)]
    moments = count_in_frames(shown_at)
    assert moments[0] == 0 and moments[-1] == 11
    assert moments[place] - moments[place - 1] == pytest.approx(2 * 11 / 12)
    if place > 1:
        assert moments[1] == pytest.approx(11 / 12)


def test_frames_at_one_time_do_not_tell_theirs():
    assert count_in_frames([0, 0, 0]) is count_in_frames([0, 33, 33, 67]) is None


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("clip.mp4", "libx264", "yuv420p"),
        ("clip.mov", "prores_ks", "yuv422p10le"),
        ("clip.avi", "mjpeg", "yuvj420p"),
        ("clip.webm", "libvpx-vp9", "yuv420p"),
        ("other.webm", "libvpx", "yuv420p"),
        ("clip.mkv", "libx264", "yuv420p"),
    ],
)
def test_every_container_tells_when_frames_are_shown(write_video, name, codec, pixel_format):
    even = read_index(write_video(name, codec, pixel_format))
    assert even.moments == tuple(range(12)) and even.frame_rate == 30
    gap = read_index(write_video(name, codec, pixel_format, shown_at=GAP))
    assert gap.moments == pytest.approx([index * 11 / 15 for index in GAP], abs=0.03)
    assert gap.frame_rate == pytest.approx(11 / (15 / 30)), "eleven steps in fifteen thirtieths of a second"


def test_packets_of_half_a_frame_are_counted_by_decoding(write_video, monkeypatch):
    """As camcorders write each field in a packet of its own: twice as many packets as frames."""
    path = write_video("clip.mp4", shown_at=GAP)
    whole = VideoFile(path)
    doubled = VideoIndex(24, 24, 50.0, tuple(map(float, range(24))))
    monkeypatch.setattr("neucam_nerfstudio.imaging.video_reading.read_index", lambda path: doubled)
    monkeypatch.setattr("neucam_nerfstudio.imaging.video_reading.probe", lambda *given: Probe(fields_are_packets=True))
    source = VideoFile(path)
    assert len(source.paths) == 12 and source.moments == whole.moments
    assert source.frame_rate == pytest.approx(whole.frame_rate)
    np.testing.assert_array_equal(source.frame(11), whole.frame(11))
