"""`neucam-fuse`, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from neucam_nerfstudio.imaging.photograph_metadata import read_metadata
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.scripts.fusion_record import RECORD_NAME

WITHOUT_TORCH = """
import sys
from neucam_nerfstudio.scripts.fuse import entrypoint
try:
    entrypoint()
finally:
    loaded = [name for name in ("torch", "nerfstudio") if name in sys.modules]
    assert not loaded, loaded
"""


def neucam_fuse(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def finished(tiny_desk, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fused") / "pictures"
    return neucam_fuse(tiny_desk, "--output-path", folder), folder


def test_all_is_written_and_said(finished):
    ended, folder = finished
    assert (ended.returncode, ended.stderr) == (0, "")
    names = ["hdr.exr", "all_in_focus_hdr.png", "defocus.png", "capture.json"]
    assert f"Preview: {folder / 'preview.jpg'}, until the picture is made." in ended.stdout
    assert ended.stdout.splitlines()[-4:] == [f"Wrote {folder / name}" for name in names]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, RECORD_NAME])
    assert "TinyDesk: 9 frames, 90x60, uint8" in ended.stdout and "F1E1" in ended.stdout
    assert "Blur: " in ended.stdout


def test_pictures_are_what_they_are_named(finished, tiny_desk):
    _, folder = finished
    radiance, shown = read_radiance(folder / "hdr.exr"), read_photograph(folder / "all_in_focus_hdr.png")
    truth = read_radiance(tiny_desk / "gt" / "all_in_focus_hdr.exr")
    assert np.corrcoef(np.log(radiance).ravel(), np.log(truth).ravel())[0, 1] > 0.99
    assert shown.dtype == np.uint8 and 60 < shown.mean() < 190
    defocus = read_photograph(folder / "defocus.png")[..., 0]
    assert defocus.dtype == np.uint16
    assert defocus[:20].mean() > 0.6 * 65535 > 0.43 * 65535 > defocus[45:].mean()


def test_again_replaces_what_is_there_and_takes_other_formats(tiny_desk, tmp_path):
    options = ("--image-format", "jpeg", "--tone-mapping", "filmic", "--downscale-factor", "2", "--precision", "float")
    assert neucam_fuse(tiny_desk, "--output-path", tmp_path, *options).returncode == 0
    ended = neucam_fuse(tmp_path / "capture.json", "--output-path", tmp_path)
    assert ended.returncode == 0 and f"Replaced {tmp_path / 'hdr.exr'}" in ended.stdout
    assert read_photograph(tmp_path / "all_in_focus_hdr.jpg").shape == (30, 45, 3)


def test_profile_and_exif_of_the_reference_photograph_are_kept(write_jpeg_with_exif, tmp_path):
    random = np.random.default_rng(0)
    detail = random.uniform(0.1, 1, (40, 60, 3))
    for name, time_s, gain in (("a.jpg", "1/60", 60), ("b.jpg", "1/15", 240)):
        write_jpeg_with_exif(name, (gain * detail).astype(np.uint8), time_s=time_s, f_number=8, iso=100)
    ended = neucam_fuse(tmp_path, "--output-path", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert read_metadata(tmp_path / "out" / "all_in_focus_hdr.png").exif is not None


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nowhere", "--output-path", "out"), "nowhere: there is no such folder or file."),
        ((".", "--output-path", "a.png"), "--output-path a.png: is a file, or lies in one. Give a folder."),
        ((".", "--output-path", "out", "--reference", "F9"), "--reference F9: no training frame has this name."),
    ],
)
def test_errors_are_one_line(arguments, line, tiny_capture, monkeypatch):
    monkeypatch.chdir(tiny_capture)
    (tiny_capture / "a.png").write_bytes(b"") if "a.png" in arguments else None
    ended = neucam_fuse(*arguments)
    assert ended.returncode == 1 and ended.stderr == ""
    assert ended.stdout.replace("\n", " ").startswith(line)
    assert not (tiny_capture / "out").exists()


def test_a_raw_bracket_gives_the_light_of_the_scene_and_its_scale(tmp_path, write_dng):
    """Six stops of grey by a sensor that sees little red: three exposures, each with a white balance of its own."""
    neutral, black = (0.5, 1.0, 0.7), 512
    columns = np.arange(192)[None, :].repeat(96, 0)
    light = 0.002 * 2.0 ** (6 * columns / 192)
    rows = np.arange(96)[:, None].repeat(192, 1)
    gains = np.where(rows % 2, np.where(columns % 2, neutral[2], 1.0), np.where(columns % 2, 1.0, neutral[0]))
    told = (neutral, (0.6, 1.0, 0.6), (0.4, 1.0, 0.9))
    for index, (time_s, balance) in enumerate(zip((1, 8, 64), told, strict=True)):
        mosaic = np.minimum(black + light * time_s * gains * (16383 - black), 16383).astype(np.uint16)
        write_dng(f"IMG_{index}.dng", mosaic, neutral=balance, black=black, time_s=Fraction(time_s, 100))
    ended = neucam_fuse(tmp_path, "--output-path", tmp_path / "out", "--downscale-factor", "2")
    assert ended.returncode == 0, ended.stderr
    assert "EXIF" in ended.stdout and "developed with IMG_0's" in ended.stdout
    radiance = read_radiance(tmp_path / "out" / "hdr.exr")[8:-8, 8:-8]
    ratio = radiance / light.reshape(48, 2, 96, 2).mean((1, 3))[8:-8, 8:-8, None]
    np.testing.assert_allclose(ratio / np.median(ratio), 1, rtol=0.02)
    header = OpenEXR.File(str(tmp_path / "out" / "hdr.exr"), header_only=True).header()
    assert header["nominalFocalLength"] == 50 and header["expTime"] == pytest.approx(0.08)
    assert header["sensorPhotositePitch"] == pytest.approx(5.0), "two pixels of the sensor a pixel"
