"""`capture.json`: what a scan found, saved, read again, and edited by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neucam_nerfstudio.capture.manifest import Capture, Frame, Told
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings
from neucam_nerfstudio.capture.settings.focus import FocusSettings
from neucam_nerfstudio.errors import NeucamError

from .still_scene import expose, place, similarity, texture

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


@pytest.fixture
def manifest(tiny_desk: Path, tmp_path: Path) -> Path:
    """The small desk's manifest, to be edited."""
    open_capture(tiny_desk)[0].save(tmp_path / "capture.json")
    return tmp_path / "capture.json"


@pytest.fixture
def edit(manifest: Path) -> Callable[..., Capture]:
    """Reads the manifest with a value edited: `edit(("frames", 0, "exposure_stops", "value"), -2.0)`."""

    def edited(*changes: tuple[tuple, Any]) -> Capture:
        document = json.loads(manifest.read_text())
        for (*way, last), value in changes:
            part = document
            for step in way:
                part = part[step]
            part[last] = value
        manifest.write_text(json.dumps(document))
        return Capture.load(manifest)

    return edited


def exposure(frame: int) -> tuple:
    return ("frames", frame, "exposure_stops", "value")


def focus(frame: int) -> tuple:
    return ("frames", frame, "focus_setting", "value")


def kinds_of_captures(folder: Path, write_grey, write_video) -> list[Capture]:
    """A bracket of unknown exposures, moments out of a video, an array with held-out frames."""
    (folder / "night").mkdir()
    for index, value in enumerate((20, 90, 200)):
        write_grey(f"night/IMG [{index}].png", value)
    np.save(folder / "clip.npy", np.random.default_rng(0).random((5, 8, 12, 3)).astype(np.float32))
    video = write_video("clip.mp4", num_frames=6)
    return [
        open_capture(folder / "night")[0],
        open_capture(video, frames="moments", eval_every=3)[0],
        open_capture(folder / "clip.npy", frames="moments", exposures="learn", downscale_factor=2)[0],
    ]


def test_what_is_saved_is_read_again(tmp_path, write_grey, write_video, tiny_desk):
    captures = kinds_of_captures(tmp_path, write_grey, write_video)
    captures += [open_capture(tiny_desk)[0], open_capture(tiny_desk, train_frames=("F0*",), settings_per_frame=True)[0]]
    for number, capture in enumerate(captures):
        path = tmp_path / "runs" / str(number) / "capture.json"
        capture.save(path)
        again = Capture.load(path)
        assert again == capture and again.notes == capture.notes and again.manifest_file == path
        again.save(path.with_name("again.json"))
        assert path.with_name("again.json").read_text() == path.read_text(), "nothing drifts"
        assert [path.name for path in path.parent.iterdir() if path.name.startswith(".")] == []
        np.testing.assert_array_equal(PixelStore(again)[1][...], PixelStore(capture)[1][...])


def test_side_maps_and_truth_keep_their_files(tmp_path, write_grey):
    (tmp_path / "mask").mkdir(), (tmp_path / "gt").mkdir(), (tmp_path / "flow").mkdir()
    for index in range(3):
        (
            write_grey(f"{index}.png", 100 + index),
            write_grey(f"mask/{index}.png", 255),
            write_grey(f"gt/sharp_{index}.png"),
        )
    for a, b in (("0", "1"), ("1", "2")):
        for pair in (f"{a}_{b}", f"{b}_{a}"):
            np.save(tmp_path / "flow" / f"{pair}.npy", np.zeros((6, 8, 2), np.float32))
    capture, _ = open_capture(tmp_path, frames="moments")
    capture.save(tmp_path / "capture.json")
    again = Capture.load(tmp_path / "capture.json")
    assert again == capture and again.sharp_truth[1] == tmp_path / "gt" / "sharp_1.png"
    assert again.side_maps.mask.shape == (3, 6, 8) and again.side_maps.flow.forward_px.shape == (2, 6, 8, 2)


def test_a_manifest_beside_the_photographs_moves_with_them(tiny_capture, tmp_path):
    capture, _ = open_capture(tiny_capture)
    capture.save(tiny_capture / "capture.json")
    elsewhere = tiny_capture.rename(tmp_path / "elsewhere")
    moved = Capture.load(elsewhere / "capture.json")
    assert moved.notes == () and moved.data == elsewhere
    assert PixelStore(moved)[0][...].shape == (60, 90, 3)


