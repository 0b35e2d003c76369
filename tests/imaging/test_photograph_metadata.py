"""Profile and EXIF of a photograph arrive in every kind of picture, and nothing that is only true of its own file."""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from neucam_nerfstudio.imaging.exif import read_exif
from neucam_nerfstudio.imaging.exif_block import Exif, Tag, read_folder, read_header, read_pointed, text_tag
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata

ORIENTATION, SOFTWARE, MAKE, EXPOSURE_TIME, F_NUMBER, ISO, MAKER_NOTE, EXIF, GPS = (
    *(274, 305, 271, 33434, 33437, 34855, 37500, 34665, 34853),
)
EXPOSURE_BIAS, SUBJECT_DISTANCE, FOCAL_LENGTH = 37380, 37382, 37386
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def write_photograph(path: Path) -> Path:
    """A photograph with a profile, camera, settings, place, and what belongs to its file alone."""
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION], exif[SOFTWARE] = "Maker", 6, "Firmware 1.0"
    exif[EXIF] = {
        EXPOSURE_TIME: IFDRational(1, 8),
        F_NUMBER: IFDRational(8),
        ISO: 200,
        EXPOSURE_BIAS: IFDRational(1, 3),
        SUBJECT_DISTANCE: IFDRational(2),
        FOCAL_LENGTH: IFDRational(50),
        MAKER_NOTE: b"private",
        40962: 40,
    }
    exif[GPS] = {1: "N", 2: (47.0, 30.0, 0.0)}
    Image.new("RGB", (40, 30), (200, 100, 50)).save(path, exif=exif.tobytes(), icc_profile=PROFILE)
    return path


@pytest.fixture(params=["jpg", "png", "tif"])
def photograph(request, tmp_path) -> Path:
    return write_photograph(tmp_path / f"IMG_1.{request.param}")


@pytest.mark.parametrize(("name", "bits"), [("a.png", 8), ("a.png", 16), ("a.jpg", 8), ("a.tiff", 8), ("a.tiff", 16)])
def test_pictures_keep_profile_and_exif(tmp_path, photograph, name, bits):
    write_image(tmp_path / name, np.full((12, 20, 3), 0.25), bits, metadata=read_metadata(photograph))
    with Image.open(tmp_path / name) as picture:
        exif = picture.getexif()
        assert picture.info["icc_profile"] == PROFILE
        assert exif[MAKE] == "Maker"
        assert exif[SOFTWARE].startswith("neucam-nerfstudio")
        assert exif.get_ifd(GPS)[2] == (47.0, 30.0, 0.0)
    settings = read_exif(tmp_path / name)
    assert (settings.exposure_time_s, settings.f_number, settings.iso) == (0.125, 8.0, 200.0)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff"])
def test_what_is_only_true_of_the_photograph_s_file_is_left_out(tmp_path, photograph, name):
    write_image(tmp_path / name, np.full((12, 20, 3), 0.25), metadata=read_metadata(photograph))
    with Image.open(tmp_path / name) as picture:
        exif = picture.getexif()
        assert exif.get(ORIENTATION, 1) == 1
        assert MAKER_NOTE not in exif.get_ifd(EXIF)
        assert (exif.get_ifd(EXIF)[40962], exif.get_ifd(EXIF)[40963]) == (20, 12)  # its own size


@pytest.mark.parametrize(
    ("turned", "left_out"),
    [
        ((), set()),
        (("focus",), {SUBJECT_DISTANCE}),
        (("aperture",), {F_NUMBER}),
        (("exposure",), {EXPOSURE_TIME, ISO, EXPOSURE_BIAS}),
        (("focus", "aperture"), {SUBJECT_DISTANCE, F_NUMBER}),
    ],
)
def test_a_turned_dial_leaves_out_what_it_makes_untrue(tmp_path, photograph, turned, left_out):
    write_image(tmp_path / "a.png", np.full((12, 20, 3), 0.25), metadata=read_metadata(photograph, turned))
    settings = {EXPOSURE_TIME, F_NUMBER, ISO, EXPOSURE_BIAS, SUBJECT_DISTANCE, FOCAL_LENGTH}
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.getexif()[MAKE] == "Maker"
        assert set(picture.getexif().get_ifd(EXIF)) & settings == settings - left_out


