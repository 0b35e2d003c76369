"""TIFF files of all kinds, each read rightly or refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.tiff_files import read_unusual_tiff, upright

RGB = np.random.default_rng(0).integers(0, 65536, (12, 16, 3)).astype(np.uint16)
ALPHA = np.random.default_rng(1).integers(0, 65536, (12, 16, 1)).astype(np.uint16)
SHARES = RGB / 65535


def write(path: Path, pixels: np.ndarray, photometric: str = "rgb", orientation: int = 1, **options) -> Path:
    if options.get("planarconfig") == "separate":
        pixels = np.moveaxis(pixels, -1, 0)
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(path, pixels, photometric=photometric, extratags=tags, metadata=None, **options)
    return path


def with_alpha(colours: np.ndarray, alpha: np.ndarray = ALPHA) -> np.ndarray:
    return np.concatenate([colours, alpha.astype(colours.dtype)], -1)


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    return (pixels >> 8).astype(np.uint8)


PLANES, ALPHA_BESIDE = {"planarconfig": "separate"}, {"extrasamples": ["unassalpha"]}
GREY = {"photometric": "minisblack", "planarconfig": "contig"}


@pytest.mark.parametrize(
    ("stored", "options", "expected"),
    [
        (RGB, PLANES, RGB),
        (to_8_bits(RGB), PLANES, to_8_bits(RGB)),
        (SHARES.astype(np.float32), PLANES, SHARES.astype(np.float32)),
        (RGB, PLANES | {"compression": "zlib", "predictor": True}, RGB),
        (to_8_bits(with_alpha(RGB)), ALPHA_BESIDE, to_8_bits(RGB)),
        (to_8_bits(with_alpha(RGB)), ALPHA_BESIDE | PLANES, to_8_bits(RGB)),
        (with_alpha(RGB), ALPHA_BESIDE, RGB),
        (with_alpha(RGB), ALPHA_BESIDE | PLANES, RGB),
        (with_alpha(RGB, np.full_like(ALPHA, 65535)), {"extrasamples": ["assocalpha"]}, RGB),
        (to_8_bits(with_alpha(RGB)), {"extrasamples": ["unspecified"]}, to_8_bits(RGB)),
        (with_alpha(SHARES).astype(np.float32), ALPHA_BESIDE, SHARES.astype(np.float32)),
        (with_alpha(RGB[..., :1]), GREY | ALPHA_BESIDE, RGB[..., :1]),
        (to_8_bits(with_alpha(RGB[..., :1])), GREY | ALPHA_BESIDE, to_8_bits(RGB[..., :1])),
        (RGB[..., 0], {"photometric": "miniswhite"}, 65535 - RGB[..., :1]),
        (to_8_bits(RGB[..., 0]), {"photometric": "miniswhite"}, 255 - to_8_bits(RGB[..., :1])),
        (RGB[..., 0], {"photometric": "minisblack"}, RGB[..., :1]),
        (SHARES[..., 0].astype(np.float32), {"photometric": "minisblack"}, SHARES[..., :1].astype(np.float32)),
        (SHARES[..., 0], {"photometric": "minisblack"}, SHARES[..., :1].astype(np.float32)),
        (SHARES.astype(np.float16), {}, SHARES.astype(np.float16).astype(np.float32)),
        (SHARES, {}, SHARES.astype(np.float32)),
    ],
    ids=[
        *("planes of 16 bits", "planes of 8 bits", "planes of floats", "planes compressed"),
        *("alpha of 8 bits", "alpha plane of 8 bits", "alpha of 16 bits", "alpha plane of 16 bits"),
        *("opaque", "something else of 8 bits", "alpha of floats", "grey with alpha", "grey with alpha of 8 bits"),
        *("white is 0", "white is 0 of 8 bits", "grey", "grey of 32-bit floats", "grey of 64-bit floats"),
        *("16-bit floats", "64-bit floats"),
    ],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_values_are_those_that_were_written(tmp_path, stored, options, expected, orientation):
    pixels = read_photograph(write(tmp_path / "a.tif", stored, orientation=orientation, **options))
    assert pixels.dtype == expected.dtype
    np.testing.assert_array_equal(pixels, upright(np.broadcast_to(expected, RGB.shape), orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_those_of_opencv(tmp_path, orientation):
    usual = write(tmp_path / "a.tif", RGB, orientation=orientation)
    assert read_unusual_tiff(usual) is None
    np.testing.assert_array_equal(read_photograph(usual), upright(RGB, orientation))


@pytest.mark.parametrize("orientation", [1, 8])
def test_compressed_alpha_of_8_bits_is_dropped_too(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = to_8_bits(with_alpha(RGB))
    Image.fromarray(stored).save(tmp_path / "a.tif", compression="tiff_lzw", exif=exif)
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif"), upright(stored[..., :3], orientation))


@pytest.mark.parametrize(
    ("stored", "options", "message"),
    [
        (RGB.astype(np.uint32), {}, "pixels are uint32. Export 8-bit, 16-bit or 32-bit float files"),
        (RGB[..., 0].astype(np.uint32), {"photometric": "minisblack"}, "pixels are uint32"),
        ((RGB >> 1).astype(np.int16), {}, "pixels are int16"),
        (
            with_alpha(RGB) // 2,
            {"extrasamples": ["assocalpha"]},
            "colours are multiplied by an alpha channel that is nowhere opaque",
        ),
        (
            with_alpha(RGB),
            {"photometric": "separated"},
            r"of this kind \(SEPARATED, uint16, compression NONE\) cannot be read\. Export 8-bit, 16-bit",
        ),
        (to_8_bits(RGB), {"photometric": "cielab"}, r"of this kind \(CIELAB, uint8, compression NONE\) cannot be read"),
    ],
)
def test_other_kinds_are_refused_by_name(tmp_path, stored, options, message):
    with pytest.raises(NeucamError, match=rf"a\.tif: .*{message}"):
        read_photograph(write(tmp_path / "a.tif", stored, **options))


def test_compression_that_cannot_be_undone_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", RGB, **PLANES)

    def lacks_a_library(page):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", lacks_a_library)
    message = (
        r"a\.tif: TIFF files of this kind \(RGB, uint16, plane by plane, compression \w+\) cannot be read\. Export"
    )
    with pytest.raises(NeucamError, match=message):
        read_photograph(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_cut_off_file_is_named(tmp_path, compression, share):
    path = write(tmp_path / "a.tif", RGB, compression=compression, **PLANES)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(NeucamError, match=r"a\.tif: broken or unreadable file .*Copy it again"):
        read_photograph(path)


def test_compressed_files_may_have_any_number_of_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    stored = to_8_bits(with_alpha(RGB))
    Image.fromarray(stored).save(tmp_path / "a.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif"), stored[..., :3])
