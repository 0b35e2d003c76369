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
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.method_configs import methods
from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
from neucam_nerfstudio.models.training_losses import LossWeights
from neucam_nerfstudio.published.network_sizes import NetworkSizes
from neucam_nerfstudio.training.optimizers import FusedAdamConfig, RunLengthDecayConfig
from neucam_nerfstudio.training.trainer import NeucamTrainerConfig

METHODS = {
    specification.config.method_name: specification.config
    for specification in (
        *(methods.neucam, methods.neucam_multifocus),
        *(methods.neucam_paper, methods.neucam_multifocus_paper),
    )
}
OWN_CONFIGS = (
    *(NeucamTrainerConfig, NeucamModelConfig, LossWeights, NetworkSizes),
    *(CaptureDataManagerConfig, NeucamDataParserConfig, FusedAdamConfig, RunLengthDecayConfig),
)
NERFSTUDIO_READS = {"_target", "machine", "enable_collider", "eval_num_rays_per_chunk", "eps", "betas", "fused"}
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
    assert set(METHODS) == {"neucam", "neucam-multifocus", "neucam-paper", "neucam-multifocus-paper"}


def test_multifocus_differs_from_neucam_in_the_response_alone():
    assert differences("neucam", "neucam-multifocus") == {"method_name", "pipeline.model.response"}


def test_paper_twins_differ_in_length_and_shadows_alone():
    assert differences("neucam-paper", "neucam-multifocus-paper") == {
        *("method_name", "max_num_iterations"),
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


@pytest.mark.parametrize("name", ["neucam-paper", "neucam-multifocus-paper"])
def test_paper_twins_have_the_published_settings(name):
    config = METHODS[name]
    model = config.pipeline.model
    parts = (model.scene, model.blur, model.mixing, model.exposures, model.response, model.start_from_classical)
    assert parts == ("siren", "neural-kernel-9", "log-light", "bounded", "neural-curve", False)
    assert (model.losses.unit_exposure_mult, model.losses.falling_response_mult) == (1.0, 33.3)
    assert model.losses.random_mu_law == (name == "neucam-paper")
    assert {group["optimizer"].lr for group in config.optimizers.values()} == {1e-4}
    assert {group["scheduler"] for group in config.optimizers.values()} == {None}


def test_published_length_and_batch():
    lengths = {
        name: (c.max_num_iterations, c.pipeline.datamanager.train_num_rays_per_batch) for name, c in METHODS.items()
    }
    assert lengths["neucam-paper"] == (150_000, 14_175)
    assert lengths["neucam-multifocus-paper"] == (100_000, 8_100)


@pytest.mark.parametrize("name", METHODS)
def test_every_group_of_parameters_has_an_optimizer(name):
    assert set(METHODS[name].optimizers) == {"scene", "blur", "focus", "exposures", "response"}


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


def own_fields(config: type) -> set[str]:
    return set(config.__annotations__)


def attributes_read_in_package() -> set[str]:
    """Names of all attributes that any code of the package looks up."""
    package = Path(neucam_nerfstudio.__file__).parent
    trees = [ast.parse(path.read_text()) for path in package.rglob("*.py")]
    loads = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in loads if isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("config", OWN_CONFIGS, ids=lambda config: config.__name__)
def test_every_option_is_read(config):
    assert own_fields(config) - attributes_read_in_package() - NERFSTUDIO_READS == set()


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
