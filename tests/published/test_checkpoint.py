from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import torch

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.published.checkpoint import NetworkShape, read_checkpoint
from neucam_nerfstudio.published.exposures import BoundedExposures, BoundedExposuresConfig
from neucam_nerfstudio.published.fields import SirenAtlas

from ..learned import capture_of


@pytest.fixture
def contents(official_folder) -> dict:
    """What the `mfme` file holds, to be spoilt."""
    return copy.deepcopy(torch.load(official_folder / "mfme.pth", weights_only=True))


@pytest.fixture
def saved(tmp_path):
    """Saves something as a checkpoint."""

    def save(contents) -> Path:
        torch.save(contents, tmp_path / "model_final.pth")
        return tmp_path / "model_final.pth"

    return save


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(NeucamError) as refusal:
        read_checkpoint(path)
    assert str(path) in str(refusal.value)
    for word in words:
        assert word in str(refusal.value)


def test_sizes_come_from_the_file(mfme):
    checkpoint = mfme.checkpoint
    assert checkpoint.num_frames == 3
    assert checkpoint.weights["focus"]["positions"].values.tolist() == [-1.0, 0.0, 1.0]
    assert checkpoint.network_shape("atlas") == NetworkShape(2, 3, layer_width=64, num_layers=5)
    assert checkpoint.network_shape("blur") == NetworkShape(3, 27, layer_width=64, num_layers=4)
    assert checkpoint.network_shape("blur").num_taps == 9
    assert checkpoint.network_shape("response") == NetworkShape(1, 1, layer_width=128, num_layers=2)
    assert [part for part in ("blur", "focus", "deformation", "opacity") if part in checkpoint.weights] == [
        "blur",
        "focus",
    ]


def test_sizes_of_a_layered_video(official_folder):
    checkpoint = read_checkpoint(official_folder / "video_deblur.pth")
    assert checkpoint.num_frames == 8
    assert checkpoint.network_shape("deformation") == NetworkShape(21, 2, layer_width=32, num_layers=4)
    assert checkpoint.network_shape("foreground_deformation") == NetworkShape(21, 2, layer_width=32, num_layers=6)
    assert checkpoint.network_shape("opacity").num_octaves == 3


def test_a_deformation_without_encoding_has_no_octaves(official_folder):
    assert read_checkpoint(official_folder / "me_dynamic.pth").network_shape("deformation").num_octaves == 0


def test_tasks_without_blur_have_no_focus(official_folder):
    assert "focus" not in read_checkpoint(official_folder / "me_dynamic.pth").weights


def test_focus_positions_under_their_older_name(contents, saved):
    contents["model_focal_state_dict"] = {"exps": torch.tensor([-0.5, 0.0, 0.5])}
    assert read_checkpoint(saved(contents)).weights["focus"]["positions"].values.tolist() == [-0.5, 0.0, 0.5]


def test_frames_in_another_order(contents, saved):
    contents["model_exp_state_dict"] = {"exps": torch.tensor([0.1, 0.2, 0.3])}
    checkpoint = read_checkpoint(saved(contents)).with_frames_in_order([2, 0, 1])
    exposures = BoundedExposures(BoundedExposuresConfig(), capture_of(1, 1, stops=(0.0,) * 3))
    checkpoint.load_into(exposures, "exposures")
    assert exposures.unbounded.tolist() == pytest.approx([0.3, 0.1, 0.2])
    assert checkpoint.weights["focus"]["positions"].values.tolist() == [1.0, -1.0, 0.0]


def test_no_file(tmp_path):
    assert_refused(tmp_path / "missing.pth", "no such file")


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", b"PK\x03\x04 a zip that ends early"])
def test_a_file_that_is_no_checkpoint(tmp_path, damage):
    path = tmp_path / "model.pth"
    path.write_bytes(damage)
    assert_refused(path, "cannot be read")


def test_a_truncated_file(tmp_path, official_folder):
    path = tmp_path / "model.pth"
    path.write_bytes((official_folder / "mfme.pth").read_bytes()[:50_000])
    assert_refused(path, "cannot be read", "damaged")


def test_a_file_that_would_run_code(tmp_path, saved):
    class RunsCode:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    assert_refused(saved({"model_state_dict": RunsCode()}), "cannot be read")
    assert not (tmp_path / "ran").exists()


