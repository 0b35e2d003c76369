import tracemalloc

import numpy as np
import pytest

from neucam_nerfstudio.imaging import strips
from neucam_nerfstudio.imaging.colour_primaries import REC709
from neucam_nerfstudio.imaging.hdr_display_files import write_hdr_picture
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.radiance_files import write_radiance
from neucam_nerfstudio.imaging.strips import in_strips, strips_of_rows
from neucam_nerfstudio.imaging.ultra_hdr_files import write_ultra_hdr


def test_strips_cover_every_row_once(monkeypatch):
    monkeypatch.setattr(strips, "PIXELS_PER_STRIP", 21)
    assert list(strips_of_rows(7, 10)) == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 7)]
    assert list(strips_of_rows(2, 50)) == [slice(0, 1), slice(1, 2)]  # a row at least


def test_what_is_made_of_strips_is_what_would_be_made_of_the_whole(monkeypatch):
    monkeypatch.setattr(strips, "PIXELS_PER_STRIP", 21)
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
    "linear.tiff": (write_radiance, 0.8),
    "pq.png": (write_hdr_picture, 1.0),
    "pq.avif": (write_hdr_picture, 0.4),
    "gain_map.jpg": (lambda path, light: write_ultra_hdr(path, light, REC709), 0.6),
    "image.png": (lambda path, image: write_image(path, image, bits=16), 1.0),
    "image.tiff": (lambda path, image: write_image(path, image, bits=16), 0.8),
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
