"""Finding and reading ground-truth radiance."""

from __future__ import annotations

import cv2
import numpy as np
import OpenEXR
import pytest

from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.capture.ground_truth import find_ground_truth, read_radiance

RADIANCE = np.linspace(0, 40, 4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3)


def write_exr(path, channels):
    contiguous = {name: np.ascontiguousarray(pixels) for name, pixels in channels.items()}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, contiguous).write(str(path))
    return path


def test_exr_is_read_exactly(tmp_path):
    np.testing.assert_array_equal(read_radiance(write_exr(tmp_path / "a.exr", {"RGB": RADIANCE})), RADIANCE)


def test_half_float_becomes_float32(tmp_path):
    radiance = read_radiance(write_exr(tmp_path / "a.exr", {"RGB": RADIANCE.astype(np.float16)}))
    assert radiance.dtype == np.float32
    np.testing.assert_array_equal(radiance, RADIANCE.astype(np.float16).astype(np.float32))


def test_grey_exr_becomes_three_channels(tmp_path):
    radiance = read_radiance(write_exr(tmp_path / "a.exr", {"Y": RADIANCE[..., 0]}))
    np.testing.assert_array_equal(radiance, np.repeat(RADIANCE[..., :1], 3, -1))


def test_radiance_hdr_is_read_as_rgb(tmp_path):
    red = np.tile(np.float32([8.0, 2.0, 0.5]), (4, 6, 1))
    cv2.imwrite(str(tmp_path / "a.hdr"), red[..., ::-1])
    np.testing.assert_allclose(read_radiance(tmp_path / "a.hdr"), red, rtol=0.01)


def test_light_is_averaged_when_downscaling(tmp_path):
    radiance = read_radiance(write_exr(tmp_path / "a.exr", {"RGB": RADIANCE}), 2)
    np.testing.assert_allclose(radiance, RADIANCE.reshape(2, 2, 3, 2, 3).mean((1, 3)), rtol=1e-6)


def test_folder_gt_comes_before_files_beside_the_photographs(tmp_path):
    (tmp_path / "beside.hdr").touch()
    assert [path.name for path in find_ground_truth(tmp_path)] == ["beside.hdr"]
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "optics.json").touch()
    assert [path.name for path in find_ground_truth(tmp_path)] == ["beside.hdr"]
    (tmp_path / "gt" / "hdr_10.EXR").touch()
    (tmp_path / "gt" / "hdr_9.exr").touch()
    assert [path.name for path in find_ground_truth(tmp_path)] == ["hdr_9.exr", "hdr_10.EXR"]


@pytest.mark.parametrize("suffix", [".exr", ".hdr"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_cut_off_file_is_named(tmp_path, suffix, share):
    path = tmp_path / f"truth{suffix}"
    noise = np.random.default_rng(0).random((32, 32, 3), np.float32)
    if suffix == ".exr":
        write_exr(path, {"RGB": noise})
    else:
        cv2.imwrite(str(path), noise)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CaptureError, match=rf"truth\{suffix}: unreadable ground truth .*or remove it"):
        read_radiance(path)


def test_exr_without_colour_is_refused(tmp_path):
    with pytest.raises(CaptureError, match="channels Z, expected R, G, B"):
        read_radiance(write_exr(tmp_path / "depth.exr", {"Z": RADIANCE[..., 0]}))


def test_values_that_are_not_finite_are_refused(tmp_path):
    spoilt = RADIANCE.copy()
    spoilt[1, 2, 0] = np.nan
    with pytest.raises(CaptureError, match="holds NaN or infinite values"):
        read_radiance(write_exr(tmp_path / "a.exr", {"RGB": spoilt}))
