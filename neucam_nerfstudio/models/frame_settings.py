"""When and how a ray is taken: like the frame it belongs to, else like the one nearest in time, or as dialled."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor, nn

from neucam_nerfstudio.camera.implicit_camera import CameraSettings, ImplicitCamera
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.viewer.dials import DialSettings, OwnSettings


def exposures_differ(capture: Capture) -> bool:
    """Whether the training frames may have been exposed differently, without which no response can be learned."""
    settings = {capture.frames[index].exposure_index for index in capture.train_indices}
    return len({capture.exposures.stops[setting] for setting in settings}) > 1 or capture.exposures.mode == "learn"


def check_bracket(capture: Capture) -> None:
    """Checks that a method for high dynamic range has exposures to make it from.

    Raises:
        NeucamError: All training frames have one known exposure.
    """
    if exposures_differ(capture):
        return
    stops = capture.exposure_stops(capture.train_indices[0])
    raise NeucamError(
        f"{capture.folder}: all {len(capture.train_indices)} training frames have one exposure ({stops:+g} stops by "
        f"{capture.exposures.source}); expected at least two, for high dynamic range comes from those. Use "
        "neucam-deblur for a video and neucam-multifocus for a focus stack, or correct the exposures."
    )


class FramesInTime(nn.Module):
    """The training frames of a capture that moves, found by their times.

    Args:
        capture: The capture; its times rise from frame to frame.
    """

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        frames = [capture.frames[index] for index in capture.train_indices]
        times = torch.tensor([capture.times[index] for index in capture.train_indices])
        self.register_buffer("boundaries", (times[1:] + times[:-1]) / 2, persistent=False)
        self.register_buffer("focus_index", torch.tensor([frame.focus_index for frame in frames]), persistent=False)
        self.register_buffer(
            "exposure_index", torch.tensor([frame.exposure_index for frame in frames]), persistent=False
        )

    def nearest(self, times: Float[Tensor, "rays 1"]) -> Int[Tensor, "rays 1"]:
        """The training frame nearest to each time in [0, 1]."""
        return torch.bucketize(times, self.boundaries)


def times_of_rays(rays: RayBundle, reference_time: float) -> Float[Tensor, "rays 1"]:
    """Times of rays in [0, 1]; rays that have none see the reference frame's moment."""
    if rays.times is None:
        return torch.full_like(rays.origins[..., :1], reference_time)
    return rays.times


def are_of_frames(rays: RayBundle) -> bool:
    """Whether rays are those of captured frames, which have settings of their own."""
    return "focus_index" in rays.metadata


def settings_of_rays(
    camera: ImplicitCamera,
    rays: RayBundle,
    times: Float[Tensor, "rays 1"],
    dials: DialSettings,
    frames_in_time: FramesInTime | None,
) -> CameraSettings:
    """Settings as they are learned now.

    Args:
        camera: Whose settings they are.
        rays: Rays of captured frames tell their settings; others (viewer, paths) have those of the frame nearest in
            time, where time counts, and of the dials that have been turned.
        times: Of the rays.
        dials: What the dials say.
        frames_in_time: The frames of a capture that moves; None for a still scene.
    """
    if are_of_frames(rays):
        focus_position = camera.focus(rays.metadata["focus_index"].long())
        return CameraSettings(focus_position, camera.exposures(rays.metadata["exposure_index"].long()))
    column = torch.ones_like(times)
    focus_position, exposure_stops = dials.focus_position * column, dials.exposure_stops * column
    if frames_in_time is not None:
        frame = frames_in_time.nearest(times)
        if not dials.focus_turned:
            focus_position = camera.focus(frames_in_time.focus_index[frame])
        if not dials.exposure_turned:
            exposure_stops = camera.exposures(frames_in_time.exposure_index[frame])
    return CameraSettings(focus_position, exposure_stops, dials.aperture)


@torch.no_grad()
def own_settings(camera: ImplicitCamera, capture: Capture, index: int) -> OwnSettings:
    """What rays without settings of their own are taken at, for a frame as it is learned now.

    Args:
        camera: Whose settings they are.
        capture: The photographs.
        index: Of the frame in the capture; one that was held out, of what moves, has those of the nearest in time.
    """
    frame = capture.frames[capture.train_index_nearest(capture.times[index]) if capture.moves else index]
    return OwnSettings(
        float(camera.focus.positions[frame.focus_index]), float(camera.exposures.stops[frame.exposure_index])
    )
