"""HEIC, AVIF, WebP and JPEG XL: all their bits, upright once, with their colours and settings."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import BT2020, primaries_of_profile
from neucam_nerfstudio.imaging.exif import ExifSettings, read_exif
from neucam_nerfstudio.imaging.hdr_display_files import write_hdr_picture
from neucam_nerfstudio.imaging.phone_pictures import notes_of_files
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.photometry import decode_srgb

EXIF_FOLDER, ORIENTATION, MAKE, FOCAL_LENGTH = 0x8769, 274, 271, 37386
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NO_LOSS = {
    ".heic": {"quality": -1, "chroma": 444, "matrix_coefficients": 0},
    ".avif": {"quality": 100, "subsampling": "4:4:4"},
    ".webp": {"lossless": True},
    ".jxl": {"lossless": True},
}


@pytest.fixture(scope="module", autouse=True)
def encoders():
    """Lets Pillow write what it does not write by itself."""
    pillow_heif.register_heif_opener()
    pytest.importorskip("pillow_jxl")
    pytest.importorskip("imagecodecs")


def corner() -> np.ndarray:
    """Grey, with a red upper left corner and a blue upper right one."""
    pixels = np.full((48, 64, 3), 90, np.uint8)
    pixels[:16, :16], pixels[:16, 48:] = (200, 30, 30), (30, 30, 200)
    return pixels


def write(path: Path, orientation: int = 1, **options: object) -> Path:
    """A photograph with settings, as a phone writes it."""
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = "Maker", orientation
    exif.get_ifd(EXIF_FOLDER).update(
        {0x829A: IFDRational(1, 60), 0x829D: IFDRational(9, 5), 0x8827: 64, 0x9206: IFDRational(1, 4), 37386: 7}
    )
    picture = Image.fromarray(corner())
    picture.save(path, exif=exif.tobytes(), icc_profile=PROFILE, **(NO_LOSS[path.suffix.lower()] | options))
    return path


@pytest.mark.parametrize("suffix", NO_LOSS)
def test_pixels_settings_and_profile_are_read(tmp_path, suffix):
    path = write(tmp_path / f"IMG_1{suffix}")
    misnamed = tmp_path / "IMG_2.JPG"
    misnamed.write_bytes(path.read_bytes())
    for file in (path, misnamed):
        pixels = read_photograph(file)
        assert pixels.dtype == np.uint8
        np.testing.assert_allclose(pixels.astype(int), corner(), atol=2 if suffix == ".avif" else 0)
    assert read_exif(path) == ExifSettings(1 / 60, 1.8, 64.0, 0.25, focal_length_mm=7.0)
    metadata = read_metadata(path)
    assert metadata.exif is not None and metadata.exif.main[MAKE].content == b"Maker\0"
    assert FOCAL_LENGTH in metadata.exif.folders[EXIF_FOLDER]
    assert metadata.icc_profile is not None


@pytest.mark.parametrize("suffix", [".heic", ".avif", ".webp"])
def test_a_turned_photograph_is_turned_once(tmp_path, suffix):
    """HEIC and AVIF say so twice, in the file and in EXIF."""
    pixels = read_photograph(write(tmp_path / f"IMG_1{suffix}", orientation=6))
    np.testing.assert_allclose(pixels.astype(int), np.rot90(corner(), -1), atol=2)
    exif = read_metadata(tmp_path / f"IMG_1{suffix}").exif
    assert exif is not None and ORIENTATION not in exif.main


def test_ten_bits_stay_ten_bits(tmp_path):
    ramp = np.linspace(0, 65535, 48 * 64 * 3).reshape(48, 64, 3).astype(np.uint16)
    picture = pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=ramp.tobytes())
    picture.save(tmp_path / "IMG_1.HIF", **NO_LOSS[".heic"])
    pixels = read_photograph(tmp_path / "IMG_1.HIF")
    assert pixels.dtype == np.uint16 and len(np.unique(pixels)) == 1024 and pixels.max() == 65535
    np.testing.assert_allclose(pixels, np.rint((ramp >> 6) * (65535 / 1023)), atol=1)


@pytest.mark.parametrize(("bits", "share"), [(16, 1.0), (16, 0.3), (10, 1.0), (10, 0.3), (12, 0.8), (14, 0.1)])
def test_bits_of_a_jpeg_xl_stay_however_dark_it_is(tmp_path, bits, share):
    imagecodecs = pytest.importorskip("imagecodecs")
    ramp = np.linspace(0, share * (2**bits - 1), 48 * 64 * 3).reshape(48, 64, 3).astype(np.uint16)
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(ramp, lossless=True, bitspersample=bits))
    np.testing.assert_allclose(read_photograph(tmp_path / "a.jxl"), ramp * (65535 / (2**bits - 1)), atol=0.51)


def test_pq_becomes_light_in_its_own_primaries(tmp_path):
    """Of an AVIF of 10 bits: 203 cd/m2 is diffuse white, of 4000 that are taken for white."""
    light = np.ones((48, 64, 3), np.float32) * np.geomspace(0.05, 12, 64, dtype=np.float32)[None, :, None]
    write_hdr_picture(tmp_path / "IMG_1.avif", light)
    pixels = read_photograph(tmp_path / "IMG_1.avif")
    assert pixels.dtype == np.uint16
    np.testing.assert_allclose(decode_srgb(pixels / 65535) * 4000 / 203, light, rtol=0.06)
    profile = read_metadata(tmp_path / "IMG_1.avif").icc_profile
    np.testing.assert_allclose(np.array(primaries_of_profile(profile)), np.array(BT2020), atol=2e-3)


def test_hlg_of_a_camera_s_heif_becomes_light(tmp_path):
    signal = np.full((48, 64, 3), 32768, np.uint16)  # half: a twelfth of the light of white
    picture = pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=signal.tobytes())
    picture.save(tmp_path / "a.hif", quality=-1, chroma=444, color_primaries=9, transfer_characteristics=18)
    pixels = read_photograph(tmp_path / "a.hif")
    np.testing.assert_allclose(decode_srgb(pixels / 65535), 1 / 12, rtol=0.01)
    (note,) = notes_of_files([tmp_path / "a.hif"])
    assert note.startswith("a.hif: its colours are those of BT.2020") and "HLG" in note
    profile = read_metadata(tmp_path / "a.hif").icc_profile
    np.testing.assert_allclose(np.array(primaries_of_profile(profile)), np.array(BT2020), atol=2e-3)


@pytest.mark.parametrize("suffix", NO_LOSS)
def test_a_broken_file_is_named(tmp_path, suffix):
    content = write(tmp_path / f"IMG_1{suffix}").read_bytes()
    (tmp_path / f"IMG_2{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(NeucamError, match=rf"IMG_2\{suffix}: broken or unreadable file"):
        read_photograph(tmp_path / f"IMG_2{suffix}")
    assert read_exif(tmp_path / f"IMG_2{suffix}").focus_distance_m in (None, 0.25)
    assert notes_of_files([tmp_path / f"IMG_2{suffix}", tmp_path / "missing.heic"]) == []


def test_jpeg_xl_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "IMG_1.jxl")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(NeucamError, match=r"IMG_1\.jxl: JPEG XL.*pip install 'neucam-nerfstudio\[jxl\]'"):
        read_photograph(path)


def test_what_a_file_holds_besides_its_picture_is_said(tmp_path):
    views = [Image.new("RGB", (64, 48), (value, 0, 0)) for value in (40, 80)]
    views[0].save(tmp_path / "stereo.mpo", format="MPO", save_all=True, append_images=views[1:])
    views[0].save(tmp_path / "moving.webp", save_all=True, append_images=views[1:], lossless=True)
    plain = write(tmp_path / "plain.webp")
    gain = tmp_path / "gain.jpg"
    views[0].save(gain, xmp=b'<x:xmpmeta xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>')
    assert notes_of_files([plain]) == []
    assert notes_of_files([plain, gain, tmp_path / "moving.webp", tmp_path / "stereo.mpo"]) == [
        "Gain maps are not used (gain.jpg): read is the picture that ordinary displays show.",
        "Of files that hold several pictures only the first one is read (2 files, the first moving.webp).",
    ]
    assert read_photograph(tmp_path / "stereo.mpo")[0, 0, 0] == pytest.approx(40, abs=2)
    assert read_photograph(tmp_path / "moving.webp")[0, 0, 0] == 40
