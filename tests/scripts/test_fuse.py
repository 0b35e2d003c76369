"""`neucam-fuse`, as a user runs it."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from neucam_nerfstudio import api
from neucam_nerfstudio.capture.pixels import source
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.scripts import fuse
from neucam_nerfstudio.scripts.fuse import Fuse
from neucam_nerfstudio.scripts.fusion_record import RECORD_NAME

PATIENCE_S = 300
"""How long a command is waited for that is told to end: on a busy machine."""

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


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the photographs that were decoded."""
    names, real = list[str](), source.read_photograph
    monkeypatch.setattr(source, "read_photograph", lambda path, **how: names.append(path.name) or real(path, **how))
    return names


def pixels_of(folder: Path) -> dict[str, bytes]:
    """Contents of the pictures in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".exr", ".png")}


def test_a_small_memory_budget_changes_nothing_but_where_photographs_wait(
    finished, tiny_desk, tmp_path, monkeypatch, decoded, capsys
):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    Fuse(data=tiny_desk, output_path=tmp_path / "out", memory_budget=0.01).main()
    said = capsys.readouterr().out
    assert pixels_of(tmp_path / "out") == pixels_of(finished[1])
    assert sorted(decoded) == sorted(path.name for path in tiny_desk.glob("F*.png")), "each is decoded once"
    assert f"9 of 9 photographs were kept in a temporary file in {tmp_path}" in said
    assert "takes 0.2 GB, more than the memory budget of 0.0 GB" in said
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_there_of_the_same_photographs_and_options_is_not_made_again(tiny_capture, tmp_path, decoded, capsys):
    out = tmp_path / "out"

    def num_decoded(**options: object) -> int:
        decoded.clear()
        Fuse(data=tiny_capture, output_path=out, **options).main()
        return len(decoded)

    assert num_decoded() == 9
    made = pixels_of(out)
    capsys.readouterr()
    assert num_decoded() == 0 and num_decoded(memory_budget=1.0) == 0
    said = capsys.readouterr().out
    assert "holds what these photographs and options give (all_in_focus_hdr.png, " in said and "Nothing to do." in said
    assert num_decoded(tone_mapping="filmic") == 9 and num_decoded() == 9
    (out / "defocus.png").unlink()
    assert num_decoded() == 9 and pixels_of(out) == made
    (tiny_capture / "exposure.txt").write_text("-2 0 2\n")
    assert num_decoded() == 9 and pixels_of(out) != made


IS_ENDED = """
import sys, time
from neucam_nerfstudio.classical import warm_start
from neucam_nerfstudio.scripts.fuse import entrypoint

def median_of(picture):
    if len(shown):
        print("fused", flush=True)
        time.sleep(600)
    shown.append(picture)
    return 0.0

shown = []
warm_start.median_of = median_of
entrypoint()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals here")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_fusion_that_is_ended_leaves_nothing(number, tiny_desk, tmp_path):
    """A kill leaves the preview; temporary files go with their process in any case."""
    (tmp_path / "scratch").mkdir()
    command = subprocess.Popen(
        [sys.executable, "-c", IS_ENDED, tiny_desk, "--output-path", tmp_path / "out", "--memory-budget", "0.01"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
    )
    said = ""
    while "fused\n" not in said:
        said += command.stdout.readline()
        assert command.poll() is None, said
    assert (tmp_path / "out" / "preview.jpg").is_file()
    command.send_signal(number)
    assert command.wait(PATIENCE_S) == (-9 if number == signal.SIGKILL else 128 + number)
    assert list((tmp_path / "scratch").iterdir()) == []
    left = [path.name for path in (tmp_path / "out").iterdir()] if (tmp_path / "out").is_dir() else []
    assert left == (["preview.jpg"] if number == signal.SIGKILL else [])


def test_progress_goes_on_from_the_beginning_to_the_end(tiny_desk, tmp_path, monkeypatch):
    shares: list[float] = []
    monkeypatch.setattr(fuse, "share_of_work", lambda description: nullcontext(shares.append))
    Fuse(data=tiny_desk, output_path=tmp_path).main()
    assert shares == sorted(shares) and shares[0] < 0.02 and shares[-1] == 1
    assert sum(share < api.DONE_WHEN_SCANNED for share in shares) >= 9, "each photograph that is read counts"


@pytest.mark.parametrize("budget_gb", [0.0, -1.0, math.nan, math.inf])
def test_a_memory_budget_that_is_none_is_refused(budget_gb, tiny_desk, tmp_path):
    with pytest.raises(NeucamError, match="--memory-budget .*: expected a number of GB above 0"):
        Fuse(data=tiny_desk, output_path=tmp_path / "out", memory_budget=budget_gb).main()


def test_one_file_is_named_after_the_photographs(tiny_desk, tmp_path):
    ended = neucam_fuse(tiny_desk, "--output-path", tmp_path / "{capture}" / "{first}-{last}.dng")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert list(tmp_path.rglob("*.*")) == [tmp_path / "TinyDesk" / "F0E0-F2E2.dng"]
    last = ended.stdout.splitlines()[-2:]
    assert last[0] == f"Wrote {tmp_path}/TinyDesk/F0E0-F2E2.dng" and "stops above white, of which 5 are kept" in last[1]


def test_chosen_outputs_and_16_bits(tiny_desk, tmp_path):
    options = ("--outputs", "all_in_focus", "source_map", "mesh", "--image-format", "tiff", "--depth-scale", "-0.2")
    ended = neucam_fuse(tiny_desk, "--output-path", tmp_path / "out", *options)
    assert (ended.returncode, ended.stderr) == (0, "")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"all_in_focus.tif", "source_map.png", "mesh.glb", "capture.json", RECORD_NAME}
    assert read_photograph(tmp_path / "out" / "all_in_focus.tif").dtype == np.uint16
    said = "mesh.glb: the first focus setting is taken for the nearest; --depth-scale 0.2 turns it round."
    assert ended.stdout.splitlines()[-1] == said


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
        ((".", "--output-path", "a/b"), "--output-path a/b: is a file, or lies in one. Give a folder, or a file in"),
        ((".", "--output-path", "a.psd"), "a.psd: .psd is not a file type for fused photographs; supported: .exr"),
        ((".", "--output-path", "a.tif", "--outputs", "hdr"), "--output-path a.tif: is one file, and --outputs are"),
        (
            (".", "--output-path", "{first}/a.tif"),
            "--output-path {first}/a.tif: {first} and {last} can",
        ),
        ((".", "--output-path", "out", "--reference", "F9"), "--reference F9: no training frame has this name."),
    ],
)
def test_errors_are_one_line(arguments, line, tiny_capture, monkeypatch):
    monkeypatch.chdir(tiny_capture)
    (tiny_capture / "a").write_bytes(b"") if "a/b" in arguments else None
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
