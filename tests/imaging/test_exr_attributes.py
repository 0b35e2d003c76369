"""Camera, lens, time and scale of a photograph, in every kind of file that is made from it."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from neucam_nerfstudio.imaging.exif_block import Exif, Tag
from neucam_nerfstudio.imaging.exr_attributes import exr_attributes
from neucam_nerfstudio.imaging.hdr_display_files import write_hdr_picture
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata, read_metadata
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance, write_radiance

EXIF, GPS = 0x8769, 0x8825
CENTIMETRES = 3
RADIANCE = np.linspace(0.1, 3, 24 * 32 * 3, dtype=np.float32).reshape(24, 32, 3)


@pytest.fixture
def photograph(tmp_path) -> PhotographMetadata:
    """4000 pixels a centimetre of sensor, 2.5 micrometres each; 300 pixels an inch of paper."""
    exif = Image.Exif()
    exif.update({271: "Maker", 272: "Model", 306: "2024:05:13 09:00:00", 33432: "Somebody", 282: 300.0, 283: 300.0})
    exif[296] = 2
    exif[EXIF] = {
        33434: IFDRational(1, 8),
        33437: IFDRational(8),
        34855: 200,
        36867: "2024:05:12 18:30:00",
        36881: "+02:00",
        37382: IFDRational(2),
        37386: IFDRational(50),
        41486: IFDRational(4000),
        41487: IFDRational(4000),
        41488: CENTIMETRES,
        41989: 75,
        42036: "Lens 50 mm",
    }
    exif[GPS] = {1: "S", 2: (47.0, 30.0, 0.0), 3: "E", 4: (8.0, 15.0, 36.0)}
    Image.new("RGB", (40, 30)).save(tmp_path / "IMG_1.jpg", exif=exif.tobytes())
    return read_metadata(tmp_path / "IMG_1.jpg")


def tags_of(path: Path) -> tuple[dict[int, object], dict[int, object]]:
    """Main and EXIF tags, as Pillow reads them."""
    with Image.open(path) as picture:
        exif = picture.getexif()
        return dict(exif), exif.get_ifd(EXIF)


def test_an_exr_says_how_the_photograph_was_taken(tmp_path, photograph):
    write_radiance(tmp_path / "hdr.exr", RADIANCE, metadata={"software": "ours"}, exif=photograph.exif)
    header = OpenEXR.File(str(tmp_path / "hdr.exr"), header_only=True).header()
    told = {name: header[name] for name in exr_attributes(photograph.exif)}
    numbers = {
        "expTime": 0.125,
        "aperture": 8,
        "isoSpeed": 200,
        "focus": 2,
        "nominalFocalLength": 50,
        "FocalLengthIn35mmFilm": 75,
        "sensorPhotositePitch": 2.5,
        "xDensity": 300,
        "utcOffset": -7200,
        "latitude": -47.5,
        "longitude": 8.26,
    }
    texts = {
        "cameraMake": "Maker",
        "cameraModel": "Model",
        "lensModel": "Lens 50 mm",
        "owner": "Somebody",
        "capDate": "2024:05:12 18:30:00",
    }
    assert set(told) == set(numbers) | set(texts)
    assert {name: told[name] for name in numbers} == pytest.approx(numbers, rel=1e-6)
    assert {name: told[name] for name in texts} == texts
    assert header["software"] == "ours"


def test_what_is_not_known_is_no_attribute():
    assert exr_attributes(None) == exr_attributes(Exif("<", {}, {})) == {}
    unknown = struct.pack("<2I", 0, 0)
    folder = {33434: (5, unknown), 37382: (5, struct.pack("<2I", 0xFFFFFFFF, 1)), 36881: (2, b"   :  \0")}
    tags = {number: Tag(*tag) for number, tag in folder.items()}
    assert exr_attributes(Exif("<", {}, {EXIF: tags})) == {}


@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.tiff", "radiance.tif", "bright.png", "bright.avif", "bright.jpg"]
)
def test_a_picture_of_half_the_size_has_half_the_pixels_a_centimetre(tmp_path, photograph, name):
    """And its own size; so the sensor, whose size measuring programs work out of both, stays as large as it is."""
    exif, path = photograph.at_size(2.0).exif, tmp_path / name
    if name.startswith("bright"):
        if name.endswith("jpg"):
            pytest.importorskip("pyvips")
        write_hdr_picture(path, RADIANCE, exif=exif)
    elif name.startswith("radiance"):
        write_radiance(path, RADIANCE, exif=exif)
    else:
        write_image(path, RADIANCE.clip(0, 1), metadata=PhotographMetadata(None, exif))
    main, settings = tags_of(path)
    assert (settings[41486], settings[41487], settings[41488]) == (2000, 2000, CENTIMETRES)
    assert (settings[40962], settings[40963]) == (32, 24)
    assert main[282] == 150 and main[271] == "Maker"
    assert (settings[37386], settings[36867]) == (50, "2024:05:12 18:30:00")
    assert read_photograph(path).shape == (24, 32, 3)  # and it is still a picture


def test_a_scale_that_does_not_divide_stays_true(photograph):
    exif = photograph.at_size(4000 / 1234).exif
    attributes = exr_attributes(exif)
    assert attributes["sensorPhotositePitch"] == pytest.approx(2.5 * 4000 / 1234, rel=1e-6)
    assert photograph.at_size(1.0) == photograph
    assert PhotographMetadata(None, None).at_size(2.0) == (None, None)


def test_radiance_hdr_says_it_in_its_header(tmp_path, photograph):
    write_radiance(tmp_path / "hdr.hdr", RADIANCE, exif=photograph.exif)
    header = (tmp_path / "hdr.hdr").read_bytes().split(b"\n\n")[0].decode()
    assert "CAPDATE=2024:05:12 18:30:00" in header and "# nominalFocalLength: 50.0" in header
    np.testing.assert_allclose(read_radiance(tmp_path / "hdr.hdr"), RADIANCE, rtol=0.02)


def test_the_file_with_more_items_is_the_same_picture(tmp_path, photograph):
    for name, exif in (("without.avif", None), ("with.avif", photograph.exif)):
        write_hdr_picture(tmp_path / name, RADIANCE, exif=exif)
    np.testing.assert_array_equal(read_photograph(tmp_path / "with.avif"), read_photograph(tmp_path / "without.avif"))
    with Image.open(tmp_path / "with.avif") as picture:
        assert picture.size == (32, 24) and math.isclose(picture.getexif().get_ifd(EXIF)[33434], 0.125)


@pytest.mark.parametrize("source", ["scan.png", "scan.jpg", "deep.tif", "float.tif"])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff"])
def test_the_scale_of_a_microscope_arrives_where_programs_look_for_it(tmp_path, source, name):
    """10,000 pixels a centimetre: a micrometre each, two once the picture has half the size."""
    per_cm, per_inch = (10_000, 10_000), (25_400, 25_400)
    if source.endswith(".tif"):
        pixels = np.zeros((6, 8, 3), np.uint16 if source == "deep.tif" else np.float32)
        options = {"photometric": "rgb", "resolution": per_cm, "resolutionunit": "CENTIMETER", "metadata": None}
        tifffile.imwrite(tmp_path / source, pixels, **options)
    else:
        Image.new("RGB", (8, 6)).save(tmp_path / source, dpi=per_inch)
    kept = read_metadata(tmp_path / source).at_size(2.0)
    write_image(tmp_path / name, np.zeros((3, 4, 3)), metadata=kept)
    with Image.open(tmp_path / name) as picture:
        assert picture.info["dpi"] == pytest.approx((12_700, 12_700), rel=1e-4)
    write_radiance(tmp_path / "hdr.exr", RADIANCE, exif=kept.exif)
    header = OpenEXR.File(str(tmp_path / "hdr.exr"), header_only=True).header()
    assert header["xDensity"] == pytest.approx(12_700, rel=1e-4)


def test_densities_that_programs_make_up_are_no_scale(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "a.jpg", dpi=(72, 72))
    assert read_metadata(tmp_path / "a.jpg") == (None, None)


def test_imagej_finds_its_unit_and_no_stack(tmp_path):
    stack = np.zeros((5, 6, 8), np.uint16)
    options = {"resolution": (4, 4), "metadata": {"axes": "ZYX", "unit": "um", "slices": 5}}
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, **options)
    write_image(tmp_path / "a.tiff", np.zeros((6, 8, 3)), metadata=read_metadata(tmp_path / "stack.tif"))
    with tifffile.TiffFile(tmp_path / "a.tiff") as file:
        assert file.imagej_metadata["unit"] == "um" and "slices" not in file.imagej_metadata
        assert file.pages.first.tags["XResolution"].value == (4, 1) and file.asarray().shape == (6, 8, 3)
