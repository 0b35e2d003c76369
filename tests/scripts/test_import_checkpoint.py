"""`neucam-import`: the run it writes renders what the released code computes; what does not fit is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts import import_checkpoint
from neucam_nerfstudio.scripts.import_checkpoint import ImportCommand, places_by_name

from ..capture.still_scene import place, similarity, texture

OFFICIAL = Path(__file__).parents[1] / "data" / "official_parity"
STILL_SCENE = OFFICIAL / "mfme.pth"
VIDEO = tuple(f"{number:03d}" for number in range(8))
NAMES = {
    # In the order in which the released code reads them, and with one focus setting: it still learns three.
    "mfme": ("F0E10", "F0E11", "F0E9"),
    "me_dynamic": ("a", "b", "c"),
    "video_deblur": VIDEO,
    "video_hdr": VIDEO,
}
METHODS = {
    "mfme": "neucam-paper",
    "me_dynamic": "neucam-hdr-paper",
    "video_deblur": "neucam-deblur-paper",
    "video_hdr": "neucam-hdr-video-paper",
}
TOLERANCE = 1e-5


def save_photographs(folder: Path, names: tuple[str, ...], height: int, width: int) -> Path:
    folder.mkdir()
    for shade, name in enumerate(names):
        Image.new("RGB", (width, height), (20 * shade, 100, 100)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def photographs(tmp_path) -> Path:
    """As many photographs as the checkpoint has frames, and two more."""
    return save_photographs(tmp_path / "Desk", (*NAMES["mfme"], "F1E9", "F1E10"), height=8, width=12)


@pytest.fixture(scope="module", params=METHODS)
def task(request) -> str:
    """Every published task."""
    return request.param


@pytest.fixture(scope="module")
def official(task) -> dict[str, torch.Tensor]:
    """Pixels, and what the released code computes for them."""
    with np.load(OFFICIAL / f"{task}.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="module")
def run(task, official, tmp_path_factory) -> Path:
    """A run that the command made of the task's checkpoint and photographs of its size."""
    folder = tmp_path_factory.mktemp("imported")
    height, width = official["shape_nhw"][1:].tolist()
    data = save_photographs(folder / "Desk", NAMES[task], height, width)
    with pytest.MonkeyPatch.context() as patch:
        arguments = f"{OFFICIAL / task}.pth --data {data} --output-dir {folder / 'outputs'} --experiment-name dog"
        patch.setattr(sys, "argv", ["neucam-import", *arguments.split()])
        import_checkpoint.entrypoint()
    (config,) = folder.glob(f"outputs/dog/{METHODS[task]}/*/config.yml")
    return config.parent


@pytest.fixture(scope="module")
def rendered(task, official, run) -> dict[str, torch.Tensor]:
    """The run's outputs at the official pixels, rendered as ns-eval and ns-render do."""
    from nerfstudio.utils.eval_utils import eval_setup

    _, pipeline, _, _ = eval_setup(run / "config.yml")
    names = [path.stem for path in pipeline.datamanager.train_dataparser_outputs.image_filenames]
    cameras = pipeline.datamanager.train_dataparser_outputs.cameras
    frame_index = torch.tensor([names.index(NAMES[task][frame]) for frame in official["frame"]])
    centres = torch.stack([official["row"], official["col"]], -1) + 0.5
    rays = cameras.generate_rays(frame_index[:, None], coords=centres)
    with torch.no_grad():
        return pipeline.model.get_outputs_for_camera_ray_bundle(rays.reshape((1, -1)))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("rgb", lambda official: (official["ldr_pm1"] + 1) / 2),
        ("hdr", lambda official: official["log_radiance_sharp"].exp()),
        ("hdr_defocused", lambda official: official["log_radiance"].exp()),
    ],
)
def test_the_run_renders_what_the_released_code_computes(rendered, official, output, expected):
    torch.testing.assert_close(rendered[output][0], expected(official), rtol=0, atol=TOLERANCE)


def test_the_run_shows_the_layers_that_the_released_code_has(rendered, official):
    assert ("opacity" in rendered) == ("foreground" in rendered) == ("alpha" in official)
    assert ("motion" in rendered) == ("uv_background" in official)
    if "alpha" in official:
        torch.testing.assert_close(rendered["opacity"][0], official["alpha"], rtol=0, atol=TOLERANCE)


def test_the_run_is_all_that_is_left(run):
    written = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert written == {"config.yml", "capture.json", "nerfstudio_models/step-000000000.ckpt"}
    assert list(run.parent.iterdir()) == [run]


def test_frames_are_chosen_and_the_next_commands_are_said(photographs, tmp_path, monkeypatch, capsys):
    arguments = f"{STILL_SCENE} --data {photographs} --output-dir {tmp_path / 'runs'} --train-frames F0*"
    monkeypatch.setattr(sys, "argv", ["neucam-import", *arguments.split()])
    import_checkpoint.entrypoint()
    (config,) = tmp_path.glob("runs/Desk/neucam-paper/*/config.yml")
    said = capsys.readouterr().out
    assert f"Wrote {config}\n" in said
    assert f"ns-viewer --load-config {config}\n" in said
    assert "12x8 pixels here, 450x300 in the released configurations" in said


