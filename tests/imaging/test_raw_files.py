"""Camera RAW: developed alike, and what headers say."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import rawpy

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.raw_files import RawHeader, develop_raw, differ, read_raw_header

EVEN = np.full((64, 96), 2000)
WARM, COLD = (0.5, 1, 0.8), (0.8, 1, 0.5)


def mean_colour(pixels: np.ndarray) -> np.ndarray:
    return pixels[8:-8, 8:-8].mean((0, 1)) / pixels[8:-8, 8:-8].mean()


def test_header_tells_white_balance(write_dng):
    gains = read_raw_header(write_dng("a.dng", EVEN, neutral=WARM)).white_balance
    assert gains[:3] == pytest.approx((2.0, 1.0, 1.25))
    assert read_raw_header(write_dng("b.dng", EVEN, neutral=None)) == RawHeader()


def test_fujifilm_tells_its_settings(write_raf):
    header = read_raw_header(write_raf("a.raf", EVEN))
    assert (header.exposure_time_s, header.iso) == (0.125, 200) and header.f_number == pytest.approx(5.6)
    assert header.white_balance == (2048, 1024, 1536, 1024)


@pytest.mark.parametrize("content", [b"", b"not a photograph" * 50])
def test_broken_file_says_nothing(tmp_path, content):
    (tmp_path / "a.cr3").write_bytes(content)
    assert read_raw_header(tmp_path / "a.cr3") == RawHeader()


def test_older_rawpy_tells_the_white_balance_alone(write_raf, monkeypatch):
    old = SimpleNamespace(camera_whitebalance=[2.0, 1.0, 1.5, 0.0])
    monkeypatch.setattr(rawpy, "imread", lambda path: nullcontext(old))
    assert read_raw_header(write_raf("a.raf", EVEN)) == RawHeader((2, 1, 1.5, 0))


def test_own_white_balance_is_the_camera_s(write_dng):
    path = write_dng("a.dng", EVEN, neutral=WARM)
    with rawpy.imread(str(path)) as raw:
        expected = raw.postprocess(
            gamma=(1, 1), no_auto_bright=True, adjust_maximum_thr=0.0, output_bps=16, use_camera_wb=True
        )
    np.testing.assert_array_equal(develop_raw(path), expected)


def test_given_white_balance_takes_the_place_of_the_file_s_own(write_dng):
    warm, cold = write_dng("a.dng", EVEN, neutral=WARM), write_dng("b.dng", EVEN, neutral=COLD)
    gains = read_raw_header(warm).white_balance
    np.testing.assert_array_equal(develop_raw(cold, gains), develop_raw(warm))
    assert np.abs(mean_colour(develop_raw(cold)) - mean_colour(develop_raw(warm))).max() > 0.1


def test_a_file_without_white_balance_is_developed_for_daylight_whatever_it_shows(write_dng):
    red = EVEN.copy()
    red[::2, ::2] = 6000
    even, red = (
        develop_raw(write_dng(f"{name}.dng", mosaic, neutral=None)) for name, mosaic in (("a", EVEN), ("b", red))
    )
    assert red[..., 0].mean() > 1.5 * even[..., 0].mean(), "LibRaw's automatic choice would make the mean grey"


def test_gains_differ_in_colour_not_in_their_unit():
    assert not differ((2.0, 1.0, 1.5, 0.0), (2048, 1024, 1536, 1024))
    assert differ((2.0, 1.0, 1.5, 0.0), (2.0, 1.0, 1.6, 0.0))


@pytest.mark.parametrize("grey", [0, 300, 20_000, 65_535])
def test_a_linear_dng_keeps_its_light(write_dng, grey):
    """Grey stays grey and in proportion, whatever the brightest pixel, and nothing is interpolated."""
    light = np.full((40, 60, 3), grey)
    light[:10] = 1000
    pixels = read_photograph(write_dng("linear.dng", light, orientation=6))
    np.testing.assert_allclose(pixels, np.rot90(light, -1), atol=1)


def test_a_linear_dng_takes_the_white_balance_of_a_capture(write_dng):
    light = (np.full((40, 60, 3), 10_000) * np.array(WARM)).astype(np.uint16)
    own, given = (
        develop_raw(write_dng("linear.dng", light, neutral=WARM), gains) for gains in (None, (1.0, 1.0, 1.0, 0.0))
    )
    assert np.ptp(own[5, 5].astype(int)) <= 2 and np.ptp(given[5, 5].astype(int)) > 1000


def test_a_dng_of_floats_is_refused(write_dng):
    """LibRaw would give its brightest pixel as white, and so another exposure to each file."""
    path = write_dng("merged.dng", np.full((40, 60, 3), 0.25, np.float32))
    with pytest.raises(NeucamError, match=r"merged\.dng: a DNG of floating-point values.*export 16-bit TIFF"):
        read_photograph(path)
