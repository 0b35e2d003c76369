from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging import video_writing as video_files
from neucam_nerfstudio.imaging.colour_profiles import REC709, linear_profile
from neucam_nerfstudio.imaging.large_pictures import even_size
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata
from neucam_nerfstudio.imaging.video_writing import frame_folder, gif_frame_rate, video_file

from .test_colour_profiles import DISPLAY_P3

COLOUR = np.array([0.8, 0.5, 0.2])
BRIGHTNESS = (0.2, 0.5, 0.8, 1.0)


def pictures(height: int = 48, width: int = 64) -> list[np.ndarray]:
    return [np.broadcast_to(level * COLOUR, (height, width, 3)) for level in BRIGHTNESS]


def write(path, frames, frame_rate=24.0) -> None:
    with video_file(path, frame_rate) as add:
        for frame in frames:
            add(frame)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_videos_show_the_pictures_in_their_colours(tmp_path, name):
    write(tmp_path / name, pictures(), 24000 / 1001)
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(24000, 1001)
        codec = stream.codec_context
        assert (codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range) == (1, 1, 13, 1)
        shown = [frame.to_ndarray(format="rgb24") / 255 for frame in container.decode(video=0)]
    for level, frame in zip(BRIGHTNESS, shown, strict=True):
        np.testing.assert_allclose(frame.mean((0, 1)), level * COLOUR, atol=0.015)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
def test_videos_show_the_colours_of_a_profile_in_srgb(tmp_path, name):
    """Linear Display P3 light of (0.5, 0.2, 0.1) is (0.574, 0.187, 0.075) of Rec. 709: (198, 120, 78) in sRGB."""
    picture = np.broadcast_to([0.5, 0.2, 0.1], (32, 48, 3))
    with video_file(tmp_path / name, 10, linear_profile(DISPLAY_P3)) as add:
        add(picture)
        add(picture)
    with av.open(str(tmp_path / name)) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
    light = DISPLAY_P3.to(REC709) @ [0.5, 0.2, 0.1]
    np.testing.assert_allclose(shown.mean((0, 1)), 255 * (1.055 * light ** (1 / 2.4) - 0.055), atol=4)


def test_frames_of_a_folder_keep_a_profile(tmp_path):
    profile = linear_profile(DISPLAY_P3)
    with frame_folder(tmp_path / "frames", PhotographMetadata(profile, None)) as add:
        add(pictures()[0])
    with Image.open(tmp_path / "frames" / "00000.png") as frame:
        assert frame.info["icc_profile"] == profile and frame.getpixel((0, 0)) == (41, 26, 10)


def test_odd_sizes_lose_a_row_and_a_column(tmp_path):
    write(tmp_path / "a.mp4", pictures(49, 65))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert (container.streams.video[0].height, container.streams.video[0].width) == even_size(49, 65) == (48, 64)


def test_grey_pictures_become_grey_videos(tmp_path):
    write(tmp_path / "a.mp4", [np.full((16, 16, 1), 0.4)] * 2)
    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24") / 255
    np.testing.assert_allclose(shown, 0.4, atol=0.015)


def test_gif_repeats_and_shows_every_picture(tmp_path):
    write(tmp_path / "a.gif", pictures(), 10)
    with Image.open(tmp_path / "a.gif") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (4, 0, 100)
        for index, level in enumerate(BRIGHTNESS):
            gif.seek(index)
            np.testing.assert_allclose(np.asarray(gif.convert("RGB")).mean((0, 1)) / 255, level * COLOUR, atol=0.01)


def test_a_gif_shows_a_picture_of_many_colours(tmp_path):
    """256 colours dithered: wrong pixel by pixel, right to the eye, which sees a few of them at once."""
    across, down = np.meshgrid(np.linspace(0, 1, 120), np.linspace(0, 1, 80))
    picture = np.stack([across, down, 1 - across * down], -1)
    write(tmp_path / "a.gif", [picture, picture[::-1]], 100 / 3)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.info["duration"] == 30
        for expected in (picture, picture[::-1]):
            shown = np.asarray(gif.convert("RGB")) / 255
            assert np.abs(cv2.blur(shown, (5, 5)) - cv2.blur(expected, (5, 5)))[3:-3, 3:-3].mean() < 0.01
            gif.seek(1)


