"""The methods: what they share and what they differ in, nothing shared by accident, no option without effect."""

from __future__ import annotations

import ast
import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

import neucam_nerfstudio
from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.lens import LensBlurConfig
from neucam_nerfstudio.camera.blur.motion_blur import MotionBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import SettingExposuresConfig
from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.method_configs import methods
from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
from neucam_nerfstudio.models.presets import PRESETS
from neucam_nerfstudio.published import methods as published
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.kernel_blur import NeuralKernelConfig
from neucam_nerfstudio.published.model import PublishedModelConfig
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import DeformedSirenConfig, LayeredSirenConfig, SirenSceneConfig
from neucam_nerfstudio.scene.grid_scene import GridFieldConfig, GridSceneConfig
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig
from neucam_nerfstudio.training.optimizers import FreshStartConfig, FusedAdamConfig, RunLengthDecayConfig
from neucam_nerfstudio.training.pipeline import NeucamPipelineConfig
from neucam_nerfstudio.training.trainer import NeucamTrainerConfig

OURS = {
    specification.config.method_name: specification.config
    for specification in (
        *(methods.neucam, methods.neucam_multifocus),
        *(methods.neucam_hdr, methods.neucam_deblur, methods.neucam_hdr_video),
    )
}
PAPER = {
    specification.config.method_name: specification.config
    for specification in (
        *(published.neucam_paper, published.neucam_multifocus_paper),
        *(published.neucam_hdr_paper, published.neucam_deblur_paper, published.neucam_hdr_video_paper),
    )
}
METHODS = OURS | PAPER
OWN_CONFIGS = (
    *(NeucamTrainerConfig, NeucamModelConfig, PublishedModelConfig),
    *(GridFieldConfig, GridSceneConfig, MovingGridSceneConfig),
    *(SirenSceneConfig, DeformedSirenConfig, LayeredSirenConfig, NetworkSizes),
    *(LensBlurConfig, MotionBlurConfig, NeuralKernelConfig, SettingExposuresConfig, BoundedExposuresConfig),
    *(ResponseConfig, SrgbResponseConfig, MonotoneCurveConfig, NeuralCurveConfig),
    *(CaptureDataManagerConfig, NeucamDataParserConfig, NeucamPipelineConfig),
    *(FusedAdamConfig, RunLengthDecayConfig, FreshStartConfig),
)
NERFSTUDIO_READS = {"machine", "eval_num_rays_per_chunk", "eps", "betas", "fused", "enable_collider"}
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
    names = {"neucam", "neucam-multifocus", "neucam-hdr", "neucam-deblur", "neucam-hdr-video"}
    assert set(OURS) == set(PRESETS) == names and set(PAPER) == {f"{name}-paper" for name in names}


def test_ours_are_the_presets():
    for name, preset in PRESETS.items():
        config = OURS[name]
        model, datamanager = config.pipeline.model, config.pipeline.datamanager
        assert (model.scene, model.blur, model.exposures, model.response) == (
            *(preset.scene, preset.blur, preset.exposures, preset.response),
        )
        assert (model.needs_bracket, config.max_num_iterations) == (preset.needs_bracket, preset.num_steps)
        assert (datamanager.frames, datamanager.train_num_rays_per_batch) == (preset.frames, preset.rays_per_step)
        assert {group: part["optimizer"].lr for group, part in config.optimizers.items()} == preset.learning_rates


def test_multifocus_differs_from_neucam_in_the_response_and_what_frames_are_alone():
    differing = differences("neucam", "neucam-multifocus")
    kinds = {"pipeline.model.response._target", "pipeline.model.response.kind"}
    assert differing == {"method_name", "pipeline.datamanager.frames"} | kinds
    assert OURS["neucam-multifocus"].pipeline.model.response == SrgbResponseConfig()


@pytest.mark.parametrize(
    ("name", "scene", "blur", "response", "frames"),
    [
        ("neucam", GridSceneConfig, LensBlurConfig, MonotoneCurveConfig, "settings"),
        ("neucam-multifocus", GridSceneConfig, LensBlurConfig, SrgbResponseConfig, "focus-stack"),
        ("neucam-hdr", MovingGridSceneConfig, BlurConfig, MonotoneCurveConfig, "moments"),
        ("neucam-deblur", MovingGridSceneConfig, MotionBlurConfig, SrgbResponseConfig, "moments"),
        ("neucam-hdr-video", MovingGridSceneConfig, BlurConfig, MonotoneCurveConfig, "moments"),
    ],
)
def test_parts_of_ours(name, scene, blur, response, frames):
    model, datamanager = OURS[name].pipeline.model, OURS[name].pipeline.datamanager
    assert (type(model.scene), type(model.blur), type(model.response)) == (scene, blur, response)
    assert model.exposures == SettingExposuresConfig() and datamanager.frames == frames
    assert datamanager.develop_all_exposures == (frames != "moments")


def test_only_deblurring_is_not_held_to_its_start():
    weights = {name: config.pipeline.model.scene.start_mult for name, config in OURS.items()}
    assert [name for name, weight in weights.items() if weight == 0] == ["neucam-deblur"]


def test_which_methods_are_for_high_dynamic_range_alone():
    assert {name for name, config in METHODS.items() if config.pipeline.model.needs_bracket} == {
        *("neucam-hdr", "neucam-hdr-video", "neucam-hdr-paper", "neucam-hdr-video-paper"),
    }


@pytest.mark.parametrize("name", METHODS)
def test_every_group_of_parameters_has_an_optimizer(name):
    always = {"scene", "blur", "focus", "exposures", "response"}
    moving = set() if name in PAPER else {"motion", "opacity"}
    assert set(METHODS[name].optimizers) == always | moving


def test_methods_share_no_nested_configuration():
    owners: dict[int, str] = {}
    for name, config in METHODS.items():
        for part in parts_in(config):
            assert owners.setdefault(id(part), name) == name, f"{name} and {owners[id(part)]} share {part}"


def test_methods_share_no_part_with_their_preset():
    parts = {id(part) for config in OURS.values() for part in parts_in(config)}
    assert not parts & {id(part) for preset in PRESETS.values() for part in parts_in(preset)}


def test_groups_of_one_method_share_no_schedule():
    for config in METHODS.values():
        parts = [part for group in config.optimizers.values() for part in group.values() if part is not None]
        assert len({id(part) for part in parts}) == len(parts)


def test_changing_one_method_changes_no_other():
    before = {name: flat(config) for name, config in METHODS.items()}
    changed = copy.deepcopy(METHODS["neucam"])
    changed.pipeline.model.scene.variation_mult = 99.0
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
    options = {field.name for field in dataclasses.fields(config)}
    undocumented = [
        statement.target.id
        for statement, below in zip(body, [*body[1:], None], strict=True)
        if isinstance(statement, ast.AnnAssign)
        and statement.target.id in options
        and not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant))
    ]
    assert undocumented == []
