"""Files of fused pictures as photographers use them: a stack's look, depth and EXIF, upright and in its colours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
import rawpy
import tifffile
from PIL import Image

from neucam_nerfstudio import NeucamError, fuse
from neucam_nerfstudio.fused_files import FileOptions, FusedFiles, is_one_file
from neucam_nerfstudio.fused_photographs import FusedPhotographs
from neucam_nerfstudio.imaging.colour_profiles import REC709, ColourPrimaries, srgb_curve_profile
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata
from neucam_nerfstudio.imaging.radiance_files import read_exr_channels
from neucam_nerfstudio.photometry import decode_srgb

DISPLAY_P3 = ColourPrimaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))
PROFILE = srgb_curve_profile(DISPLAY_P3, "Display P3")
DISTANCES_M = (0.5, 1.0, 2.0)
HEIGHT, WIDTH = 96, 144


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    """Detail everywhere, pixel values from 30 to 225."""
    random = np.random.default_rng(0)
    detail = cv2.GaussianBlur(random.uniform(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 1)
    return np.clip(128 + 420 * (detail - 0.5), 30, 225)


@pytest.fixture(scope="module")
def stack_folder(sharp, tmp_path_factory) -> Path:
    """A camera on its side, three distances: the left third is sharp in the first photograph, the right in the last."""
    folder = tmp_path_factory.mktemp("stack") / "beetle"
    folder.mkdir()
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Maker", "Model", 6
    exif[282], exif[283], exif[296] = 1200.0, 1200.0, 2
    for index, distance_m in enumerate(DISTANCES_M):
        exif.get_ifd(0x8769).update({33434: 1 / 60, 33437: 8.0, 34855: 100, 37382: distance_m, 37386: 50.0})
        photograph = np.empty_like(sharp)
        for third in range(3):
            columns = slice(third * WIDTH // 3, (third + 1) * WIDTH // 3)
            blurred = cv2.GaussianBlur(sharp, (0, 0), 2 * abs(third - index)) if third != index else sharp
            photograph[:, columns] = blurred[:, columns]
        stored = np.rot90(photograph.astype(np.uint8))  # which orientation 6 turns back
        Image.fromarray(stored).save(
            folder / f"IMG_{12 + index:04d}.jpg", exif=exif, icc_profile=PROFILE, quality=98, subsampling=0
        )
    return folder


@pytest.fixture(scope="module")
def stack(stack_folder) -> FusedPhotographs:
    return fuse(stack_folder, frames="focus-stack", align="off")


@pytest.fixture(scope="module")
def folder(stack, tmp_path_factory) -> Path:
    """All that there is, with pictures as TIFF."""
    folder = tmp_path_factory.mktemp("written")
    outputs = ("hdr", "dng", "all_in_focus_hdr", "all_in_focus", "defocus", "source_map", "mesh", "stereo")
    for file, write in stack.writers(folder, outputs, FileOptions("tiff")).items():
        write(file)
    return folder


def test_a_tiff_of_a_stack_has_its_look_its_profile_and_16_bits(folder, sharp):
    picture = tifffile.imread(folder / "all_in_focus.tif")
    assert picture.dtype == np.uint16 and picture.shape == (HEIGHT, WIDTH, 3)
    difference = np.abs(picture / 257 - sharp)[8:-8, 8:-8]
    assert difference.mean() < 4 and len(np.unique(picture)) > 2000
    kept = read_metadata(folder / "all_in_focus.tif")
    assert kept.icc_profile == PROFILE


@pytest.mark.parametrize("name", ["all_in_focus.tif", "all_in_focus_hdr.tif", "hdr.dng", "defocus.png", "stereo.jpg"])
def test_exif_is_kept_and_orientation_is_not(folder, name):
    kept = read_metadata(folder / name).exif
    assert kept is not None and kept.main[271].content == b"Maker\0"
    with Image.open(folder / name) as picture:
        assert picture.getexif().get(274, 1) == 1


def test_scale_is_that_of_the_written_size(stack, folder):
    with Image.open(folder / "all_in_focus.tif") as picture:
        assert picture.info["dpi"] == (1200, 1200)
    with Image.open(folder / "stereo.jpg") as eyes:
        assert eyes.info["dpi"] == (1200, 1200) and eyes.size[1] == HEIGHT and WIDTH < eyes.size[0] < 2 * WIDTH


def test_the_dng_has_the_light_and_the_brightness_of_the_photograph(stack, folder):
    """In sRGB, which LibRaw brings the photographs' Display P3 to."""
    with rawpy.imread(str(folder / "hdr.dng")) as raw:
        srgb = rawpy.ColorSpace.sRGB
        options = {"gamma": (1, 1), "no_auto_bright": True, "use_camera_wb": True, "output_color": srgb}
        developed = raw.postprocess(output_bps=16, **options) / 65535
    light = stack.radiance @ DISPLAY_P3.to(REC709).T.astype(np.float32)
    factor = 1 / stack.radiance.max()
    inside = (light > 0) & (light < stack.radiance.max())
    np.testing.assert_allclose(developed[inside], light[inside] * factor, atol=1e-3)
    with tifffile.TiffFile(folder / "hdr.dng") as file:
        above, below = file.pages.first.tags["BaselineExposure"].value
    shown = (stack.radiance * factor * 2 ** (above / below)).clip(0, 1)
    photograph = decode_srgb(tifffile.imread(folder / "all_in_focus.tif") / 65535)
    middle = (photograph > 0.15) & (photograph < 0.3)
    assert np.median(shown[middle] / photograph[middle]) == pytest.approx(1, abs=0.05)