def test_a_nerfstudio_checkpoint(saved):
    assert_refused(saved({"step": 3, "pipeline": {}}), "expected the entries 'model_state_dict'", "'step', 'pipeline'")


def test_a_bare_tensor(saved):
    assert_refused(saved(torch.zeros(3)), "expected the entries 'model_state_dict'", "found none")


def test_a_missing_part(contents, saved):
    del contents["model_tm_state_dict"]
    assert_refused(saved(contents), "expected the entries 'model_tm_state_dict'", "'model_blur_state_dict'")


def test_a_part_of_no_published_task(contents, saved):
    contents["model_depth_state_dict"] = {"depth": torch.zeros(10, 1)}
    assert_refused(saved(contents), "'model_depth_state_dict'", "cannot reproduce")


def test_an_unknown_tensor(contents, saved):
    contents["model_state_dict"]["net.net.0.1.weight"] = torch.zeros(1)
    assert_refused(saved(contents), "'model_state_dict: net.net.0.1.weight'", "'net.net.{layer}.0.{kind}'")


def test_an_empty_part(contents, saved):
    contents["model_blur_state_dict"] = {}
    assert_refused(saved(contents), "'model_blur_state_dict' is empty", "'layers.{layer}.{kind}'")


def test_numbers_of_frames_that_differ(contents, saved):
    contents["model_focal_state_dict"] = {"focus": torch.zeros(2)}
    assert_refused(saved(contents), "'model_focal_state_dict: focus' has shape (2,), expected (3,)")


def test_exposures_that_are_no_list(contents, saved):
    contents["model_exp_state_dict"] = {"exps": torch.tensor(1.0)}
    assert_refused(saved(contents), "'model_exp_state_dict: exps' has shape ()")


def test_a_layer_that_is_no_matrix(contents, saved):
    contents["model_blur_state_dict"]["layers.0.weight"] = torch.zeros(64)
    checkpoint = read_checkpoint(saved(contents))
    with pytest.raises(NeucamError, match=re.escape("'model_blur_state_dict: layers.0.weight' has shape (64,)")):
        checkpoint.network_shape("blur")


def test_a_part_without_weights(contents, saved):
    contents["model_blur_state_dict"] = {"layers.0.bias": torch.zeros(64)}
    checkpoint = read_checkpoint(saved(contents))
    with pytest.raises(NeucamError, match="'model_blur_state_dict' holds no weights"):
        checkpoint.network_shape("blur")


def test_loading_replaces_every_weight(mfme):
    atlas = SirenAtlas(300, 450, layer_width=64)
    mfme.checkpoint.load_into(atlas, "atlas")
    expected = torch.load(mfme.checkpoint.path, weights_only=True)["model_state_dict"]
    for ours, theirs in zip(atlas.state_dict().values(), expected.values(), strict=True):
        assert torch.equal(ours, theirs)


def test_loading_does_not_tie_the_module_to_the_checkpoint(mfme):
    exposures = BoundedExposures(BoundedExposuresConfig(), capture_of(1, 1, stops=(0.0,) * 3))
    mfme.checkpoint.load_into(exposures, "exposures")
    before = mfme.checkpoint.weights["exposures"]["unbounded"].values.clone()
    with torch.no_grad():
        exposures.unbounded.zero_()
    assert torch.equal(mfme.checkpoint.weights["exposures"]["unbounded"].values, before)


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ({"layer_width": 512}, "'model_state_dict: net.net.0.0.weight' has shape (64, 2), expected (512, 2)"),
        ({"layer_width": 64, "num_layers": 4}, "'model_state_dict: net.net.4.0.weight' has no counterpart"),
        ({"layer_width": 64, "num_layers": 6}, "'model_state_dict' holds nothing for 'layers.5.weight'"),
    ],
)
def test_a_model_of_other_sizes(mfme, sizes, complaint):
    with pytest.raises(NeucamError, match=re.escape(f"mfme.pth: {complaint}")):
        mfme.checkpoint.load_into(SirenAtlas(300, 450, **sizes), "atlas")


def test_a_part_the_file_does_not_hold(mfme):
    with pytest.raises(NeucamError, match="mfme.pth: holds no opacity, expected as 'model_alpha_state_dict'"):
        mfme.checkpoint.load_into(torch.nn.Linear(1, 1), "opacity")