@pytest.mark.slow
def test_a_gif_is_written_while_pictures_are_added(tmp_path):
    """So that it keeps none of them."""
    noise = np.random.default_rng(0).random((256, 256, 3))
    with video_file(tmp_path / "a.gif", 25) as add:
        for shift in range(12):
            add(np.roll(noise, shift, 1))
        (unfinished,) = tmp_path.iterdir()
        size_before_the_end = unfinished.stat().st_size
    assert size_before_the_end > 0.7 * (tmp_path / "a.gif").stat().st_size


@pytest.mark.parametrize(("asked", "given"), [(24, 25), (25, 25), (30, 100 / 3), (120, 50), (1, 1)])
def test_gif_rates_are_whole_hundredths_of_a_second(asked, given):
    assert gif_frame_rate(asked) == pytest.approx(given)


def test_a_folder_of_frames_holds_one_sequence_and_what_else_was_there(tmp_path):
    folder = tmp_path / "frames"
    for count in (4, 2):
        with frame_folder(folder) as add:
            for picture in pictures()[:count]:
                add(picture)
        (folder / "notes.txt").touch()
    assert sorted(path.name for path in folder.iterdir()) == ["00000.png", "00001.png", "notes.txt"]
    assert cv2.imread(str(folder / "00001.png"))[0, 0, 2] == round(0.5 * 0.8 * 255)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
def test_a_video_that_is_interrupted_leaves_the_old_one(tmp_path, name):
    (tmp_path / name).write_text("old")
    with pytest.raises(KeyboardInterrupt), video_file(tmp_path / name, 24) as add:
        add(pictures()[0])
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


def test_a_folder_that_is_interrupted_leaves_the_old_frames(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "00007.png").write_text("old")
    with pytest.raises(KeyboardInterrupt), frame_folder(tmp_path / "frames") as add:
        add(pictures()[0])
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["frames", "00007.png"]


class Interrupted(BaseException):
    """Ctrl+C, or what a signal raises."""


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("call", range(3))
def test_a_folder_holds_the_old_frames_or_the_new_whenever_it_is_interrupted(tmp_path, monkeypatch, call, before):
    """Interrupted just before or after each change of a name, of which the last moves what is no frame."""
    folder = tmp_path / "frames"
    folder.mkdir(mode=0o700)
    for name in ("00000.png", "00001.png", "00002.png", "notes.txt"):
        (folder / name).write_text("old")
    calls, replace = [], video_files.os.replace

    def interrupted(source, target):
        calls.append(source)
        if before and len(calls) == call + 1:
            raise Interrupted
        replace(source, target)
        if not before and len(calls) == call + 1:
            raise Interrupted

    with pytest.raises(Interrupted), frame_folder(folder) as add:
        for picture in pictures()[:2]:
            add(picture)
        monkeypatch.setattr(video_files.os, "replace", interrupted)
    monkeypatch.undo()
    frames = sorted(folder.glob("*.png"))
    is_old = [frame.read_bytes() == b"old" for frame in frames]
    assert is_old in ([True] * 3, [False] * 2)
    (notes,) = tmp_path.rglob("notes.txt")
    assert notes.read_text() == "old"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_keeps_folders_and_links(tmp_path):
    (tmp_path / "elsewhere" / "sounds").mkdir(parents=True)
    (tmp_path / "frames").symlink_to(tmp_path / "elsewhere")
    with frame_folder(tmp_path / "frames") as add:
        add(pictures()[0])
    assert (tmp_path / "frames").is_symlink()
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["00000.png", "sounds"]


def test_frames_do_not_take_the_place_of_a_file(tmp_path):
    (tmp_path / "frames").write_text("a file")
    with (
        pytest.raises(NeucamError, match=r"frames: is a file; expected a folder"),
        frame_folder(tmp_path / "frames"),
    ):
        raise AssertionError("nothing is rendered")
    assert (tmp_path / "frames").read_text() == "a file"


def test_another_suffix_lists_the_supported_ones(tmp_path):
    with pytest.raises(NeucamError, match=r"a\.avi.*supported: \.mp4, \.webm, \.gif\."):
        write(tmp_path / "a.avi", pictures())