def test_maps_tell_settings_names_and_metres(folder):
    defocus = cv2.imread(str(folder / "defocus.png"), cv2.IMREAD_UNCHANGED)
    assert defocus.dtype == np.uint16
    thirds = [np.median(defocus[:, 16 + 48 * third : 32 + 48 * third]) / 65535 for third in range(3)]
    assert thirds == pytest.approx([0, 0.5, 1], abs=0.1)
    with Image.open(folder / "source_map.png") as source:
        index = np.asarray(source)
        assert source.mode == "P" and [np.median(index[:, 16 + 48 * t : 32 + 48 * t]) for t in range(3)] == [0, 1, 2]
        said = source.getexif()[270]
        assert said.endswith("0 IMG_0012 (0.5 m); 1 IMG_0013 (1 m); 2 IMG_0014 (2 m)")
        assert len(np.unique(np.asarray(source.convert("RGB")).reshape(-1, 3), axis=0)) == 3


def test_exr_has_the_distance_in_metres(folder):
    depth = read_exr_channels(folder / "hdr.exr")["Z"]
    thirds = [np.median(depth[:, 16 + 48 * third : 32 + 48 * third]) for third in range(3)]
    assert thirds == pytest.approx(DISTANCES_M, rel=0.12)
    assert OpenEXR.File(str(folder / "hdr.exr"), header_only=True).header()["nominalFocalLength"] == 50


def test_near_is_in_front(folder):
    import trimesh

    (mesh,) = trimesh.load(folder / "mesh.glb").geometry.values()
    left, right = (mesh.vertices[mesh.vertices[:, 0] * side > 0.3][:, 2].mean() for side in (-1, 1))
    assert left == pytest.approx(0.15, abs=0.03) and right == pytest.approx(-0.15, abs=0.03)


