"""The Python API: `fuse` and its steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import neucam_nerfstudio
from neucam_nerfstudio import NeucamError, api, estimate_response, fuse, fuse_focus, merge_exposures, photographs
from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_table import linear_response, srgb_response
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance

DESK = Path(__file__).parents[1] / "dataset" / "MFME" / "Desk"
STOPS = [-3.0, 0.0, 3.0] * 3
FOCUS = [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.fixture(scope="module")
def tiny_files(tiny_desk):
    return sorted(tiny_desk.glob("F*E*.png"))


@pytest.fixture(scope="module")
def fused(tiny_desk):
    return fuse(tiny_desk)


def grey(value: float, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    return np.full((*size, 3), value, np.float32)


def test_the_package_offers_it_by_name_and_loads_it_when_it_is_used():
    code = (
        "import sys, neucam_nerfstudio as n; before = 'cv2' in sys.modules; n.fuse;"
        " print(before, *(m in sys.modules for m in ('cv2', 'torch', 'nerfstudio')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True", "False", "False"]
    assert {"fuse", "merge_exposures", "estimate_response", "fuse_focus", "train", "NeucamError"} <= set(
        neucam_nerfstudio.__all__
    )
    with pytest.raises(AttributeError, match="no attribute 'fused'"):
        _ = neucam_nerfstudio.fused


def test_the_package_tells_type_checkers_that_it_is_typed():
    assert (Path(neucam_nerfstudio.__file__).parent / "py.typed").is_file()


def test_merging_linear_photographs_by_hand():
    """0.25 at -1 stops and 0.5 at 0 stops are both radiance 0.5; what is white at 0 stops is told by -1 stops alone."""
    dark, bright = grey(0.25), grey(0.5)
    dark[0], bright[0] = 0.75, 1.0
    radiance = merge_exposures([dark, bright], [-1.0, 0.0], linear_response(half_step(np.dtype(np.float32))))
    assert radiance.dtype == np.float32
    np.testing.assert_allclose(radiance[1:], 0.5, rtol=2e-3)
    np.testing.assert_allclose(radiance[0], 1.5, rtol=2e-3)


def test_merged_radiance_develops_to_the_photographs(tiny_files):
    files, stops = tiny_files[3:6], STOPS[3:6]
    response = estimate_response(files, stops)
    radiance = merge_exposures(files, stops)
    shown = response.develop(np.log(radiance) + np.log(2) * stops[1])
    photograph = read_photograph(files[1]) / 255
    exposed = (photograph > 0.05) & (photograph < 0.9)
    assert np.abs(shown - photograph)[exposed].mean() < 0.01


def test_a_response_is_estimated_up_to_its_zero():
    """A ramp photographed with the sRGB response: from pixel values 0.2 to 0.6, light grows by a factor of 9.6."""
    ramp = np.geomspace(1e-3, 1, 256)[None, :, None] * np.ones((64, 1, 3))
    response = srgb_response()
    frames = [
        np.rint(255 * response.develop(np.log(ramp) + np.log(2) * stops)).astype(np.uint8) for stops in (-2, 0, 2)
    ]
    found = estimate_response(frames, [-2.0, 0.0, 2.0])
    low, middle, high = found.inverse(np.array([0.2, 0.5, 0.6]))
    np.testing.assert_allclose(high - low, np.log(0.3185 / 0.0331), atol=0.05)
    np.testing.assert_allclose(middle, 0, atol=0.02)


def test_equal_exposures_tell_no_response():
    with pytest.raises(NeucamError, match=r"differ by 0\.1 stops, expected at least 0\.3"):
        estimate_response([grey(0.2), grey(0.3)], [0.0, 0.1])


def test_a_focus_stack_is_fused_where_each_photograph_is_sharp():
    random = np.random.default_rng(0)
    sharp = cv2.GaussianBlur(random.uniform(0, 1, (64, 96, 3)).astype(np.float32), (0, 0), 1)
    sharp = np.clip(0.5 + 2 * (sharp - 0.5), 0, 1)
    blurred, left = cv2.GaussianBlur(sharp, (0, 0), 2), np.arange(96)[:, None] < 48
    fused = fuse_focus([np.where(left, sharp, blurred), np.where(left, blurred, sharp)])
    assert fused.all_in_focus.dtype == np.float32 and fused.all_in_focus.shape == sharp.shape
    errors = [np.abs(picture - sharp)[8:-8, 8:-8].mean() for picture in (fused.all_in_focus, blurred)]
    assert errors[0] < 0.25 * errors[1]
    assert fused.sharpest_focus[:, 10:30].mean() < 0.2 and fused.sharpest_focus[:, 66:86].mean() > 0.8


def test_a_folder_files_and_arrays_give_one_result(fused, tiny_desk, tiny_files):
    arrays = [read_photograph(path) for path in tiny_files]
    settings = {"exposure_stops": STOPS, "focus": FOCUS}
    results = [fuse(tiny_files), fuse(arrays, **settings), fuse(np.stack(arrays), **settings)]
    assert fused.radiance.shape == (60, 90, 3) and fused.radiance.dtype == np.float32
    for result in results:
        np.testing.assert_array_equal(result.radiance, fused.radiance)
        np.testing.assert_array_equal(result.defocus, fused.defocus)
        assert result.exposures.tolist() == STOPS and result.reference == fused.reference == 4
        assert result.capture.train_indices == fused.capture.train_indices


def test_some_files_of_a_folder(tiny_files):
    result = fuse(tiny_files[:3])
    assert result.defocus is None and result.blur_per_setting_px == 0
    assert result.exposures.tolist() == [-3, 0, 3] and not result.capture.held_out


def test_estimated_exposures_are_said(tiny_files):
    result = fuse([read_photograph(path) for path in tiny_files[3:6]])
    assert np.diff(result.exposures) == pytest.approx([3, 3], abs=0.7)
    assert result.notes[0] == "No focus settings were given: the photographs are taken to share one."
    assert result.notes[1].startswith("Exposures estimated, in stops: 0 -") and "1 +0.00" in result.notes[1]


def test_photographing_again_gives_the_photographs(fused, tiny_files):
    for index, path in enumerate(tiny_files):
        again = fused.photograph(focus=float(FOCUS[index]), exposure_stops=STOPS[index])
        assert np.abs(again - read_photograph(path) / 255).mean() < 0.02
    np.testing.assert_array_equal(fused.photograph(), fused.photograph(focus=1.0, exposure_stops=0.0))
    np.testing.assert_array_equal(fused.all_in_focus, fused.photograph(focus=0.0, aperture=0.0))
    sharpness = [cv2.Laplacian(fused.photograph(focus=0.0, aperture=a), cv2.CV_32F).std() for a in (0.0, 1.0, 3.0)]
    assert sharpness[0] > sharpness[1] > sharpness[2]
    assert (fused.photograph(exposure_stops=1.0) >= fused.photograph(exposure_stops=0.0)).all()


def test_the_scale_of_radiance_is_that_of_the_response(fused):
    developed = fused.response.develop(np.log(fused.radiance))
    np.testing.assert_allclose(developed, fused.photograph(aperture=0.0, exposure_stops=0.0), atol=1e-6)


def test_known_responses_are_used(tiny_files):
    linear, table = fuse(tiny_files, response="linear"), linear_response(half_step(np.dtype(np.uint8)))
    np.testing.assert_array_equal(linear.response.ldr, table.ldr)
    np.testing.assert_array_equal(fuse(tiny_files, response=table).radiance, linear.radiance)


def test_what_is_saved_is_read_again(fused, tmp_path):
    assert [path.name for path in fused.save(tmp_path / "all")] == [
        "hdr.exr",
        "all_in_focus_hdr.png",
        "defocus.png",
        "capture.json",
    ]
    np.testing.assert_allclose(read_radiance(tmp_path / "all" / "hdr.exr"), fused.radiance, rtol=1e-3)
    fused.save(tmp_path / "exact.exr", precision="float")
    np.testing.assert_array_equal(read_radiance(tmp_path / "exact.exr"), fused.radiance)
    shown = read_photograph(tmp_path / "all" / "all_in_focus_hdr.png") / 255
    np.testing.assert_allclose(shown, fused.tone_mapped(), atol=0.51 / 255)
    again = fuse(tmp_path / "all" / "capture.json")
    np.testing.assert_array_equal(again.radiance, fused.radiance)


def test_a_saved_file_says_where_it_comes_from(fused, tmp_path):
    import OpenEXR

    fused.save(tmp_path / "hdr.exr")
    header = OpenEXR.File(str(tmp_path / "hdr.exr")).header()
    assert header["exposureReference"] == "Radiance at 0 stops; photograph F1E1.png has +0 stops (exposure.txt)."
    settings = json.loads(header["frameSettings"])
    assert settings[8] == {"name": "F2E2", "exposure_stops": 3.0, "focus_setting": 2}


def test_an_edited_manifest_wins(fused, tiny_capture, tmp_path):
    manifest = tmp_path / "capture.json"
    fuse(tiny_capture).capture.save(manifest)
    document = json.loads(manifest.read_text())
    for frame in document["frames"]:
        frame["exposure_stops"]["value"] *= 0.5
    manifest.write_text(json.dumps(document))
    edited = fuse(manifest)
    assert edited.exposures.tolist() == [-1.5, 0, 1.5] * 3
    assert any("F0E0: exposure -1.5 stops" in note for note in edited.notes)


def test_moments_give_the_reference_frames_moment(view_of_moments):
    result = fuse(view_of_moments, frames="moments", exposure_stops=[-1.0, 1.0, -1.0, 1.0, -1.0])
    assert result.defocus is None and result.reference == 2
    assert result.radiance.shape == (96, 128, 3)
    again = result.photograph()
    assert np.abs(again - view_of_moments[2] / 255).mean() < 0.02


@pytest.fixture(scope="module")
def view_of_moments():
    """A picture that moves two pixels a frame, in turn dark and bright."""
    random = np.random.default_rng(0)
    wide = cv2.GaussianBlur(random.uniform(0, 1, (96, 160, 3)).astype(np.float32), (0, 0), 2)
    wide = 0.02 + (wide - wide.min()) / np.ptp(wide)
    shifts, stops = [0, 2, 4, 6, 8], [-1, 1, -1, 1, -1]
    light = [wide[:, shift : shift + 128] * 2.0**stop / 2 for shift, stop in zip(shifts, stops, strict=True)]
    return [np.rint(255 * srgb_response().develop(np.log(picture))).astype(np.uint8) for picture in light]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "photographs: there are none. Give a folder, files or arrays."),
        (([grey(0.5)],), "photographs: found 1, expected at least two that differ in focus or exposure."),
        (
            ([grey(0.5), grey(0.5)[..., 0]],),
            r"photographs\[1\]: found an array \[12, 16\], expected \[height, width, 3\]",
        ),
        (([grey(0.5), grey(0.5)[:4]],), r"photographs\[1\]: 16x4 pixels, float32; photographs\[0\] has 16x12 pixels"),
        (([grey(0.5), grey(1.5)],), r"photographs\[1\]: pixel values from 1.5 to 1.5"),
        (([grey(0.5), np.zeros((12, 16, 3), np.int64)],), r"photographs\[1\]: pixels are int64"),
        (([grey(0.5), "a.png"],), "photographs: found arrays and files."),
        ((["nowhere.png", "nowhere2.png"],), "nowhere.png: no such file."),
        (("nowhere",), "nowhere: there is no such folder or file."),
    ],
)
def test_what_cannot_be_fused(arguments, message):
    with pytest.raises(NeucamError, match=message):
        fuse(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exposure_stops": [0.0]}, "exposure_stops: 1 values for 2 photographs. Give one for each."),
        ({"focus": [0, 1, 2]}, "focus: 3 values for 2 photographs. Give one for each."),
        ({"reference": 2}, "reference: found 2, expected a number from 0 to 1."),
    ],
)
def test_settings_that_do_not_fit_arrays(options, message):
    with pytest.raises(NeucamError, match=message):
        fuse([grey(0.5), grey(0.25)], **{"exposure_stops": [1.0, 0.0], **options})


def test_a_response_that_there_is_not():
    with pytest.raises((NeucamError, TypeError), match="response"):  # the second where types are checked at run time
        fuse([grey(0.5), grey(0.25)], exposure_stops=[1.0, 0.0], response="log")


def test_files_tell_their_settings_themselves(tiny_files):
    with pytest.raises(NeucamError, match="exposure_stops: given for files, which tell their settings themselves"):
        fuse(tiny_files, exposure_stops=STOPS)


def test_steps_take_a_folder_or_say_what_they_expect(tiny_desk):
    assert fuse_focus(tiny_desk).all_in_focus.shape == (60, 90, 3)
    with pytest.raises(NeucamError, match="nowhere: no such folder. Give the folder of the photographs"):
        merge_exposures("nowhere", [0.0, 1.0])
    with pytest.raises(NeucamError, match="exposure_stops: 2 values for 9 photographs"):
        merge_exposures(tiny_desk, [0.0, 1.0])


def test_files_of_several_folders_are_refused(tiny_files, tmp_path):
    other = shutil.copy(tiny_files[0], tmp_path)
    with pytest.raises(NeucamError, match="lie in 2 folders"):
        fuse([tiny_files[1], other])


@pytest.mark.parametrize("aperture", [-0.1, np.inf, np.nan])
def test_an_aperture_that_there_is_not(fused, aperture):
    with pytest.raises(NeucamError, match=f"aperture: found {aperture:g}, expected 0 "):
        fused.photograph(aperture=aperture)


def test_a_suffix_that_is_not_written(fused, tmp_path):
    with pytest.raises(NeucamError, match="picture.webp: .webp is not a file type for fused photographs"):
        fused.save(tmp_path / "picture.webp")


def test_desk_is_as_good_as_the_start_of_training():
    from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores

    truth = read_radiance(next((DESK / "gt").glob("*.exr")))
    assert hdr_scores(fuse(DESK).radiance, truth)["psnr_mu_scale"] > 47.6


def test_large_jpegs_are_previewed_before_all_are_read(tmp_path, tiny_files, monkeypatch):
    for number, file in enumerate([*tiny_files, *tiny_files]):
        picture = cv2.resize(read_photograph(file), (160, 112), interpolation=cv2.INTER_CUBIC)
        write_image(tmp_path / f"F{number // 3}E{number % 3}.jpg", picture / np.float32(255))
    (tmp_path / "exposure.txt").write_text("-3\n0\n3\n")
    monkeypatch.setattr(photographs, "LEAST_PREVIEWED_BYTES", 1)
    monkeypatch.setattr(photographs, "PREVIEW_SIDE_PX", 80)
    shown = []

    def read(*_, **__):
        raise NeucamError(f"all are read after {len(shown)} preview")

    monkeypatch.setattr(api, "open_photographs", read)
    with pytest.raises(NeucamError, match="after 1 preview"):
        fuse(tmp_path, preview=shown.append)
    assert shown[0].shape == (56, 80, 3) and shown[0].min() > 0
    capture, _ = photographs.open_for_preview(tmp_path, "settings", "off")
    assert len(capture.train_frames) == 9


def test_few_small_or_other_files_are_not_read_twice(tiny_files, tiny_desk):
    assert photographs.open_for_preview(tiny_desk, "settings", "off") is None
    assert photographs.open_for_preview([read_photograph(file) for file in tiny_files], "settings", "off") is None
