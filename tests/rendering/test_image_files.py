import cv2
import numpy as np
import OpenEXR
import pytest

from neucam_nerfstudio.capture.ground_truth import read_radiance
from neucam_nerfstudio.rendering.image_files import PictureFileError, write_image, write_radiance, written_whole


@pytest.fixture
def radiance() -> np.ndarray:
    """Fourteen stops of light, the three channels different."""
    stops = np.linspace(-7, 7, 12 * 17).reshape(12, 17, 1)
    return (2.0 ** (stops + np.array([0.0, 0.3, -0.3]))).astype(np.float32)


@pytest.mark.parametrize(("precision", "relative_error"), [("half", 2**-11), ("float", 0.0)])
def test_exr_round_trip(tmp_path, radiance, precision, relative_error):
    write_radiance(tmp_path / "scene.exr", radiance, precision)
    np.testing.assert_allclose(read_radiance(tmp_path / "scene.exr"), radiance, rtol=relative_error)


def test_hdr_round_trip_within_its_shared_exponent(tmp_path, radiance):
    write_radiance(tmp_path / "scene.hdr", radiance)
    error = np.abs(read_radiance(tmp_path / "scene.hdr") - radiance)
    assert (error <= radiance.max(-1, keepdims=True) / 128).all()


def test_exr_is_read_by_others_as_rgb(tmp_path, radiance, monkeypatch):
    monkeypatch.setenv("OPENCV_IO_ENABLE_OPENEXR", "1")
    write_radiance(tmp_path / "scene.exr", radiance, "float")
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "scene.exr"), cv2.IMREAD_UNCHANGED)[..., ::-1], radiance)


def test_exr_carries_metadata(tmp_path, radiance):
    write_radiance(tmp_path / "scene.exr", radiance, metadata={"software": "neucam-nerfstudio", "exposureStops": 1.5})
    header = OpenEXR.File(str(tmp_path / "scene.exr"), header_only=True).header()
    assert header["software"] == "neucam-nerfstudio" and header["exposureStops"] == pytest.approx(1.5)


def test_half_refuses_what_would_become_infinite(tmp_path, radiance):
    with pytest.raises(PictureFileError, match=r"scene\.exr.*70000.*65504.*use float"):
        write_radiance(tmp_path / "scene.exr", np.full_like(radiance, 70000.0))
    assert list(tmp_path.iterdir()) == []


def test_refuses_values_that_are_not_finite(tmp_path, radiance):
    radiance[2, 3, 1] = np.nan
    with pytest.raises(PictureFileError, match="not finite"):
        write_radiance(tmp_path / "scene.exr", radiance)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_png_rounds_to_the_nearest_value(tmp_path, bits, dtype):
    values = np.array([[[0.0, 0.5, 1.0], [-0.2, 1.3, 0.25]]])
    write_image(tmp_path / "picture.png", values, bits)
    stored = cv2.imread(str(tmp_path / "picture.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored, np.rint(values.clip(0, 1) * (2**bits - 1)))


def test_grey_png_has_one_channel(tmp_path):
    write_image(tmp_path / "defocus.png", np.full((3, 4, 1), 0.2))
    stored = cv2.imread(str(tmp_path / "defocus.png"), cv2.IMREAD_UNCHANGED)
    assert stored.shape == (3, 4) and (stored == 51).all()


def test_jpeg_keeps_colours_in_order(tmp_path):
    write_image(tmp_path / "picture.jpg", np.broadcast_to([0.9, 0.5, 0.1], (16, 16, 3)))
    stored = cv2.imread(str(tmp_path / "picture.jpg"))[..., ::-1] / 255
    np.testing.assert_allclose(stored.mean((0, 1)), [0.9, 0.5, 0.1], atol=0.02)


def test_jpeg_has_no_16_bits(tmp_path):
    with pytest.raises(PictureFileError, match=r"8 bits a sample; write 16 bits as \.png"):
        write_image(tmp_path / "picture.jpg", np.zeros((2, 2, 3)), bits=16)


@pytest.mark.parametrize(
    ("call", "supported"),
    [
        (lambda path: write_radiance(path, np.ones((2, 2, 3))), r"\.exr, \.hdr\."),
        (lambda path: write_image(path, np.ones((2, 2, 3))), r"\.png, \.jpg, \.jpeg"),
    ],
)
def test_another_suffix_lists_the_supported_ones(tmp_path, call, supported):
    with pytest.raises(PictureFileError, match=rf"picture\.gif.*supported: .*{supported}"):
        call(tmp_path / "picture.gif")


def test_a_failure_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "folder" / "result.txt"
    with written_whole(target) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), written_whole(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]