def test_nothing_is_left_of_a_run_that_cannot_be_written(photographs, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(import_checkpoint.yaml, "dump", full_disk)
    with pytest.raises(OSError, match="No space left"):
        ImportCommand(STILL_SCENE, photographs, tmp_path / "runs", train_frames=("F0*",)).main()
    assert list((tmp_path / "runs" / "Desk" / "neucam-paper").iterdir()) == []


def test_a_full_disk_is_said_in_one_line(photographs, tmp_path, monkeypatch, capsys):
    def full_disk(*_):
        raise RuntimeError("[enforce fail at inline_container.cc:672]")

    monkeypatch.setattr(import_checkpoint.torch, "save", full_disk)
    arguments = f"{STILL_SCENE} --data {photographs} --output-dir {tmp_path / 'runs'} --train-frames F0*"
    monkeypatch.setattr(sys, "argv", ["neucam-import", *arguments.split()])
    with pytest.raises(SystemExit) as stop:
        import_checkpoint.entrypoint()
    assert stop.value.code == 1
    assert "cannot be written; is there room for it? ([enforce fail" in " ".join(capsys.readouterr().out.split())
    assert list((tmp_path / "runs" / "Desk" / "neucam-paper").iterdir()) == []


def test_photographs_of_a_lens_that_breathes_stay_where_the_checkpoint_shows_them(tmp_path):
    """The released code aligns nothing."""
    height, width = 180, 260
    data = tmp_path / "Breathing"
    data.mkdir()
    for name, scale in {"F0E0": 0.98, "F1E0": 1.0, "F2E0": 1.02}.items():
        picture = place(texture(height, width), similarity(scale, (0, 0), height, width))
        Image.fromarray(picture).save(data / f"{name}.png")
    ImportCommand(STILL_SCENE, data, tmp_path / "runs").main()
    from nerfstudio.utils.eval_utils import eval_setup

    (config,) = tmp_path.glob("runs/Breathing/neucam-paper/*/config.yml")
    _, pipeline, _, _ = eval_setup(config, test_mode="inference")
    capture = pipeline.datamanager.train_dataparser_outputs.metadata["capture"]
    on_disk = [np.asarray(Image.open(frame.path)) for frame in capture.frames]
    np.testing.assert_array_equal(PixelStore(capture).stack(capture.train_indices), on_disk)
    assert not any("breathing" in note for note in capture.notes)


def test_photographs_for_all_frames_and_no_others_are_needed(photographs, tmp_path):
    with pytest.raises(NeucamError) as refusal:
        ImportCommand(STILL_SCENE, photographs, tmp_path / "runs").main()
    assert f"{STILL_SCENE}: was trained on 3 frames, but 5 photographs of {photographs}" in str(refusal.value)
    assert "--train-frames F0E10 F0E11 F0E9" in str(refusal.value)
    with pytest.raises(NeucamError, match="3 frames, but 2 photographs .* Choose all 3 photographs"):
        ImportCommand(STILL_SCENE, photographs, tmp_path / "runs", train_frames=("F1*",)).main()
    assert not (tmp_path / "runs").exists()


def test_parts_of_no_published_task_are_refused(photographs, tmp_path):
    contents = torch.load(OFFICIAL / "video_hdr.pth", weights_only=True)
    del contents["model_alpha_state_dict"]
    torch.save(contents, tmp_path / "model.pth")
    with pytest.raises(NeucamError) as refusal:
        ImportCommand(tmp_path / "model.pth", photographs).main()
    assert "model.pth: holds atlas, deformation, exposures, foreground_atlas, " in str(refusal.value)
    assert "is no published task" in str(refusal.value) and "deformation (neucam-hdr-paper)" in str(refusal.value)


def test_frames_in_another_order_of_time_are_refused(tmp_path):
    data = save_photographs(tmp_path / "Walk", ("IMG_9", "IMG_10", "IMG_11"), height=8, width=12)
    with pytest.raises(NeucamError) as refusal:
        ImportCommand(OFFICIAL / "me_dynamic.pth", data, tmp_path / "runs").main()
    assert "reads IMG_9.png as frame 2, by its name as text" in str(refusal.value)
    assert "it is frame 0" in str(refusal.value) and "leading zeros" in str(refusal.value)


def test_what_is_no_checkpoint_ends_in_one_line_and_exit_code_1(photographs, monkeypatch, capsys):
    photograph = photographs / "F0E9.png"
    monkeypatch.setattr(sys, "argv", ["neucam-import", str(photograph), "--data", str(photographs)])
    with pytest.raises(SystemExit) as stop:
        import_checkpoint.entrypoint()
    assert stop.value.code == 1
    assert "cannot be read as a checkpoint" in " ".join(capsys.readouterr().out.split())


def test_places_are_by_name_not_by_number():
    assert places_by_name([Path("IMG_9.png"), Path("IMG_10.png"), Path("IMG_100.png")]) == [2, 0, 1]