def test_it_can_be_read_by_people(manifest):
    lines = manifest.read_text().splitlines()
    assert '      "exposure_stops": {"value": -3.0, "found": -3.0, "evidence": "exposure.txt, line 1"},' in lines
    assert '      "focus_setting": {"value": 2, "found": 2, "evidence": "name F2"},' in lines
    assert max(map(len, lines)) <= 120 and len(lines) < 120


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_any_values_come_back_exactly(tmp_path, tiny_desk, desk, data):
    frames, draw = [], data.draw
    stops = tuple(sorted(draw(st.lists(NUMBERS, min_size=3, max_size=3, unique=True))))
    times = sorted(draw(st.lists(st.floats(0, 1), min_size=9, max_size=9, unique=True)))
    for index, frame in enumerate(desk.frames):
        pixel_map = ((1.0, draw(st.floats(-0.9, 0.9)), draw(NUMBERS)), (0.0, 1.0, 0.5), (0.0, 0.0, 1.0))
        value = draw(st.sampled_from((None, pixel_map)))
        told = Told(stops[frame.exposure_index], stops[frame.exposure_index], draw(WORDS))
        extra = {"time": Told(times[index], draw(st.floats(0, 1)), draw(WORDS)), "alignment": Told(value, None, "")}
        frames.append(replace(frame, exposure=told, **extra))
    exposures = replace(desk.exposures, stops=stops)
    capture = replace(
        desk, frames=tuple(frames), exposures=exposures, moves=True, times=tuple(times), scan_notes=(draw(WORDS),)
    )
    capture.save(tmp_path / "capture.json")
    assert Capture.load(tmp_path / "capture.json") == capture


def test_an_edited_exposure_wins_and_is_said_once(edit):
    capture = edit((exposure(0), -2.0))
    assert capture.exposures == ExposureSettings((-3.0, -2.0, 0.0, 3.0), "edited", "fix")
    assert capture.exposure_stops(0) == -2 and capture.exposure_stops(3) == -3
    assert [frame.exposure_index for frame in capture.frames] == [1, 2, 3, 0, 2, 3, 0, 2, 3]
    (note,) = capture.notes
    assert note == "F0E0: exposure -2 stops as edited in capture.json (exposure.txt, line 1 had -3)."


def test_frames_of_equal_edited_exposures_share_a_setting(edit):
    capture = edit(*((exposure(frame), 0.5) for frame in (1, 4, 7)))
    assert capture.exposures.stops == (-3.0, 0.5, 3.0) and len(capture.notes) == 3


def test_an_edit_is_kept_and_said_by_later_runs(edit, tmp_path):
    capture = edit((exposure(0), -2.0))
    capture.save(tmp_path / "run" / "capture.json")
    again = Capture.load(tmp_path / "run" / "capture.json")
    assert again == capture and again.notes == capture.notes


def test_exposures_that_nobody_knew_can_be_written_in(tmp_path, write_grey):
    for index, value in enumerate((20, 90, 200)):
        write_grey(f"IMG_{index}.png", value)
    capture, _ = open_capture(tmp_path)
    assert capture.exposures == ExposureSettings((0.0, 0.0, 0.0), "unknown", "learn")
    capture.save(tmp_path / "capture.json")
    document = json.loads((tmp_path / "capture.json").read_text())
    for frame, stops in zip(document["frames"], (-2, 0, 1.5), strict=True):
        assert frame["exposure_stops"] == {"value": None, "found": None, "evidence": "nothing tells it"}
        frame["exposure_stops"]["value"] = stops
    (tmp_path / "capture.json").write_text(json.dumps(document))
    told = Capture.load(tmp_path / "capture.json")
    assert told.exposures == ExposureSettings((-2.0, 0.0, 1.5), "edited", "fix")
    assert told.notes[-1] == "IMG_2: exposure +1.5 stops as edited in capture.json (nothing tells it)."


def test_edited_focus_settings_are_numbered_anew_and_spread(edit):
    capture = edit(*((focus(frame), 1) for frame in (0, 1, 2)))
    assert [frame.focus_index for frame in capture.frames] == [0] * 6 + [1] * 3
    assert capture.focuses == FocusSettings((-1.0, 1.0), "edited", "learn")
    assert capture.notes[0] == "F0E0: focus setting 1 as edited in capture.json (name F0 had 0)."
    assert capture.notes[-1] == "Focus positions: -1, 1, as edited in capture.json (-1, 0, 1 before)."