def test_a_camera_that_tells_distances_tells_which_setting_is_near(stack, tmp_path, monkeypatch):
    ramp = np.tile(np.array([0, 2], np.float32), (HEIGHT, WIDTH // 2))
    files = FusedFiles(replace(stack, defocus=ramp, confidence=None))
    assert list(files.said_of([tmp_path / "a.glb"])) == []
    np.testing.assert_array_equal(files._nearness((HEIGHT, WIDTH)), 1 - ramp / 2)
    monkeypatch.setitem(files.__dict__, "_dioptres", (0.5, 1.0, 2.0))
    np.testing.assert_array_equal(files._nearness((HEIGHT, WIDTH)), ramp / 2)


def test_one_file_by_its_suffix(stack, tmp_path, folder):
    assert stack.save(tmp_path / "beetle.tif") == [tmp_path / "beetle.tif"]
    assert (tmp_path / "beetle.tif").read_bytes() == (folder / "all_in_focus.tif").read_bytes()
    for name in ("beetle.dng", "beetle.glb", "beetle.exr", "beetle.png"):
        stack.save(tmp_path / name)
    assert (tmp_path / "beetle.dng").read_bytes() == (folder / "hdr.dng").read_bytes()
    with pytest.raises(NeucamError, match=r"beetle\.psd: \.psd is not a file type for fused photographs"):
        stack.save(tmp_path / "beetle.psd")
    with pytest.raises(NeucamError, match="is one file, and outputs are several. Give a folder"):
        stack.save(tmp_path / "beetle.tif", outputs=["hdr"])
    saved = stack.save(tmp_path / "beetles_2024.05.12")
    names = ["hdr.exr", "all_in_focus_hdr.png", "all_in_focus.png", "defocus.png", "capture.json"]
    assert [file.name for file in saved] == names and not is_one_file(tmp_path / "beetles_2024.05.12")


def test_a_bracket_is_tone_mapped_and_tells_no_depth(tiny_desk, tmp_path):
    bracket = fuse(sorted(tiny_desk.glob("F1E*.png")))
    bracket.save(tmp_path / "a.tif")
    np.testing.assert_allclose(tifffile.imread(tmp_path / "a.tif") / 65535, bracket.tone_mapped(), atol=0.51 / 65535)
    with pytest.raises(NeucamError, match=r"a\.glb: these photographs share one focus, which tells no depth"):
        bracket.save(tmp_path / "a.glb")
    with pytest.raises(NeucamError, match="stereo: these photographs share one focus"):
        bracket.save(tmp_path / "all", outputs=["stereo"])
    said = list(FusedFiles(bracket).said_of([tmp_path / "a.dng", tmp_path / "a.tif"]))
    assert len(said) == 1 and said[0].startswith("a.dng: light reaches ") and "of which 5 are kept" in said[0]
    assert list(FusedFiles(bracket, FileOptions(precision="half")).said_of([tmp_path / "a.dng"])) == []


def test_raw_files_have_the_look_of_srgb(tmp_path, write_dng):
    """Three photographs of one exposure, of even light at a quarter of white."""
    random = np.random.default_rng(0)
    for index in range(3):
        write_dng(f"IMG_{index}.dng", np.rint(65535 * random.uniform(0.24, 0.26, (40, 48, 3))).astype(np.uint16))
    stack = fuse(tmp_path, frames="focus-stack", align="off")
    stack.save(tmp_path / "out" / "a.tif")
    picture = tifffile.imread(tmp_path / "out" / "a.tif") / 65535
    assert np.median(picture) == pytest.approx(0.537, abs=0.01), "the sRGB standard's value of 0.25"


def test_a_long_stack_shares_256_colours(stack, tmp_path):
    frames = tuple(
        replace(stack.capture.frames[0], path=Path(f"IMG_{index:03d}.jpg"), focus_index=index) for index in range(300)
    )
    capture = replace(stack.capture, frames=frames, train_indices=tuple(range(300)), reference_index=0)
    defocus = np.linspace(0, 299, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    long = replace(stack, capture=capture, defocus=defocus, exposures=np.zeros(300))
    FusedFiles(long).write_source_map(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as source:
        assert np.asarray(source).max() == 149
        assert "1 IMG_002 and 1 more; 2 IMG_004" in source.getexif()[270]
