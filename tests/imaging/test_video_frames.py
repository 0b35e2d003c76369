"""Interlaced video: found by its combs, said, and made whole, a frame a frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.video_reading import VideoFile

HEIGHT, WIDTH, NUM_FRAMES = 96, 128, 14
SCENE = cv2.resize(
    cv2.GaussianBlur(np.random.default_rng(0).random((40, 90)).astype(np.float32), (0, 0), 1.0),
    (540, 240),
    interpolation=cv2.INTER_CUBIC,
)
SCENE = np.uint8(255 * (SCENE - SCENE.min()) / (SCENE.max() - SCENE.min()))
"""What the camera pans over: smooth, without stripes."""


def view(moment: float) -> np.ndarray:
    left, top = int(20 + 6 * moment), int(40 + 2 * moment)
    return SCENE[top : top + HEIGHT, left : left + WIDTH].copy()


def woven(frame: int, first_rows: int) -> np.ndarray:
    """Two moments, half a frame apart, the first in every second row from `first_rows` on."""
    picture = view(frame + 0.5)
    picture[first_rows::2] = view(frame)[first_rows::2]
    return picture


FILMED: dict[str, Callable[[int], np.ndarray]] = {
    "whole": view,
    "tff": lambda frame: woven(frame, 0),
    "bff": lambda frame: woven(frame, 1),
    "flickering": lambda frame: np.uint8(view(frame) * (1.0 if frame % 2 else 0.4)),
    "accelerating": lambda frame: view(frame * frame / 6),
    "still": lambda frame: view(0),
    "film on television": lambda frame: woven(frame, 0) if frame % 5 in (2, 3) else view(frame),
}


def blinds(frame: int) -> np.ndarray:
    """A window's blinds: rows that alternate, in a picture that is whole."""
    picture = view(frame)
    picture[30:60:2, 20:100] = 230
    picture[31:60:2, 20:100] = 40
    return picture


def film(path: Path, filmed: Callable[[int], np.ndarray], flagged: bool = False, num_frames: int = NUM_FRAMES) -> Path:
    options = {"flags": "+ildct+ilme"} if flagged else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "2", **options})
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = HEIGHT, WIDTH, "yuv420p", 8_000_000
        for index in range(num_frames):
            rgb = av.VideoFrame.from_ndarray(np.repeat(filmed(index)[..., None], 3, 2), format="rgb24")
            container.mux(stream.encode(rgb.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def psnr(frames: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    """Of the green channel, away from the first and last frame and from borders."""
    pairs = zip(frames[1:-1], wanted[1:-1], strict=True)
    errors = [(frame[8:-8, 8:-8, 1] - want[8:-8, 8:-8].astype(float)) ** 2 for frame, want in pairs]
    return float(10 * np.log10(255**2 / np.mean(errors)))


@pytest.mark.parametrize("flagged", [False, True])
@pytest.mark.parametrize("order", ["tff", "bff"])
def test_combs_are_found_and_made_whole(tmp_path, order, flagged):
    source = VideoFile(film(tmp_path / "clip.avi", FILMED[order], flagged))
    assert len(source.notes) == 1 and source.notes[0].startswith(
        "clip.avi is interlaced: all its frames hold two moments"
    )
    frames = [source.frame(index) for index in range(NUM_FRAMES)]
    wanted = [view(index) for index in range(NUM_FRAMES)]
    as_filmed = [np.repeat(FILMED[order](index)[..., None], 3, 2) for index in range(NUM_FRAMES)]
    assert psnr(frames, wanted) > psnr(as_filmed, wanted) + 8 and psnr(frames, wanted) > 32
    np.testing.assert_array_equal(source.frame(3), frames[3])  # read again, out of order


@pytest.mark.parametrize("kind", ["whole", "flickering", "accelerating", "still"])
def test_whole_frames_are_left_alone(tmp_path, kind):
    source = VideoFile(film(tmp_path / "clip.avi", FILMED[kind]))
    assert source.notes == []
    assert psnr([source.frame(i) for i in range(NUM_FRAMES)], [FILMED[kind](i) for i in range(NUM_FRAMES)]) > 36


def test_combs_are_found_once_something_moves(tmp_path):
    """The first two seconds show nothing."""
    path = tmp_path / "clip.avi"
    film(path, lambda frame: woven(max(0, frame - 50), 0) if frame > 50 else view(0), num_frames=90)
    assert "is interlaced: all its frames" in VideoFile(path).notes[0]
    film(path, lambda frame: view(max(0, frame - 50)), num_frames=90)
    assert VideoFile(path).notes == []


def test_blinds_are_no_combs(tmp_path):
    source = VideoFile(film(tmp_path / "clip.avi", blinds))
    assert source.notes == []


def test_film_on_television_is_made_whole_where_it_shows(tmp_path):
    source = VideoFile(film(tmp_path / "clip.avi", FILMED["film on television"]))
    assert "some of its frames hold two moments" in source.notes[0]
    assert psnr([source.frame(i) for i in range(NUM_FRAMES)], list(map(view, range(NUM_FRAMES)))) > 30


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("whole", "clip.avi says that it is interlaced, but its frames show no combs: they are used as they are."),
        ("still", "clip.avi says that it is interlaced, and too little moves to see it: its frames are deinterlaced."),
    ],
)
def test_what_the_file_says_is_checked(tmp_path, kind, note):
    source = VideoFile(film(tmp_path / "clip.avi", FILMED[kind], flagged=True))
    assert source.notes == [note]
    assert psnr([source.frame(i) for i in range(NUM_FRAMES)], [FILMED[kind](i) for i in range(NUM_FRAMES)]) > 36


def test_frames_before_a_damaged_one_are_read(tmp_path):
    path = film(tmp_path / "clip.avi", FILMED["tff"])
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    content[places[11] + 8 : places[12] - 8] = bytes(places[12] - places[11] - 16)
    path.write_bytes(content)
    source = VideoFile(path)
    assert [source.frame(index).shape for index in range(9)] == [(HEIGHT, WIDTH, 3)] * 9
    with pytest.raises(NeucamError, match=r"frame \d+ of 14 cannot be decoded"):
        source.frame(13)
