"""An edit of a layer shows in every frame where the layer shows, and nowhere else."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.radiance_files import read_radiance, write_radiance
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors
from neucam_nerfstudio.scripts.export.canonical_pictures import Preview, radiance_shown_as
from neucam_nerfstudio.scripts.export.layers import ExportLayers, ExportRerender

from .conftest import CONFIG, rendered

ROWS, COLUMNS = slice(30, 40), slice(50, 60)
"""Where the tests paint, in the first frame; below the foreground, and moving to the left by two pixels a frame."""
ORANGE = (0.8, 0.5, 0.2)


def in_frame(picture: np.ndarray) -> np.ndarray:
    """The part of a shared picture that the first frame shows: its middle."""
    down, right = (picture.shape[0] - 60) // 2, (picture.shape[1] - 90) // 2
    return picture[down : down + 60, right : right + 90]


def edited_share(path: Path) -> str:
    """How much of a picture the painted square is, as exports say it."""
    height, width = cv2.imread(str(path)).shape[:2]
    return f"{100 / (height * width):.1%}"


def painted(path: Path, colour=ORANGE) -> Path:
    """The picture with a square painted on it, saved beside it."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    in_frame(picture)[ROWS, COLUMNS] = np.rint(np.array(colour[::-1]) * np.iinfo(picture.dtype).max)
    edited = path.with_name(f"edited{path.suffix}")
    cv2.imwrite(str(edited), picture)
    return edited


def frames(run, name="all_in_focus_hdr") -> list[np.ndarray]:
    return [rendered(run, name, CameraSettings(time=time)) for time in run.capture.times]


@pytest.fixture
def layers(opened, moving_run, tmp_path) -> Path:
    """The layers of our moving scene, as files."""
    opened(moving_run)
    ExportLayers(CONFIG, tmp_path / "layers", precision="float").main()
    return tmp_path / "layers"


def test_an_edit_moves_with_the_scene(moving_run, layers, tmp_path, said):
    before = frames(moving_run)
    edited = painted(layers / "background.png")
    ExportRerender(CONFIG, tmp_path, video_format="frames", background=edited).main()
    assert said[0] == f"{edited}: {edited_share(edited)} of the background is edited."
    for index, picture in enumerate(before):
        shown = cv2.imread(str(tmp_path / f"edited_all_in_focus_hdr/{index:05d}.png"))[..., ::-1] / 255
        moved = slice(COLUMNS.start - 2 * index + 1, COLUMNS.stop - 2 * index - 1)
        np.testing.assert_allclose(shown[ROWS, moved][1:-1], np.broadcast_to(ORANGE, (8, 8, 3)), atol=0.02)
        untouched = np.ones(shown.shape[:2], bool)
        untouched[ROWS.start - 1 : ROWS.stop + 1, moved.start - 2 : moved.stop + 2] = False
        np.testing.assert_allclose(shown[untouched], picture[untouched], atol=0.5 / 255 + 1e-6)


def test_the_bars_are_full_when_the_work_is_done(opened, layered_run, tmp_path, bars):
    opened(layered_run)
    ExportLayers(CONFIG, tmp_path).main()
    ExportRerender(CONFIG, tmp_path, background=painted(tmp_path / "background.png")).main()
    assert [bar[-1] for bar in bars] == [1, 1, 1]


def test_reading_what_is_there_already_takes_no_steps(layers, tmp_path, bars):
    ExportRerender(CONFIG, tmp_path, background=layers / "background.png").main()
    reading, rendering = bars
    assert reading == [] and rendering[-1] == 1


def test_what_was_not_edited_keeps_its_light(moving_run, layers, tmp_path):
    before = frames(moving_run, "hdr")
    ExportRerender(CONFIG, tmp_path, background=painted(layers / "background.png")).main()
    after = frames(moving_run, "hdr")
    np.testing.assert_array_equal(after[0][:25], before[0][:25])
    assert (tmp_path / "edited_all_in_focus_hdr.mp4").stat().st_size > 500


def test_an_edit_of_a_large_picture_leaves_the_rest_of_it(opened, large_moving_run, tmp_path):
    opened(large_moving_run)
    ExportLayers(CONFIG, tmp_path / "layers").main()
    before = frames(large_moving_run, "hdr")
    ExportRerender(CONFIG, tmp_path, background=painted(tmp_path / "layers/background.png")).main()
    for earlier, later in zip(before, frames(large_moving_run, "hdr"), strict=True):
        np.testing.assert_allclose(later[:25], earlier[:25], rtol=1e-4)
        assert not np.allclose(later[ROWS, COLUMNS], earlier[ROWS, COLUMNS], rtol=0.1)


