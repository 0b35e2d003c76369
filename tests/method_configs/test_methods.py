"""The methods: what they share and what they differ in, nothing shared by accident, no option without effect."""

from __future__ import annotations

import ast
import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml
from neucam_nerfstudio.models.motion_losses import MotionTraining
from neucam_nerfstudio.models.training_losses import LossWeights
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes, NetworkSizes

import neucam_nerfstudio
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.method_configs import methods
from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
from neucam_nerfstudio.training.optimizers import FreshStartConfig, FusedAdamConfig, RunLengthDecayConfig
from neucam_nerfstudio.training.pipeline import NeucamPipelineConfig
from neucam_nerfstudio.training.trainer import NeucamTrainerConfig

METHODS = {
    specification.config.method_name: specification.config
    for specification in (
        *(methods.neucam, methods.neucam_multifocus),
        *(methods.neucam_paper, methods.neucam_multifocus_paper),
        *(methods.neucam_hdr_paper, methods.neucam_deblur_paper, methods.neucam_hdr_video_paper),
    )
}
PAPER_TWINS = [name for name in METHODS if name.endswith("-paper")]
OWN_CONFIGS = (
    *(NeucamTrainerConfig, NeucamModelConfig, LossWeights, MotionTraining, NetworkSizes, MotionNetworkSizes),
    *(CaptureDataManagerConfig, NeucamDataParserConfig, NeucamPipelineConfig),
    *(FusedAdamConfig, RunLengthDecayConfig, FreshStartConfig),
)
NERFSTUDIO_READS = {"_target", "machine", "eval_num_rays_per_chunk", "eps", "betas", "fused"}
"""Fields of ours that only override the default of a field of nerfstudio's or torch's, which read them."""


def flat(config: Any, path: str = "") -> dict[str, Any]:
    """Every value in a configuration by its dotted name."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        parts = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    elif isinstance(config, dict):
        parts = config
    else:
        return {path: config}
    return {key: value for name, part in parts.items() for key, value in flat(part, f"{path}.{name}").items()}


def differences(one: str, other: str) -> set[str]:
    """Dotted names whose values differ, without where they are the same for all methods."""
    first, second = flat(METHODS[one]), flat(METHODS[other])
    names = first.keys() | second.keys()
    return {name.removeprefix(".") for name in names if first.get(name, "-") != second.get(name, "-")}


def parts_in(config: Any) -> list[Any]:
    """All configurations nested in one, itself included, and its dictionaries."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        nested = [getattr(config, field.name) for field in dataclasses.fields(config)]
    elif isinstance(config, dict):
        nested = list(config.values())
    else:
        return []
    return [config, *(part for value in nested for part in parts_in(value))]


def test_names():
    assert set(METHODS) == {
        *("neucam", "neucam-multifocus", "neucam-paper", "neucam-multifocus-paper"),
        *("neucam-hdr-paper", "neucam-deblur-paper", "neucam-hdr-video-paper"),
    }


def test_multifocus_differs_from_neucam_in_the_response_and_what_frames_are_alone():
    differing = {"method_name", "pipeline.model.response", "pipeline.datamanager.frames"}
    assert differences("neucam", "neucam-multifocus") == differing


@pytest.mark.parametrize("twin", ["", "-paper"])
def test_frames_of_multifocus_are_a_focus_stack(twin):
    assert METHODS[f"neucam{twin}"].pipeline.datamanager.frames == "settings"
    assert METHODS[f"neucam-multifocus{twin}"].pipeline.datamanager.frames == "focus-stack"


def test_only_deblurring_is_not_held_to_its_start():
    still, moving = (methods.neucam, methods.neucam_multifocus), (methods.neucam_hdr, methods.neucam_hdr_video)
    held = (*still, *moving, methods.neucam_deblur)
    weights = {method.config.method_name: method.config.pipeline.model.losses.start_mult for method in held}
    assert [name for name, weight in weights.items() if weight == 0] == ["neucam-deblur"]


def test_paper_twins_differ_in_length_shadows_and_what_frames_are_alone():
    assert differences("neucam-paper", "neucam-multifocus-paper") == {
        *("method_name", "max_num_iterations", "pipeline.datamanager.frames"),
        *("pipeline.datamanager.train_num_rays_per_batch", "pipeline.model.losses.random_mu_law"),
    }


