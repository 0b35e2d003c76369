"""Every kind of scene that a configuration can name is built for the capture's size, with the sizes asked for."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from neucam_nerfstudio.models.scene_parts import SceneKind, build_scene, said_of_detail
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes, NetworkSizes

from neucam_nerfstudio.errors import NeucamError

TINY = NetworkSizes(
    atlas_width=16,
    deformation=MotionNetworkSizes(num_octaves=0, layer_width=8),
    foreground_deformation=MotionNetworkSizes(num_octaves=3, layer_width=12, num_layers=6),
    opacity=MotionNetworkSizes(num_octaves=4, layer_width=10, num_layers=3),
)
UV, TIMES = torch.rand(4, 2), torch.rand(4, 1)


def widths(network) -> list[int]:
    """Inputs of the first layer, outputs of it, and the number of layers."""
    return [network.layers[0].in_features, network.layers[0].out_features, len(network.layers)]


@pytest.mark.parametrize("kind", get_args(SceneKind))
def test_scenes_give_light_everywhere(desk_with_frames, kind):
    scene = build_scene(kind, desk_with_frames(3), TINY)
    radiance = scene.radiance(UV, TIMES)
    assert radiance.shape == (4, 3) and (radiance > 0).all()


@pytest.mark.parametrize("kind", ["siren", "deformed-siren", "layered-siren"])
def test_published_scenes_learn_all_they_have(desk, kind):
    scene = build_scene(kind, desk, TINY)
    scene.radiance(UV, TIMES).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in scene.parameters())


def test_a_deformed_atlas_has_the_first_deformation_s_sizes(desk):
    scene = build_scene("deformed-siren", desk, TINY)
    assert (scene.deformation.coordinates.height, scene.deformation.coordinates.width) == (60, 90)
    assert widths(scene.deformation.network) == [3, 8, 4]
    assert widths(scene.canonical) == [2, 16, 5]


def test_each_layer_has_sizes_of_its_own(desk):
    scene = build_scene("layered-siren", desk, TINY)
    assert widths(scene.background.deformation.network) == [3, 8, 4]
    assert widths(scene.foreground.deformation.network) == [21, 12, 6]
    assert widths(scene.opacity.network) == [27, 10, 3]
    assert scene.background.canonical is not scene.foreground.canonical


@pytest.mark.parametrize("kind", ["grid", "moving-grid"])
def test_what_is_not_learned_of_a_large_picture_is_said(desk_with_frames, kind):
    scene = build_scene(kind, desk_with_frames(3), TINY, most_learned_cells=2100)
    canonical = scene if kind == "grid" else scene.canonical
    width = {"grid": 45, "moving-grid": 56}[kind]  # half of the frame's, or of the canvas around it
    said = said_of_detail(canonical)
    assert f"finer than {width}x" in said
    num_cells = {"grid": 90 * 60, "moving-grid": 112 * 74}[kind]
    assert f"most-learned-cells {num_cells} " in said and f"rays-per-batch {num_cells // 16} " in said
    assert said_of_detail(build_scene("grid", desk_with_frames(3), TINY, most_learned_cells=60 * 90)) == ""


def test_a_scene_whose_frames_come_from_the_start_needs_it(build_model, desk_with_frames):
    options = {"scene": "moving-grid", "blur": "none"}
    build_model(desk_with_frames(3), **options)
    said = "start-from-classical False: --pipeline.model.scene moving-grid .* or choose .* deformed-siren"
    with pytest.raises(NeucamError, match=said):
        build_model(desk_with_frames(3), **options, start_from_classical=False)


def test_at_least_one_cell_is_learned(build_model):
    assert build_model(most_learned_cells=1).scene.pyramid.detail is not None
    for too_few in (0, -5):
        with pytest.raises(NeucamError, match=f"--pipeline.model.most-learned-cells {too_few}: expected at least 1"):
            build_model(most_learned_cells=too_few)
