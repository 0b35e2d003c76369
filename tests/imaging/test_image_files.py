import cv2
import numpy as np
import pytest
import tifffile

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import quantised, write_image


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_png_rounds_to_the_nearest_value(tmp_path, bits, dtype):
    values = np.array([[[0.0, 0.5, 1.0], [-0.2, 1.3, 0.25]]])
    write_image(tmp_path / "picture.png", values, bits)
    stored = cv2.imread(str(tmp_path / "picture.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored, np.rint(values.clip(0, 1) * (2**bits - 1)))


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiff_keeps_every_value(tmp_path, bits, dtype, channels):
    values = np.random.default_rng(0).random((7, 5, channels))
    write_image(tmp_path / "picture.tiff", values, bits)
    stored = tifffile.imread(tmp_path / "picture.tiff")
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored.reshape(values.shape), np.rint(values * (2**bits - 1)))


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.jpg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_quantised_pictures_are_written_as_they_are(tmp_path, name, channels):
    values = np.random.default_rng(0).random((7, 5, channels))
    write_image(tmp_path / name, values)
    write_image(tmp_path / "kept" / name, quantised(values, 8))
    assert (tmp_path / "kept" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_grey_png_has_one_channel(tmp_path):
    write_image(tmp_path / "defocus.png", np.full((3, 4, 1), 0.2))
    stored = cv2.imread(str(tmp_path / "defocus.png"), cv2.IMREAD_UNCHANGED)
    assert stored.shape == (3, 4) and (stored == 51).all()


def test_jpeg_keeps_colours_in_order(tmp_path):
    write_image(tmp_path / "picture.jpg", np.broadcast_to([0.9, 0.5, 0.1], (16, 16, 3)))
    stored = cv2.imread(str(tmp_path / "picture.jpg"))[..., ::-1] / 255
    np.testing.assert_allclose(stored.mean((0, 1)), [0.9, 0.5, 0.1], atol=0.02)


def test_grey_jpeg(tmp_path):
    write_image(tmp_path / "defocus.jpg", np.full((16, 16, 1), 0.2))
    assert (np.abs(cv2.imread(str(tmp_path / "defocus.jpg"), cv2.IMREAD_UNCHANGED).astype(int) - 51) <= 1).all()


def test_jpeg_quality_decides_the_size(tmp_path):
    picture = np.random.default_rng(0).random((64, 64, 3))
    write_image(tmp_path / "good.jpg", picture, jpeg_quality=95)
    write_image(tmp_path / "small.jpg", picture, jpeg_quality=30)
    assert (tmp_path / "small.jpg").stat().st_size < (tmp_path / "good.jpg").stat().st_size / 2


def test_jpeg_has_no_16_bits(tmp_path):
    with pytest.raises(NeucamError, match=r"8 bits a sample; write 16 bits as \.png or \.tiff"):
        write_image(tmp_path / "picture.jpg", np.zeros((2, 2, 3)), bits=16)


def test_another_suffix_lists_the_supported_ones(tmp_path):
    with pytest.raises(NeucamError, match=r"picture\.gif.*supported: \.png, \.jpg, \.jpeg, \.tif, \.tiff\."):
        write_image(tmp_path / "picture.gif", np.ones((2, 2, 3)))