def test_light_of_an_edited_exr_arrives_as_it_is(moving_run, layers, tmp_path):
    radiance = np.full_like(read_radiance(layers / "background.exr"), 40.0)
    write_radiance(layers / "edited.exr", radiance, "float")
    ExportRerender(CONFIG, tmp_path, background=layers / "edited.exr").main()
    np.testing.assert_allclose(frames(moving_run, "hdr")[2][45:], 40.0, rtol=0.05)


def test_nothing_is_changed_by_what_layers_wrote(moving_run, layers, tmp_path, said):
    before = frames(moving_run)
    ExportRerender(CONFIG, tmp_path, background=layers / "background.png").main()
    assert said[0].endswith("0.0% of the background is edited.")
    np.testing.assert_array_equal(frames(moving_run), before)


def test_where_the_edit_is_transparent_the_layer_stays(moving_run, layers, tmp_path, said):
    overlay = np.zeros((*cv2.imread(str(layers / "background.png")).shape[:2], 4), np.uint8)
    in_frame(overlay)[ROWS, COLUMNS] = (51, 128, 204, 255)
    cv2.imwrite(str(layers / "overlay.png"), overlay)
    ExportRerender(CONFIG, tmp_path, background=layers / "overlay.png").main()
    assert said[0].endswith(f"{edited_share(layers / 'overlay.png')} of the background is edited.")
    np.testing.assert_allclose(frames(moving_run)[0][35, 55], ORANGE, atol=0.02)


def test_both_published_layers_can_be_edited(opened, layered_run, tmp_path, said):
    opened(layered_run)
    ExportLayers(CONFIG, tmp_path, bits=16).main()
    edits = {
        name: painted(tmp_path / f"{name}.png").rename(tmp_path / f"my_{name}.png")
        for name in ("background", "foreground")
    }
    ExportRerender(
        CONFIG, tmp_path, video_format="gif", rendered_output_names=("background", "foreground"), **edits
    ).main()
    for name in edits:
        shown = cv2.VideoCapture(str(tmp_path / f"edited_{name}.gif"))
        assert shown.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    assert [line.split(": ")[1] for line in said if "edited." in line] == [
        "1.9% of the background is edited.",
        "1.9% of the foreground is edited.",
    ]


@pytest.mark.parametrize("operator", ["reinhard", "filmic", "log", "gamma"])
def test_radiance_is_found_for_what_is_painted(operator):
    """Whatever a tone mapping shows of some radiance, radiance that it shows alike is found from another start."""
    preview = Preview(DisplayAnchors(torch.tensor(0.3), torch.tensor(20.0)), operator)
    wanted = preview.show(10 ** torch.linspace(-3, 1.2, 60).reshape(-1, 3).flip(0) * torch.tensor([1.0, 0.8, 0.6]))
    radiance = radiance_shown_as(wanted, torch.full_like(wanted, 0.1), preview)
    torch.testing.assert_close(preview.show(radiance), wanted, atol=3e-3, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Nothing is edited: give --background or --foreground"),
        (
            {"foreground": "background.png"},
            r"--foreground: the frames of this run share no foreground, only the background",
        ),
        ({"background": "missing.png"}, r"missing\.png: no such file\. Give an edited picture: \.png, \.tif"),
        ({"background": "small.png"}, r"small\.png: the picture is 45x30 pixels; expected the \d+x\d+ that"),
        ({"background": "broken.png"}, r"broken\.png: broken or unreadable file"),
        ({"background": "edit.jpg"}, r"edit\.jpg: not a picture that is read\. Give an edited picture"),
    ],
)
def test_edits_that_cannot_be_used(layers, tmp_path, options, message):
    cv2.imwrite(str(layers / "small.png"), np.zeros((30, 45, 3), np.uint8))
    (layers / "broken.png").write_bytes(b"not a PNG")
    (layers / "edit.jpg").touch()
    given = {name: layers / file for name, file in options.items()}
    with pytest.raises(NeucamError, match=message):
        ExportRerender(CONFIG, tmp_path / "out", **given).main()
    assert not (tmp_path / "out").exists()