def test_paper_twin_differs_from_ours_in_model_optimizers_and_batch_alone():
    other = {
        name
        for name in differences("neucam", "neucam-paper")
        if not name.startswith(("pipeline.model.", "optimizers."))
    }
    assert other == {
        *("method_name", "max_num_iterations"),
        *("pipeline.datamanager.train_num_rays_per_batch", "pipeline.datamanager.develop_all_exposures"),
    }


@pytest.mark.parametrize("name", PAPER_TWINS)
def test_paper_twins_have_the_published_settings(name):
    config = METHODS[name]
    model = config.pipeline.model
    assert (model.mixing, model.exposures, model.response) == ("log-light", "bounded", "neural-curve")
    assert not model.start_from_classical and not config.pipeline.datamanager.develop_all_exposures
    assert (model.losses.unit_exposure_mult, model.losses.falling_response_mult) == (1.0, 33.3)
    assert model.losses.white_ldr == 1.0
    assert model.losses.random_mu_law == (name in ("neucam-paper", "neucam-hdr-paper"))
    assert {group["optimizer"].lr for group in config.optimizers.values()} == {1e-4}


@pytest.mark.parametrize(
    ("name", "scene", "blur", "steps", "pixels", "frames"),
    [
        ("neucam-paper", "siren", "neural-kernel-9", 150_000, 14_175, "settings"),
        ("neucam-multifocus-paper", "siren", "neural-kernel-9", 100_000, 8_100, "focus-stack"),
        ("neucam-hdr-paper", "deformed-siren", "none", 150_000, 54_835, "moments"),
        ("neucam-deblur-paper", "layered-siren", "neural-kernel-9", 800_000, 18_432, "moments"),
        ("neucam-hdr-video-paper", "layered-siren", "none", 800_000, 18_432, "moments"),
    ],
)
def test_published_tasks(name, scene, blur, steps, pixels, frames):
    config = METHODS[name]
    model, datamanager = config.pipeline.model, config.pipeline.datamanager
    assert (model.scene, model.blur, config.max_num_iterations) == (scene, blur, steps)
    assert (datamanager.train_num_rays_per_batch, datamanager.frames) == (pixels, frames)


PUBLISHED_MOTION = {
    "neucam-paper": MotionTraining(),
    "neucam-multifocus-paper": MotionTraining(),
    "neucam-hdr-paper": MotionTraining(rigidity_mult=1.0, rigidity_steps=50_000),
    "neucam-deblur-paper": MotionTraining(
        **{"mapping_scale": 1.0, "warm_up_rounds": 100, "rigidity_mult": 1e-2, "rigidity_steps": 20_000},
        **{"hidden_foreground_mult": 1e-3, "undecided_opacity_mult": 1.0, "opacity_mult": 5e-2},
    ),
    "neucam-hdr-video-paper": MotionTraining(
        **{"mapping_scale": 0.8, "warm_up_rounds": 100, "rigidity_mult": 1e-2, "rigidity_steps": 500_000},
        **{"hidden_foreground_mult": 5e-2, "undecided_opacity_mult": 1.0, "opacity_mult": 0.0},
    ),
}


@pytest.mark.parametrize("name", PAPER_TWINS)
def test_published_training_of_motion(name):
    motion = METHODS[name].pipeline.model.motion
    assert motion == PUBLISHED_MOTION[name]
    assert (motion.mask_mult, motion.mask_steps, motion.flow_mult) == (2.0, 0, 0.0)  # off in every preset


@pytest.mark.parametrize(
    ("name", "deformation", "foreground_deformation", "opacity"),
    [
        ("neucam-hdr-paper", (0, 256, 4), None, None),
        ("neucam-deblur-paper", (3, 256, 4), (3, 256, 4), (4, 256, 4)),
        ("neucam-hdr-video-paper", (0, 256, 4), (3, 256, 6), (3, 256, 4)),
    ],
)
def test_published_networks(name, deformation, foreground_deformation, opacity):
    sizes = METHODS[name].pipeline.model.network_sizes
    assert dataclasses.astuple(sizes)[:5] == (512, 5, 64, 4, 128)
    assert dataclasses.astuple(sizes.deformation) == deformation
    if opacity is not None:
        assert dataclasses.astuple(sizes.foreground_deformation) == foreground_deformation
        assert dataclasses.astuple(sizes.opacity) == opacity


def test_published_response_freezing():
    config = METHODS["neucam-hdr-paper"]
    schedules = {name: group["scheduler"] for name, group in config.optimizers.items() if name != "blur"}
    assert {schedule.at_step for schedule in schedules.values()} == {48_000}
    rates = {name: 1e-4 * schedule.factor for name, schedule in schedules.items()}
    assert rates == {"scene": pytest.approx(1e-5), "focus": 0, "exposures": 0, "response": 0}
    losses = config.pipeline.model.losses
    assert (losses.other_frames_mult, losses.reference_first_step) == (0.2, 48_000)


