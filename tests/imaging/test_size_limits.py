"""What the table says of each format's least size is what its writer can do."""

import threading

import numpy as np
import pytest

from neucam_nerfstudio.imaging.hdr_display_files import write_hdr_picture
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.size_limits import SIZE_LIMITS, SizeLimits
from neucam_nerfstudio.imaging.video_writing import video_file


def write_video(path, picture) -> None:
    with video_file(path, 24) as add:
        add(picture)
        add(picture / 2)


WRITERS = {
    **{name: (f".{name}", write_video) for name in ("mp4", "webm", "gif")},
    **{"avif": (".avif", write_hdr_picture), "ultrahdr": (".jpg", write_hdr_picture), "jpeg": (".jpg", write_image)},
}


@pytest.mark.parametrize("file_format", SIZE_LIMITS)
def test_the_least_size_is_written(tmp_path, file_format):
    if file_format == "ultrahdr":
        pytest.importorskip("pyvips")
    suffix, write = WRITERS[file_format]
    least = SIZE_LIMITS[file_format].least
    write(tmp_path / f"a{suffix}", np.full((least, least, 3), 0.5, np.float32))
    assert (tmp_path / f"a{suffix}").stat().st_size > 0


@pytest.mark.parametrize(
    ("size", "in_file"),
    [
        ((4, 4), (4, 4)),
        ((5, 21), (4, 20)),
        ((10, 21), (10, 20)),
        ((4, 3), None),
        ((3, 4), None),
        ((4, 22), None),
        ((12, 4), None),
    ],
)
def test_sizes_are_held_after_an_odd_row_or_column_is_cut(size, in_file):
    assert SizeLimits(least=4, most_width=20, most_height=10, even=True).size_in_file(*size) == in_file


def test_a_format_that_cuts_nothing():
    assert SizeLimits(least=1, most_width=7, most_height=7).size_in_file(1, 7) == (1, 7)


def test_thin_pictures_come_to_an_end_as_avif(tmp_path):
    picture = np.full((8, 256, 3), 0.5, np.float32)
    writing = threading.Thread(target=write_hdr_picture, args=(tmp_path / "a.avif", picture), daemon=True)
    writing.start()
    writing.join(60)
    assert (tmp_path / "a.avif").is_file()
