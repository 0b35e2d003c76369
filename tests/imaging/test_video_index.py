"""When the frames of a video are shown."""

from __future__ import annotations

import pytest

from neucam_nerfstudio.imaging.video_reading import count_in_frames, read_index

GAP = (0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15)
"""Twelve frames with four left out after the fourth."""


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