@pytest.mark.parametrize("name", [name for name in PAPER_TWINS if name != "neucam-hdr-paper"])
def test_other_published_tasks_freeze_nothing(name):
    config = METHODS[name]
    assert {group["scheduler"] for group in config.optimizers.values()} == {None}
    assert config.pipeline.model.losses.other_frames_mult == 1.0


def test_which_methods_are_for_high_dynamic_range_alone():
    assert {name for name, config in METHODS.items() if config.pipeline.model.needs_bracket} == {
        *("neucam-hdr-paper", "neucam-hdr-video-paper"),
    }


def test_brackets_are_rendered_at_the_reference_frame_s_time_as_published():
    assert [name for name, config in METHODS.items() if config.pipeline.model.at_reference] == ["neucam-hdr-paper"]


@pytest.mark.parametrize("name", METHODS)
def test_every_group_of_parameters_has_an_optimizer(name):
    always = {"scene", "blur", "focus", "exposures", "response"}
    moving = set() if name in PAPER_TWINS else {"motion", "opacity"}
    assert set(METHODS[name].optimizers) == always | moving


def test_methods_share_no_nested_configuration():
    owners: dict[int, str] = {}
    for name, config in METHODS.items():
        for part in parts_in(config):
            assert owners.setdefault(id(part), name) == name, f"{name} and {owners[id(part)]} share {part}"


def test_groups_of_one_method_share_no_schedule():
    for config in METHODS.values():
        parts = [part for group in config.optimizers.values() for part in group.values() if part is not None]
        assert len({id(part) for part in parts}) == len(parts)


def test_changing_one_method_changes_no_other():
    before = {name: flat(config) for name, config in METHODS.items()}
    changed = copy.deepcopy(METHODS["neucam"])
    changed.pipeline.model.losses.scene_variation_mult = 99.0
    changed.pipeline.datamanager.dataparser.downscale_factor = 7
    changed.optimizers["scene"]["optimizer"].lr = 99.0
    assert {name: flat(config) for name, config in METHODS.items()} == before


@pytest.mark.parametrize("name", METHODS)
def test_run_s_yaml_brings_back_the_same_settings(name):
    assert flat(yaml.load(yaml.dump(METHODS[name]), Loader=yaml.Loader)) == flat(METHODS[name])


def hidden_fields(config: type) -> set[str]:
    """Inherited fields that `without_options` has annotated anew; a dataclass's own annotations are text."""
    return {name for name, kind in config.__annotations__.items() if not isinstance(kind, str)}


def own_fields(config: type) -> set[str]:
    return set(config.__annotations__) - hidden_fields(config)


def attributes_read_in_package() -> set[str]:
    """Names of all attributes that any code of the package looks up."""
    package = Path(neucam_nerfstudio.__file__).parent
    trees = [ast.parse(path.read_text()) for path in package.rglob("*.py")]
    loads = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in loads if isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("config", OWN_CONFIGS, ids=lambda config: config.__name__)
def test_every_option_is_read(config):
    assert own_fields(config) - attributes_read_in_package() - NERFSTUDIO_READS == set()


def test_no_hidden_option_is_read():
    hidden = set().union(*map(hidden_fields, OWN_CONFIGS))
    assert hidden >= {"patch_size", "loss_coefficients", "prompt"}
    assert hidden & attributes_read_in_package() == set()


def test_a_run_that_gave_a_now_hidden_option_still_loads():
    config = copy.deepcopy(METHODS["neucam"])
    config.pipeline.datamanager.patch_size = 4
    config.pipeline.model.loss_coefficients = {"rgb_loss_fine": 2.0}
    assert flat(yaml.load(yaml.dump(config), Loader=yaml.Loader)) == flat(config)


@pytest.mark.parametrize("config", OWN_CONFIGS, ids=lambda config: config.__name__)
def test_every_option_has_a_help_text(config):
    source = ast.parse(Path(__import__(config.__module__, fromlist=["_"]).__file__).read_text())
    (body,) = [node.body for node in source.body if isinstance(node, ast.ClassDef) and node.name == config.__name__]
    undocumented = [
        statement.target.id
        for statement, below in zip(body, [*body[1:], None], strict=True)
        if isinstance(statement, ast.AnnAssign)
        and not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant))
    ]
    assert undocumented == []
