"""Runs do not mix, checkpoints are whole, and schedules are stretched over the run that a user asks for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import yaml
from nerfstudio.configs.base_config import MachineConfig
from nerfstudio.configs.experiment_config import ExperimentConfig
from torch import nn

from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.models.neucam_model import NeucamModel
from neucam_nerfstudio.training import trainer
from neucam_nerfstudio.training.optimizers import FusedAdamConfig, RunLengthDecayConfig
from neucam_nerfstudio.training.pipeline import NeucamPipelineConfig
from neucam_nerfstudio.training.trainer import NeucamTrainer, NeucamTrainerConfig

from ..nerfstudio_models import model_of


class StillModel(NeucamModel):
    """A model of nothing, which moves nowhere."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def keep_as_filmed(self) -> None:
        """Nothing is kept."""


def set_up(num_steps: int, schedule: RunLengthDecayConfig | None):
    """The optimizers that a trainer of one parameter would use."""
    groups = {"scene": [nn.Parameter(torch.zeros(1))]}
    stand_in = NeucamTrainer.__new__(NeucamTrainer)
    stand_in.config = NeucamTrainerConfig(
        max_num_iterations=num_steps,
        pipeline=NeucamPipelineConfig(datamanager=CaptureDataManagerConfig()),
        optimizers={name: {"optimizer": FusedAdamConfig(lr=1.0), "scheduler": schedule} for name in ("scene", "blur")},
    )
    model = StillModel()
    model.learned = SimpleNamespace(most_steps=lambda num_steps, rays_per_step: (num_steps, rays_per_step))
    stand_in.pipeline = SimpleNamespace(get_param_groups=lambda: groups, model=model)
    stand_in.device = "cpu"
    return stand_in.setup_optimizers()


def rates(optimizers, num_steps: int) -> list[float]:
    seen = []
    for step in range(num_steps + 1):
        seen.append(optimizers.optimizers["scene"].param_groups[0]["lr"])
        optimizers.optimizers["scene"].step()
        optimizers.scheduler_step_all(step)
    return seen


@pytest.mark.parametrize("num_steps", [5, 50])
def test_learning_rates_follow_the_length_of_the_run(num_steps):
    seen = rates(set_up(num_steps, RunLengthDecayConfig(final_factor=0.01, warmup_steps=0)), num_steps)
    assert seen[0] == pytest.approx(1.0) and seen[-1] == pytest.approx(0.01)
    assert seen[num_steps // 2] == pytest.approx(0.01 ** ((num_steps // 2) / num_steps))


def test_groups_without_a_schedule_keep_their_learning_rate():
    assert rates(set_up(5, None), 5) == [1.0] * 6


def test_says_where_it_trains(capsys):
    set_up(5, None)
    assert "Training on cpu." in capsys.readouterr().out


@pytest.mark.parametrize(("available", "device"), [(True, "cuda"), (False, "cpu")])
def test_device_is_what_the_machine_has(monkeypatch, available, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert NeucamTrainerConfig().machine.device_type == device
    assert trainer.machine_here() is not trainer.machine_here()


@pytest.fixture(autouse=True)
def process_as_it_was(monkeypatch):
    """Leaves warnings, hooks and PATH of the tests' own process alone."""
    monkeypatch.setattr(trainer, "prepare_process", lambda: None)


@pytest.fixture
def noon(monkeypatch) -> None:
    """Stops the clock: every run begins at noon."""

    def set_timestamp(config: ExperimentConfig) -> None:
        if config.timestamp == trainer.TIME_OF_DAY:
            config.timestamp = "noon"

    monkeypatch.setattr(ExperimentConfig, "set_timestamp", set_timestamp)


def run_of(output_dir: Path, data: Path = Path("Desk"), **options) -> NeucamTrainerConfig:
    """The configuration of a run, as the command line makes it."""
    manager = CaptureDataManagerConfig(dataparser=NeucamDataParserConfig(), data=data)
    pipeline = NeucamPipelineConfig(datamanager=manager)
    return NeucamTrainerConfig(output_dir=output_dir, method_name="neucam", pipeline=pipeline, **options)


def begin(config: NeucamTrainerConfig) -> Path:
    """What `ns-train` does first, and the folder of the run."""
    config.set_timestamp()
    config.save_config()
    return config.get_base_dir()


def test_a_clip_is_an_experiment_of_its_own(tmp_path):
    (tmp_path / "clip.mp4").touch()
    config = run_of(tmp_path, tmp_path / "clip.mp4", timestamp="r")
    assert config.get_base_dir() == tmp_path / "clip" / "neucam" / "r"
    assert run_of(tmp_path, experiment_name="mine", timestamp="r").get_base_dir() == tmp_path / "mine/neucam/r"


def test_data_given_to_the_dataparser_names_the_experiment_too(tmp_path):
    config = run_of(tmp_path, timestamp="r")
    config.pipeline.datamanager.data = None
    config.pipeline.datamanager.dataparser.data = Path("captures/Gallery")
    assert config.get_base_dir() == tmp_path / "Gallery" / "neucam" / "r"


def test_runs_that_begin_in_one_second_do_not_mix(tmp_path, noon, capsys):
    first = begin(run_of(tmp_path))
    assert "there already" not in capsys.readouterr().out
    second = begin(run_of(tmp_path))
    assert (first.name, second.name) == ("noon", "noon-2")
    said = " ".join(capsys.readouterr().out.split())
    assert "is there already: this run goes to" in said and "noon-2." in said


def test_a_typed_time_stamp_that_is_taken_is_refused(tmp_path):
    run = begin(run_of(tmp_path, timestamp="mine"))
    before = (run / "config.yml").read_text()
    with pytest.raises(NeucamError, match="mine: --timestamp names a run that is there already"):
        begin(run_of(tmp_path, timestamp="mine"))
    assert (run / "config.yml").read_text() == before and [path.name for path in run.parent.iterdir()] == ["mine"]


def test_a_typed_run_may_go_on_in_its_own_folder(tmp_path):
    run = begin(run_of(tmp_path, timestamp="mine"))
    assert begin(run_of(tmp_path, timestamp="mine", load_dir=run / "nerfstudio_models")) == run


def test_the_configuration_of_an_earlier_run_makes_another_run(tmp_path):
    run = begin(run_of(tmp_path, timestamp="mine"))
    loaded = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)  # as --load-config does
    assert begin(loaded).name == "mine-2"


def test_each_run_has_a_manifest_of_its_own(tmp_path):
    run = begin(run_of(tmp_path, timestamp="a"))
    saved = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)
    assert saved.pipeline.datamanager.dataparser.manifest == run / "capture.json"
    assert not (run / "capture.json").exists()  # the dataparser finds out what to write


