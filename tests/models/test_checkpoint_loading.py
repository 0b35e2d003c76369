"""What a released checkpoint needs of our model is read from the file, and every weight finds its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from neucam_nerfstudio.models.checkpoint_loading import blur_kind, load_weights, network_sizes
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.published.checkpoint import read_checkpoint

OFFICIAL = Path(__file__).parents[1] / "data" / "official_parity"
SCENES = {"mfme": "siren", "me_dynamic": "deformed-siren", "video_deblur": "layered-siren"}


def test_sizes_of_every_network_are_the_file_s():
    sizes = network_sizes(read_checkpoint(OFFICIAL / "video_hdr.pth"))
    assert (sizes.atlas_width, sizes.atlas_layers, sizes.response_width) == (64, 5, 128)
    assert sizes.deformation == MotionNetworkSizes(num_octaves=0, layer_width=32, num_layers=4)
    assert sizes.foreground_deformation == MotionNetworkSizes(num_octaves=3, layer_width=32, num_layers=6)
    assert sizes.opacity == MotionNetworkSizes(num_octaves=3, layer_width=32, num_layers=4)


@pytest.mark.parametrize(("task", "kind"), [("mfme", "neural-kernel-9"), ("video_hdr", "none")])
def test_blur_has_as_many_taps_as_the_file_s(task, kind):
    assert blur_kind(read_checkpoint(OFFICIAL / f"{task}.pth")) == kind


def test_kernels_that_are_no_square_of_9_or_25_are_refused(tmp_path):
    contents = torch.load(OFFICIAL / "mfme.pth", weights_only=True)
    last = contents["model_blur_state_dict"]
    last["layers.3.weight"], last["layers.3.bias"] = torch.zeros(48, 64), torch.zeros(48)
    torch.save(contents, tmp_path / "model.pth")
    with pytest.raises(NeucamError, match="its blur has 16 taps, expected 9"):
        blur_kind(read_checkpoint(tmp_path / "model.pth"))


@pytest.mark.parametrize(("task", "scene"), SCENES.items())
def test_every_weight_of_the_model_comes_from_the_file(build_model, desk_with_frames, task, scene):
    checkpoint = read_checkpoint(OFFICIAL / f"{task}.pth")
    model = build_model(
        desk_with_frames(checkpoint.num_frames),
        **{"scene": scene, "blur": blur_kind(checkpoint), "network_sizes": network_sizes(checkpoint)},
        **{"exposures": "bounded", "response": "neural-curve"},
    )
    learned = [parameter for parameters in model.get_param_groups().values() for parameter in parameters]
    with torch.no_grad():
        for parameter in learned:
            parameter.fill_(torch.nan)
    load_weights(checkpoint, model)
    assert all(parameter.isfinite().all() for parameter in learned)
