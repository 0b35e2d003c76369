"""`neucam-import`: the run it writes renders what the released code computes; what does not fit is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neucam_nerfstudio.published.checkpoint import CheckpointError, read_checkpoint
from neucam_nerfstudio.scripts import import_checkpoint
from neucam_nerfstudio.scripts.import_checkpoint import ImportCommand, blur_kind, places_by_name

OFFICIAL = Path(__file__).parents[1] / "data" / "official_parity"
STILL_SCENE = OFFICIAL / "mfme.pth"
NAMES = ("F0E10", "F0E11", "F0E9")
"""Frames in the order in which the released code reads them, with one focus setting: it still learns three."""
TOLERANCE = 1e-5


def save_photographs(folder: Path, names: tuple[str, ...], height: int, width: int) -> Path:
    folder.mkdir()
    for shade, name in enumerate(names):
        Image.new("RGB", (width, height), (20 * shade, 100, 100)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def photographs(tmp_path) -> Path:
    """As many photographs as the checkpoint has frames, and two more."""
    return save_photographs(tmp_path / "Desk", (*NAMES, "F1E9", "F1E10"), height=8, width=12)


@pytest.fixture(scope="module")
def official() -> dict[str, torch.Tensor]:
    """Pixels, and what the released code computes for them."""
    with np.load(OFFICIAL / "mfme.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="module")
def run(official, tmp_path_factory) -> Path:
    """A run that the command made of the still scene's checkpoint and photographs of its size."""
    folder = tmp_path_factory.mktemp("imported")
    height, width = official["shape_nhw"][1:].tolist()
    data = save_photographs(folder / "Desk", NAMES, height, width)
    with pytest.MonkeyPatch.context() as patch:
        arguments = f"{STILL_SCENE} --data {data} --output-dir {folder / 'outputs'} --experiment-name dog"
        patch.setattr(sys, "argv", ["neucam-import", *arguments.split()])
        import_checkpoint.entrypoint()
    (config,) = folder.glob("outputs/dog/neucam-paper/*/config.yml")
    return config.parent


@pytest.fixture(scope="module")
def rendered(official, run) -> dict[str, torch.Tensor]:
    """The run's outputs at the official pixels, rendered as ns-eval and ns-render do."""
    from nerfstudio.utils.eval_utils import eval_setup

    _, pipeline, _, _ = eval_setup(run / "config.yml")
    names = [path.stem for path in pipeline.datamanager.train_dataparser_outputs.image_filenames]
    cameras = pipeline.datamanager.train_dataparser_outputs.cameras
    frame_index = torch.tensor([names.index(NAMES[frame]) for frame in official["frame"]])
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


def test_the_run_is_all_that_is_left(run):
    written = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert written == {"config.yml", "nerfstudio_models/step-000000000.ckpt"}
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


def test_photographs_for_all_frames_and_no_others_are_needed(photographs, tmp_path):
    with pytest.raises(CheckpointError) as refusal:
        ImportCommand(STILL_SCENE, photographs, tmp_path / "runs").main()
    assert f"{STILL_SCENE}: was trained on 3 frames, but 5 photographs of {photographs}" in str(refusal.value)
    assert "--train-frames F0E10 F0E11 F0E9" in str(refusal.value)
    with pytest.raises(CheckpointError, match="3 frames, but 2 photographs .* Choose all 3 photographs"):
        ImportCommand(STILL_SCENE, photographs, tmp_path / "runs", train_frames=("F1*",)).main()
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("me_dynamic", "also has deformation and has no blur, focus"),
        ("video_deblur", "also has deformation, foreground_atlas, foreground_deformation, opacity"),
    ],
)
def test_other_kinds_of_checkpoints_are_refused(task, told, tmp_path):
    with pytest.raises(CheckpointError, match=rf"{task}\.pth: {told}, so it is no still scene"):
        ImportCommand(OFFICIAL / f"{task}.pth", tmp_path).main()


def test_what_is_no_checkpoint_ends_in_one_line_and_exit_code_1(photographs, monkeypatch, capsys):
    photograph = photographs / "F0E9.png"
    monkeypatch.setattr(sys, "argv", ["neucam-import", str(photograph), "--data", str(photographs)])
    with pytest.raises(SystemExit) as stop:
        import_checkpoint.entrypoint()
    assert stop.value.code == 1
    assert "cannot be read as a checkpoint" in " ".join(capsys.readouterr().out.split())


def test_kernels_that_are_no_square_of_9_or_25_are_refused(tmp_path):
    contents = torch.load(STILL_SCENE, weights_only=True)
    last = contents["model_blur_state_dict"]
    last["layers.3.weight"], last["layers.3.bias"] = torch.zeros(48, 64), torch.zeros(48)
    torch.save(contents, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="its blur has 16 taps, expected 9"):
        blur_kind(read_checkpoint(tmp_path / "model.pth"))


def test_places_are_by_name_not_by_number():
    assert places_by_name([Path("IMG_9.png"), Path("IMG_10.png"), Path("IMG_100.png")]) == [2, 0, 1]