def types_and_values(path: Path) -> dict[int, tuple[int, object]]:
    """Type and value of each main, EXIF and GPS tag, as Pillow reads them."""
    found = {}
    with Image.open(path) as picture:
        exif = picture.getexif()
        for start in (read_header(exif.fp)[1], exif[EXIF], exif[GPS]):
            folder = ImageFileDirectory_v2(exif.head)
            exif.fp.seek(start)
            folder.load(exif.fp)
            found |= {tag: (folder.tagtype[tag], folder[tag]) for tag in folder}
    return found


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_tags_keep_their_types_and_every_letter(tmp_path, byte_order, name):
    """Of a photograph in either byte order: a negative exposure bias, bytes, UTF-8, an unknown 0/0, and GPS."""
    rational, signed_rational, undefined, byte = 5, 10, 7, 1
    main = {271: text_tag("Maker"), 270: text_tag("Zürich"), 33432: text_tag("© 2024 Müller")}
    lens = struct.pack(f"{byte_order}8I", 240, 10, 700, 10, 28, 10, 0, 0)
    settings = {
        EXPOSURE_BIAS: Tag(signed_rational, struct.pack(f"{byte_order}2i", -10, 30)),
        37379: Tag(signed_rational, struct.pack(f"{byte_order}2i", 5, 2)),
        41728: Tag(undefined, b"\3"),
        37121: Tag(undefined, b"\1\2\3\0"),
        42034: Tag(rational, lens),
    }
    place = {0: Tag(byte, b"\2\3\0\0"), 1: text_tag("N")}
    block = b"Exif\0\0" + Exif(byte_order, main, {EXIF: settings, GPS: place}).block()
    Image.new("RGB", (40, 30)).save(tmp_path / "IMG_1.jpg", exif=block)
    write_image(tmp_path / name, np.full((12, 20, 3), 0.25), metadata=read_metadata(tmp_path / "IMG_1.jpg"))
    before, after = types_and_values(tmp_path / "IMG_1.jpg"), types_and_values(tmp_path / name)
    for tag in (*(main | settings | place),):
        assert repr(after[tag]) == repr(before[tag])  # 0/0 is not equal to itself
    assert (after[EXPOSURE_BIAS], after[41728]) == ((signed_rational, -1 / 3), (undefined, b"\3"))
    assert after[33432][1].encode("latin1").decode() == "© 2024 Müller"
    assert "© 2024 Müller".encode() in (tmp_path / name).read_bytes()
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / name)), np.uint8(64))


