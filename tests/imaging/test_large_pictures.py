"""Strips cover a picture and keep memory small; each format's least size is what its writer can do."""

import threading
import tracemalloc

import numpy as np
import pytest

from neucam_nerfstudio.imaging import large_pictures
from neucam_nerfstudio.imaging.hdr_display_files import write_hdr_picture
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.large_pictures import SIZE_LIMITS, SizeLimits, in_strips, strips_of_rows
from neucam_nerfstudio.imaging.radiance_files import write_radiance
from neucam_nerfstudio.imaging.video_writing import video_file


def test_strips_cover_every_row_once(monkeypatch):
    monkeypatch.setattr(large_pictures, "PIXELS_PER_STRIP", 21)
    assert list(strips_of_rows(7, 10)) == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 7)]
    assert list(strips_of_rows(2, 50)) == [slice(0, 1), slice(1, 2)]  # a row at least


def test_what_is_made_of_strips_is_what_would_be_made_of_the_whole(monkeypatch):
    monkeypatch.setattr(large_pictures, "PIXELS_PER_STRIP", 21)
    picture, seen = np.random.default_rng(0).random((7, 10, 3), np.float32), []

    def encode(rows: np.ndarray) -> np.ndarray:
        seen.append(len(rows))
        return np.rint(rows[..., :2] * 255).astype(np.uint8)

    made = in_strips(picture, encode)
    assert seen == [2, 2, 2, 1] and made.dtype == np.uint8
    np.testing.assert_array_equal(made, encode(picture))


WRITERS = {
    "half.exr": (write_radiance, 0.6),
    "linear.hdr": (write_radiance, 0.2),
    "linear.tiff": (write_radiance, 0.3),
    "pq.png": (write_hdr_picture, 1.0),
    "pq.avif": (write_hdr_picture, 0.4),
    "gain_map.jpg": (write_hdr_picture, 0.8),
    "image.png": (lambda path, image: write_image(path, image, bits=16), 1.0),
    "image.tiff": (lambda path, image: write_image(path, image, bits=16), 0.3),
}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Two megapixels of smooth light."""
    across, down = np.linspace(0, 1, 2000, dtype=np.float32), np.linspace(0, 1, 1000, dtype=np.float32)
    return np.stack(np.broadcast_arrays(across, down[:, None], across * down[:, None]), -1)


@pytest.mark.parametrize("name", WRITERS)
def test_writing_takes_no_more_memory_than_the_picture(tmp_path, picture, name):
    """What encoders take for themselves, Python does not see."""
    write, most_pictures = WRITERS[name]
    if name == "gain_map.jpg":
        pytest.importorskip("pyvips")
    write(tmp_path / name, picture[:16, :16])  # what is imported is not the picture's
    tracemalloc.start()
    try:
        write(tmp_path / name, picture)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most_pictures * picture.nbytes


def write_video(path, picture) -> None:
    with video_file(path, 24) as add:
        add(picture)
        add(picture / 2)


FORMAT_WRITERS = {
    **{name: (f".{name}", write_video) for name in ("mp4", "webm", "gif")},
    **{"avif": (".avif", write_hdr_picture), "ultrahdr": (".jpg", write_hdr_picture), "jpeg": (".jpg", write_image)},
}


@pytest.mark.parametrize("file_format", SIZE_LIMITS)
def test_the_least_size_is_written(tmp_path, file_format):
    if file_format == "ultrahdr":
        pytest.importorskip("pyvips")
    suffix, write = FORMAT_WRITERS[file_format]
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