def test_edited_focus_positions_count(edit):
    capture = edit((("focuses", "positions", "value"), [-1.0, 0.4, 1.0]))
    assert capture.focuses.positions == (-1.0, 0.4, 1.0) and capture.focus_position(4) == 0.4
    assert capture.notes == ("Focus positions: -1, 0.4, 1, as edited in capture.json (-1, 0, 1 before).",)


def test_edited_reference_uses_and_light(edit):
    changes = [(("frames", index, "used_for"), "evaluation") for index in (0, 1, 2)]
    changes += [(("frames", index, "used_for"), "training") for index in range(3, 9)]
    capture = edit((("reference", "value"), "F2E0"), (("linear_light",), True), *changes)
    assert capture.frames[capture.reference_index].name == "F2E0" and capture.linear_light
    assert capture.train_indices == tuple(range(3, 9)) and capture.eval_indices == (0, 1, 2) and capture.held_out
    assert "Reference frame: F2E0, as edited in capture.json (F1E1 before)." in capture.notes


def test_an_edited_alignment_is_applied(edit):
    shift = [[1.0, 0.0, 3.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    capture = edit((("frames", 0, "alignment", "value"), shift))
    before = cv2.imread(str(capture.frames[0].path))[..., ::-1]
    np.testing.assert_array_equal(PixelStore(capture)[0][:, :-3], before[:, 3:])
    assert capture.notes == ("F0E0: alignment as edited in capture.json.",)


def test_a_found_alignment_can_be_taken_away(tmp_path):
    scene = texture(150, 220)
    for focus_index, (scale, blur_px) in enumerate(((1.02, 1.0), (1.0, 0.0))):
        seen = expose(place(scene, similarity(scale, (1.5, -0.5), 150, 220)), 0, blur_px)
        cv2.imwrite(str(tmp_path / f"F{focus_index}.png"), seen)
    capture, _ = open_capture(tmp_path, reference="F1")
    capture.save(tmp_path / "capture.json")
    document = json.loads((tmp_path / "capture.json").read_text())
    assert np.shape(document["frames"][0]["alignment"]["found"]) == (3, 3)
    document["frames"][0]["alignment"]["value"] = None
    (tmp_path / "capture.json").write_text(json.dumps(document))
    left = Capture.load(tmp_path / "capture.json")
    np.testing.assert_array_equal(PixelStore(left)[0][...], cv2.imread(str(tmp_path / "F0.png"))[..., ::-1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((exposure(3), "dark"), r'frames\[3\]\.exposure_stops\.value: found "dark", expected a valid number'),
        ((exposure(3), True), r"frames\[3\]\.exposure_stops\.value: found true, expected a valid number"),
        (
            (exposure(3), None),
            r"frames\[3\]\.exposure_stops\.value: found null, expected a number, as other",
        ),
        ((focus(2), 0.5), r"frames\[2\]\.focus_setting\.value: found 0\.5, expected a valid integer"),
        (
            (("frames", 0, "used_for"), "test"),
            r"frames\[0\]\.used_for: found \"test\", expected 'training'",
        ),
        ((("frames", 0, "exposure"), 1), r"frames\[0\]\.exposure: no such key is known"),
        ((("frames",), []), r"frames: found \[\], expected at least 2 items"),
        ((("reference", "value"), "F9"), r'reference\.value: found "F9", expected the name of a frame, such as F0E0'),
        ((("width",), 0), "width: found 0, expected greater than or equal to 1"),
        ((("white_level",), 4095), "white_level: found 4095, expected 255, or less of 16-bit files"),
        (
            (("focuses", "positions", "value"), [0.0]),
            r"positions\.value: found \[0\.0\], expected 3 numbers, one a",
        ),
        (
            (("frames", 1, "exposure_setting"), 0),
            r"exposure_setting: found 0, expected the same setting only",
        ),
        (
            (("frames", 0, "alignment", "value"), [[1, 0, 0], [0, -1, 0], [0, 0, 1]]),
            r"frames\[0\]\.alignment\.value: .*expected rows of a map that does not mirror",
        ),
        ((("frames", 1, "file"), "F0E0.png"), "frames: .*expected frames of different names"),
        (
            (("frames", 1, "time"), {"value": 0.5, "found": 0.5, "evidence": ""}),
            r"frames: time: found \[0\.5\], expected none, for the scene stands still",
        ),
        ((("version",), 7), "version 7 of the file, this program reads 1. Use the program that wrote it, or take"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(edit, change, message):
    with pytest.raises(NeucamError, match=rf"capture\.json: .*{message}") as error:
        edit(change)
    assert "scan the photographs anew" in str(error.value)


def test_missing_key_is_named(manifest):
    document = json.loads(manifest.read_text())
    del document["frames"][4]["focus_setting"]
    manifest.write_text(json.dumps(document))
    with pytest.raises(NeucamError, match=r"frames\[4\]\.focus_setting: is missing\. Correct it, or take the"):
        Capture.load(manifest)


def test_slip_of_the_pen_is_told_by_its_line(manifest):
    manifest.write_text(manifest.read_text().replace('"height": 60,', '"height": 60'))
    with pytest.raises(NeucamError, match=r"capture\.json, line 9: not JSON \(Expecting ',' delimiter\)\. Correct"):
        Capture.load(manifest)


@pytest.mark.parametrize("content", [b"[]", b"\xff\xfe", None])
def test_what_is_no_manifest_is_refused(tmp_path, content):
    path = tmp_path / "capture.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NeucamError, match=r"capture\.json: not the manifest of a capture"):
        Capture.load(path)


def test_time_that_does_not_rise_is_refused(write_video, tmp_path):
    open_capture(write_video("clip.mp4", num_frames=4), frames="moments")[0].save(tmp_path / "capture.json")
    text = (tmp_path / "capture.json").read_text().replace('"time": {"value": 1.0', '"time": {"value": 0.1')
    (tmp_path / "capture.json").write_text(text)
    with pytest.raises(NeucamError, match="frames: time: .*expected a time for each frame of .* moves, rising"):
        Capture.load(tmp_path / "capture.json")


def test_manifest_as_data_scans_nothing(tiny_capture, tmp_path):
    capture, _ = open_capture(tiny_capture)
    capture.save(tmp_path / "capture.json")
    shutil.copy(tiny_capture / "F0E0.png", tiny_capture / "F3E0.png")
    (tiny_capture / "exposure.txt").unlink()
    again, store = open_capture(tmp_path / "capture.json")
    assert again == capture and store[0][...].shape == (60, 90, 3)


def test_frames_made_by_hand_need_no_evidence(tmp_path):
    frame = Frame(tmp_path / "a.png", 0, 1)
    assert frame.name == "a" and not frame.exposure.is_edited and frame.alignment.value is None


def hand_held(folder):
    """A capture of which one frame was taken from another place, and its manifest."""
    for index in range(2):
        cv2.imwrite(str(folder / f"F{index}.png"), texture(60, 80, index))
    capture, _ = open_capture(folder, align="off", reference="F0")
    rows = ((1.0, 0.0, 0.5), (0.0, 1.0, -0.25), (1e-5, 0.0, 1.0))
    moved = replace(capture.frames[1], alignment=Told(rows, rows, "detail"), epipole=(1.5, -0.5, 0.0))
    nearness = np.linspace(-1, 1, 30 * 40, dtype=np.float32).reshape(30, 40)
    capture = replace(capture, frames=(capture.frames[0], moved), nearness=nearness)
    capture.save(folder / "run" / "capture.json")
    return capture, folder / "run" / "capture.json"


def test_how_near_things_are_comes_back(tmp_path):
    capture, path = hand_held(tmp_path)
    again = Capture.load(path)
    assert again == capture
    np.testing.assert_array_equal(again.nearness, capture.nearness)
    np.testing.assert_array_equal(PixelStore(again)[1][...], PixelStore(capture)[1][...])
    again.save(tmp_path / "elsewhere" / "capture.json")
    np.testing.assert_array_equal(Capture.load(tmp_path / "elsewhere" / "capture.json").nearness, capture.nearness)


@pytest.mark.parametrize("lost", ["taken away", "cut off", "no map"])
def test_a_map_of_nearness_that_is_lost_is_named(tmp_path, lost):
    _, path = hand_held(tmp_path)
    nearness = path.with_name("capture_nearness.npy")
    if lost == "taken away":
        nearness.unlink()
    elif lost == "cut off":
        nearness.write_bytes(nearness.read_bytes()[:200])
    else:
        np.save(nearness, np.zeros(7, np.float32))
    with pytest.raises(NeucamError, match=r"capture_nearness\.npy: cannot be read .* copy it here"):
        Capture.load(path)