def test_broken_exif_is_left_out(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff", icc_profile=PROFILE)
    assert read_metadata(tmp_path / "a.jpg") == (PROFILE, None)


@pytest.mark.parametrize("colour_space", [b"GRAY", b"CMYK", b"Lab "])
def test_a_profile_of_other_than_rgb_is_left_out(tmp_path, colour_space):
    """The photograph is read as R, G, B, in files of which a grey or CMYK profile is an error."""
    profile = PROFILE[:16] + colour_space + PROFILE[20:]
    Image.new("L", (40, 30)).save(tmp_path / "a.jpg", icc_profile=profile)
    assert read_metadata(tmp_path / "a.jpg") == (None, None)


def test_a_photograph_may_have_any_number_of_pixels(tmp_path, photograph, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 30 // 3)
    assert read_metadata(photograph).icc_profile == PROFILE
    with pytest.raises(Image.DecompressionBombError):  # other users of Pillow keep their limit
        Image.open(photograph)


@pytest.mark.parametrize(("name", "bits"), [("a.png", 16), ("a.tiff", 16), ("a.tiff", 8)])
def test_the_pixels_stay_as_they_are(tmp_path, photograph, name, bits):
    values = np.random.default_rng(0).random((12, 21, 3))
    write_image(tmp_path / name, values, bits, metadata=read_metadata(photograph))
    stored = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_array_equal(stored, np.rint(values * (2**bits - 1)))


def test_a_grey_map_takes_no_colour_profile(tmp_path, photograph):
    for name in ("map.png", "map.jpg", "map.tiff"):
        write_image(tmp_path / name, np.full((12, 20, 1), 0.25), metadata=read_metadata(photograph))
        with Image.open(tmp_path / name) as picture:
            assert "icc_profile" not in picture.info


def test_a_raw_file_tells_its_exif_but_no_profile(tmp_path):
    tiff = write_photograph(tmp_path / "IMG_1.tif")
    metadata = read_metadata(tiff.rename(tmp_path / "IMG_1.nef"))  # camera RAW files are mostly built like TIFF
    assert metadata.icc_profile is None
    assert metadata.exif.main[MAKE].content == b"Maker\0"


@pytest.mark.parametrize("name", ["clip.mp4.frames/00003.png", "float.tif", "IMG_1.cr3", "plain.png"])
def test_a_file_that_says_nothing_gives_nothing(tmp_path, name):
    tifffile.imwrite(tmp_path / "float.tif", np.zeros((4, 5, 3), np.float32), photometric="rgb")
    (tmp_path / "IMG_1.cr3").write_bytes(bytes(100))
    Image.new("RGB", (4, 3)).save(tmp_path / "plain.png")
    assert read_metadata(tmp_path / name) == (None, None)


SHORT, SIGNED_RATIONAL, UNDEFINED, UTF8 = 3, 10, 7, 129


def all_tags(tag: int) -> bool:
    return True


@pytest.mark.parametrize(("byte_order", "mark"), [("<", b"II*\0"), (">", b"MM\0*")])
def test_folders_are_read_as_they_were_written(byte_order, mark):
    main = {
        33432: Tag(UTF8, "© Müller\0".encode()),
        271: text_tag("Ma"),
        65000: Tag(SHORT, struct.pack(f"{byte_order}3H", 1, 2, 3)),
    }
    below = {37380: Tag(SIGNED_RATIONAL, struct.pack(f"{byte_order}2i", -10, 30)), 41728: Tag(UNDEFINED, b"\3")}
    folders = {34665: below, 34853: {1: text_tag("N")}}
    file = io.BytesIO(mark + struct.pack(f"{byte_order}I", 8) + Exif(byte_order, main, folders).tree_bytes(8))
    assert read_header(file) == (byte_order, 8)
    read = read_folder(file, 8, byte_order, all_tags)
    assert {tag: read_pointed(file, read.pop(tag), byte_order, all_tags) for tag in folders} == folders
    assert read == main
    by_pillow = ImageFileDirectory_v2(file.getvalue()[:8])
    file.seek(8)
    by_pillow.load(file)
    assert (by_pillow[271], by_pillow[65000]) == ("Ma", (1, 2, 3))


def test_only_wanted_tags_are_read():
    file = io.BytesIO(bytes(8) + Exif("<", {1: text_tag("N"), 2: text_tag("S")}, {}).tree_bytes(8))
    assert read_folder(file, 8, "<", lambda tag: tag == 2) == {2: text_tag("S")}


def test_a_broken_folder_gives_what_is_whole():
    """A tag of unknown type, one whose values lie beyond the end, and one that points nowhere."""
    folder = bytearray(Exif("<", {1: text_tag("N"), 2: text_tag("far away"), 3: text_tag("x")}, {}).tree_bytes(8))
    struct.pack_into("<H", folder, 2 + 2 * 12 + 2, 99)
    struct.pack_into("<I", folder, 2 + 12 + 4, 1 << 31)
    file = io.BytesIO(bytes(8) + folder)
    assert read_folder(file, 8, "<", all_tags) == {1: text_tag("N")}
    assert read_folder(file, 5000, "<", all_tags) == {}
    assert read_pointed(file, text_tag("N"), "<", all_tags) == {}


@pytest.mark.parametrize("content", [b"", b"II*\0", b"\x89PNG\r\n\x1a\n", b"II+\0\x08\0\0\0"])
def test_what_is_no_tiff_is_refused(content):
    with pytest.raises(ValueError, match="does not begin a TIFF file"):
        read_header(io.BytesIO(content))
