"""Methods on another device than the host's: a graphics card must not be waited for nor be sent anything in a step.

Tensors of torch's `meta` device have no values. Whatever a graphics card would have to be waited for - `item()`, a
branch on a value, a mask of unknown size - fails there, on any machine.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from nerfstudio.configs.method_configs import all_methods
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.rendering.outputs import Film
from neucam_nerfstudio.scene.scene import Rays
from neucam_nerfstudio.scene.volume import nerfacto_scene
from neucam_nerfstudio.scene.volume.nerfacto_scene import NerfactoSceneConfig
from neucam_nerfstudio.training import pipeline as pipeline_module

from ..capture.views.view_files import frame, write_transforms

MOVING = Path(__file__).parents[1] / "data" / "moving"
METHODS = sorted(name for name in all_methods if name.startswith("neucam"))
SMALL_NERFACTO = NerfactoSceneConfig(num_levels=2, log2_hashmap_size=8, implementation="torch")
LAST_STEPS = 10**6
"""After every warm-up and schedule, when all losses have begun."""


class NothingOnTheHost(TorchDispatchMode):
    """Fails on any operation that reads or makes a tensor in the host's memory."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
        assert all(tensor.device.type == "meta" for tensor in tensors), f"{func} touches the host's memory"
        return result


@pytest.fixture
def capture_of(tiny_desk: Path, tmp_path: Path) -> dict[str, Path]:
    """A small capture for each method."""
    settings = {"focus_distance_m": 1.5, "f_number": 1.4, "focal_length_mm": 30.0}
    views = [frame(f"{i}.png", 0.1 * i, **settings, exposure_stops=3.0 * (i % 2)) for i in range(4)]
    bracket, shake = MOVING / "DeskHandheld", MOVING / "DeskShake"
    return {
        **{"neucam": tiny_desk, "neucam-multifocus": tiny_desk},
        **{"neucam-hdr": bracket, "neucam-hdr-video": bracket, "neucam-deblur": shake},
        "neucam-3d": write_transforms(tmp_path, views),
    }


def test_the_watch_sees_a_tensor_that_comes_from_the_host():
    on_device, from_host = torch.zeros(3, device="meta"), torch.tensor([0, 1])
    with pytest.raises(AssertionError, match="aten.index.Tensor touches the host's memory"), NothingOnTheHost():
        on_device[from_host]


@pytest.mark.parametrize(("method", "scene"), [*((method, None) for method in METHODS), ("neucam-3d", SMALL_NERFACTO)])
def test_steps_and_pictures_stay_on_the_device(method, scene, capture_of, monkeypatch):
    # The dials of the viewer stand at numbers, which tensors without values have not.
    monkeypatch.setattr(pipeline_module, "CameraBack", lambda model, photograph: None)
    config = copy.deepcopy(all_methods[method]).pipeline
    config.datamanager.data = capture_of[method.removesuffix("-paper")]
    if scene is not None:
        config.model.scene = scene
        monkeypatch.setattr(nerfacto_scene, "RAYS_AT_ONCE", 10**9)  # they need no memory here
    pipeline = config.setup(device="meta").to("meta")
    pipeline.train()
    assert pipeline.datamanager.train_pixels is not None  # decoded and brought to the device before the first step
    for step in (0, LAST_STEPS):
        pipeline.model.step = step
        with NothingOnTheHost():
            _, losses, _ = pipeline.get_train_loss_dict(step)
            sum(losses.values()).backward()
        assert all(loss.device.type == "meta" for loss in losses.values())

    pipeline.eval()
    renderer = pipeline.model.learned.renderer
    rays, _ = pipeline.datamanager.next_eval(0)
    film = Film(renderer, Rays(rays.origins, rays.directions, rays.times, rays.metadata.get("axes")), CameraSettings())
    with torch.no_grad():
        renderer.anchors()
        with NothingOnTheHost():
            pictures = [film.sharp, film.blurred, film.developed(film.blurred), film.distance, film.inside]
            extra = renderer.scene.extra_outputs().keys()
            pictures.extend(film.extra(name) for name in extra - {"motion"})
        pictures.extend(film.extra(name) for name in extra & {"motion"})  # torchvision makes its colours on the host
    assert all(picture.device.type == "meta" for picture in pictures)
