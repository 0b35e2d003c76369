"""Finding and reading ground-truth radiance."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from neucam_nerfstudio.capture.ground_truth import (
    GroundTruth,
    check_sizes,
    find_ground_truth,
    find_radiance,
    match_to_frames,
    read_sharp,
)
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.radiance_files import picture_size, read_radiance

FRAMES = [Path(f"frame_{number:03d}.png") for number in (3, 4, 5)]
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


def radiance_names(folder: Path) -> list[str]:
    return [path.name for path in find_radiance(folder, FRAMES)[0]]


def test_folder_gt_comes_before_files_beside_the_photographs(tmp_path):
    (tmp_path / "truth.hdr").touch()
    assert radiance_names(tmp_path) == ["truth.hdr"]
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "optics.json").touch()
    assert radiance_names(tmp_path) == ["truth.hdr"]
    for name in ("hdr_10.EXR", "hdr_9.exr", "depth.exr"):
        (tmp_path / "gt" / name).touch()
    assert find_radiance(tmp_path, FRAMES) == ([tmp_path / "gt/hdr_9.exr", tmp_path / "gt/hdr_10.EXR"], ())


@pytest.mark.parametrize(
    "name",
    [
        "hdr_000.hdr",
        "HDRImg.hdr",
        "gt.exr",
        "desk_gt_1.hdr",
        "GT-desk.hdr",
        "ground_truth.exr",
        "Truth.HDR",
        "frame_004.exr",
    ],
)
def test_file_beside_the_photographs_is_ground_truth_if_its_name_says_so(tmp_path, name):
    (tmp_path / name).touch()
    taken, notes = find_radiance(tmp_path, FRAMES)
    assert taken == [tmp_path / name] and notes == (f"Ground truth, by name: {name} beside the frames.",)


@pytest.mark.parametrize("name", ["my_previous_result.exr", "hdr.exr", "length.hdr", "merged_hdr.exr", "frame_9.exr"])
def test_any_other_file_beside_the_photographs_is_not(tmp_path, name):
    (tmp_path / name).touch()
    taken, notes = find_radiance(tmp_path, FRAMES)
    assert taken == [] and notes == (f"Not ground truth, by name: {name}. Put it into gt/ if it is.",)


def test_files_beside_the_photographs_are_told_apart(tmp_path):
    for name in ("frame_003.exr", "hdr_3.exr", "hdr_4.exr", "result.exr"):
        (tmp_path / name).touch()
    taken, notes = find_radiance(tmp_path, FRAMES)
    assert taken == [tmp_path / "hdr_3.exr", tmp_path / "hdr_4.exr"]
    assert notes == (
        "Ground truth, by name: hdr_3.exr, hdr_4.exr beside the frames.",
        "Not ground truth, by name: frame_003.exr, result.exr. Put it into gt/ if it is.",
    )


def test_sharp_photographs_are_those_with_the_prefix(tmp_path, write_grey):
    (tmp_path / "gt").mkdir()
    for name in ("gt/sharp_1.png", "gt/sharp_0.png", "gt/preview.png", "sharp_2.png"):
        write_grey(name)
    assert [path.name for path in find_ground_truth(tmp_path, FRAMES[:2], [0, 1]).sharp] == [
        "sharp_0.png",
        "sharp_1.png",
    ]


def test_a_single_sharp_photograph_is_that_of_all_frames_of_a_still_scene(tmp_path, write_grey):
    (tmp_path / "gt").mkdir()
    write_grey("gt/sharp.png"), write_grey("gt/sharpened.png")
    truth = find_ground_truth(tmp_path, FRAMES, [0, 2])
    assert truth.sharp == (tmp_path / "gt/sharp.png",) * 2


def test_sharp_photographs_are_read_as_shares_of_white(tmp_path):
    ramp = np.arange(4 * 6 * 3, dtype=np.uint16).reshape(4, 6, 3) * 900
    cv2.imwrite(str(tmp_path / "sharp_0.png"), ramp[..., ::-1])
    np.testing.assert_allclose(read_sharp(tmp_path / "sharp_0.png"), ramp / 65535, rtol=1e-6)


@pytest.mark.parametrize(
    ("files", "reference", "of_frames"),
    [
        (["truth.hdr"], None, [0, 0, 0]),
        (["a.exr", "b.exr", "c.exr"], None, [0, 1, 2]),
        (["hdr_0.exr", "hdr_1.exr", "hdr_2.exr"], 1, [0, 1, 2]),
        (["hdr_4.exr", "hdr_5.exr"], 1, [None, 0, 1]),
        (["hdr_004.exr"], 0, [None, 0, None]),
        (["HDRImg.hdr"], 1, [None, 0, None]),
        (["hdr_7.exr", "hdr_8.exr"], 1, [None, None, None]),
        (["x4_1.exr", "y_4.exr", "z_04.exr", "hdr_5.exr"], 1, [None, None, 3]),
        ([], 1, [None, None, None]),
    ],
    ids=str,
)
def test_truth_belongs_to_frames_by_count_then_number_then_reference(files, reference, of_frames):
    files = [Path(name) for name in files]
    expected = [None if index is None else files[index] for index in of_frames]
    assert match_to_frames(files, FRAMES, reference) == expected


def test_truth_is_matched_before_frames_are_selected(tmp_path):
    (tmp_path / "gt").mkdir()
    for name in "abc":
        (tmp_path / "gt" / f"{name}.exr").touch()
    truth = find_ground_truth(tmp_path, FRAMES, kept=[0, 2], reference=0)
    assert [path.name for path in truth.radiance] == ["a.exr", "c.exr"]
    assert truth.sharp == (None, None) and truth.notes == ()


def test_what_is_not_scored_is_said(tmp_path, write_grey):
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "hdr_004.exr").touch()
    write_grey("gt/sharp_7.png"), write_grey("gt/sharp_8.png")
    truth = find_ground_truth(tmp_path, FRAMES, kept=[0, 1, 2], reference=1)
    assert truth.notes[0].startswith(
        "1 of 3 frames have radiance ground truth: evaluation scores against it only if all"
    )
    assert truth.notes[1].startswith(
        f"Not scored: {tmp_path / 'gt'} holds 2 sharp files, which fit the 3 frames neither"
    )


def test_sizes_are_known_from_headers(tmp_path, write_grey):
    write_exr(tmp_path / "a.exr", {"RGB": RADIANCE})
    cv2.imwrite(str(tmp_path / "a.hdr"), RADIANCE)
    assert picture_size(tmp_path / "a.exr") == picture_size(tmp_path / "a.hdr") == (4, 6)
    assert picture_size(write_grey("a.png", size=(5, 7))) == (5, 7)


@pytest.mark.parametrize("name", ["truth.exr", "truth.hdr", "sharp_0.png"])
def test_size_of_what_is_no_picture_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"not a picture")
    with pytest.raises(NeucamError, match=f"{name}: unreadable ground truth"):
        picture_size(tmp_path / name)


@pytest.mark.parametrize("kind", ["radiance", "sharp"])
def test_truth_of_another_size_is_refused(tmp_path, write_grey, kind):
    file = write_exr(tmp_path / "a.exr", {"RGB": RADIANCE}) if kind == "radiance" else write_grey("a.png", size=(4, 6))
    truth = GroundTruth(**{"radiance": (None,), "sharp": (None,), "notes": (), kind: (file,)})
    check_sizes(truth, 2, 2, 3)
    with pytest.raises(NeucamError, match=rf"{file.name}: the ground truth is 6x4 pixels, the frames are 6x5 \(both"):
        check_sizes(truth, 1, 5, 6)


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
    with pytest.raises(NeucamError, match=rf"truth\{suffix}: unreadable ground truth .*or remove it"):
        read_radiance(path)


def test_exr_without_colour_is_refused(tmp_path):
    with pytest.raises(NeucamError, match="channels Z, expected R, G, B"):
        read_radiance(write_exr(tmp_path / "depth.exr", {"Z": RADIANCE[..., 0]}))


def test_values_that_are_not_finite_are_refused(tmp_path):
    spoilt = RADIANCE.copy()
    spoilt[1, 2, 0] = np.nan
    with pytest.raises(NeucamError, match="holds NaN or infinite values"):
        read_radiance(write_exr(tmp_path / "a.exr", {"RGB": spoilt}))
