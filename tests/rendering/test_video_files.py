from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.rendering.colour_primaries import REC709
from neucam_nerfstudio.rendering.file_writing import PictureFileError
from neucam_nerfstudio.rendering.icc_profiles import linear_profile
from neucam_nerfstudio.rendering.video_files import even_size, frame_folder, gif_frame_rate, video_file

from .test_colour_primaries import DISPLAY_P3

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
    with frame_folder(tmp_path / "frames", profile) as add:
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


def test_another_suffix_lists_the_supported_ones(tmp_path):
    with pytest.raises(PictureFileError, match=r"a\.avi.*supported: \.mp4, \.webm, \.gif\."):
        write(tmp_path / "a.avi", pictures())