@pytest.mark.parametrize("by_file", [False, True], ids=["--load-dir", "--load-checkpoint"])
def test_a_run_goes_on_with_the_capture_of_the_earlier_one(tmp_path, capsys, by_file):
    earlier = begin(run_of(tmp_path, timestamp="a"))
    (earlier / "capture.json").write_text("edited")
    models = earlier / "nerfstudio_models"
    load = {"load_checkpoint": models / "step-000000009.ckpt"} if by_file else {"load_dir": models}
    run = begin(run_of(tmp_path, timestamp="b", **load))
    assert (run / "capture.json").read_text() == "edited"
    assert "Goes on with the capture of" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("machine", [{"num_devices": 2}, {"num_machines": 3}, {"num_devices": 0}])
def test_more_than_one_device_is_refused_before_anything_is_written(tmp_path, machine):
    ((name, number),) = machine.items()
    option = f"--machine.{name.replace('_', '-')}"
    with pytest.raises(NeucamError, match=f"{option} {number}: expected 1.*Type {option} 1"):
        begin(run_of(tmp_path / "outputs", machine=MachineConfig(**machine)))
    assert not (tmp_path / "outputs").exists()


def trainer_in(run: Path, **options) -> NeucamTrainer:
    """A trainer of one parameter, which saves checkpoints in a run's folder."""
    saving = NeucamTrainer.__new__(NeucamTrainer)
    saving.config = NeucamTrainerConfig(**options)
    saving.base_dir, saving.checkpoint_dir = run, run / "nerfstudio_models"
    saving.pipeline = nn.Linear(1, 1)
    saving.pipeline.model = StillModel()
    saving.optimizers = SimpleNamespace(optimizers={}, schedulers={})
    saving.grad_scaler = torch.amp.GradScaler("cpu", enabled=False)
    return saving


def files_of(run: Path) -> list[str]:
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())


@pytest.mark.parametrize("only_latest", [True, False])
def test_checkpoints_are_whole_and_earlier_ones_go_if_wanted(tmp_path, only_latest):
    saving = trainer_in(tmp_path, save_only_latest_checkpoint=only_latest)
    for step in (3, 20):
        saving.save_checkpoint(step)
    names = [f"nerfstudio_models/step-{step:09d}.ckpt" for step in (3, 20)]
    assert files_of(tmp_path) == names[only_latest:]
    assert torch.load(tmp_path / names[1], weights_only=True)["step"] == 20
    assert saving.checkpoint_dir == tmp_path / "nerfstudio_models"


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed: file write failed")]
)
def test_a_full_disk_leaves_the_earlier_checkpoint_and_no_half_one(tmp_path, monkeypatch, failure):
    saving = trainer_in(tmp_path)
    saving.save_checkpoint(3)

    def half_way(state, path) -> None:
        Path(path).write_bytes(b"half a checkpoint")
        raise failure

    monkeypatch.setattr(torch, "save", half_way)
    with pytest.raises(
        NeucamError, match=r"checkpoint of step 9 cannot be written .*(No space|write failed).*load-dir"
    ):
        saving.save_checkpoint(9)
    assert files_of(tmp_path) == ["nerfstudio_models/step-000000003.ckpt"]
    assert torch.load(tmp_path / files_of(tmp_path)[0], weights_only=True)["step"] == 3


def test_the_picture_that_training_starts_from_is_written_and_named(desk, tmp_path, capsys):
    starting, model = trainer_in(tmp_path), model_of(desk)
    starting.device, starting.pipeline = "cpu", SimpleNamespace(model=model)
    model.learned.scene.field.start_from(*(torch.full((60, 90, *rest), 0.7) for rest in ((3,), ())))
    starting._write_start()
    radiance = read_radiance(tmp_path / "start" / "hdr.exr")
    np.testing.assert_allclose(radiance, np.full((60, 90, 3), np.exp(0.7)), rtol=1e-4)
    shown = cv2.imread(str(tmp_path / "start" / "all_in_focus_hdr.png"))
    assert shown.shape == (60, 90, 3) and np.ptp(shown) <= 1 and shown.mean() > 50
    assert f"starts from: {tmp_path / 'start'}" in capsys.readouterr().out.replace("\n", "")
