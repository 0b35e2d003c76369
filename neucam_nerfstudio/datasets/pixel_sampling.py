"""Random pixels of a capture as rays, without a host-device copy or a float copy of the frames.

Frames that share everything but their exposure are a group: a ray through them is traced once and developed as often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.photometry import WHITE_LEVEL
from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.scene.scene import Rays


class ExposureGroups(NamedTuple):
    """Frames grouped by focus setting, padded to the largest group.

    Attributes:
        frame_index: Frames of each group; padding repeats the group's first frame.
        is_frame: False where padded; None if nothing is.
    """

    frame_index: Int[Tensor, "groups exposures"]
    is_frame: Bool[Tensor, "groups exposures"] | None

    def to(self, device: torch.device | str) -> ExposureGroups:
        """The same on a device."""
        return ExposureGroups(self.frame_index.to(device), None if self.is_frame is None else self.is_frame.to(device))


class SampledPixels(NamedTuple):
    """Random pixels of captured frames.

    Attributes:
        rays: Rays through them.
        focus_index: Focus setting of each.
        exposure_index: Exposure setting of each at each exposure of its group.
        frame_index: The first frame of each, counted among the sampler's frames.
        ldr: Pixel values in [0, 1].
        is_frame: False where groups are padded, and where the frame does not cover the pixel; None if nothing is.
    """

    rays: Rays
    focus_index: Int[Tensor, "rays 1"]
    exposure_index: Int[Tensor, "rays exposures"]
    frame_index: Int[Tensor, " rays"]
    ldr: Float[Tensor, "rays exposures 3"]
    is_frame: Bool[Tensor, "rays exposures"] | None


class PixelSampler:
    """Draws pixels evenly from the picture and from groups of frames.

    Args:
        pixels: Pixel values of the frames in their files' number type.
        capture: What is known of the frames.
        frame_indices: Of the frames, in the capture.
        device: Where frames are held and rays are made.
        covered: Which pixels of the frames show something; None where all do.
    """

    def __init__(
        self,
        pixels: Shaped[Tensor, "frames height width 3"],
        capture: Capture,
        frame_indices: Sequence[int],
        device: torch.device | str,
        covered: Bool[np.ndarray, "frames height width"] | None = None,
    ) -> None:
        self.white = WHITE_LEVEL[capture.number_type]
        num_frames, self.height, self.width, _ = pixels.shape
        # Indexing 16-bit unsigned integers is not implemented on every device; their bits as signed ones are.
        bits = pixels.view(torch.int16) if pixels.dtype == torch.uint16 else pixels
        self.pixels = bits.reshape(num_frames, -1, 3).to(device)
        self.covered = None if covered is None else torch.from_numpy(covered).reshape(num_frames, -1).to(device)
        self.plane = ImagePlane(self.height, self.width)
        self.origin = self.plane.camera_to_world[:, 3].to(device)
        frames = [capture.frames[index] for index in frame_indices]
        self.focus_index = torch.tensor([frame.focus_index for frame in frames], device=device)
        self.exposure_index = torch.tensor([frame.exposure_index for frame in frames], device=device)
        self.times = torch.tensor([[capture.times[index]] for index in frame_indices], device=device)

    def sample(self, num_rays: int, groups: ExposureGroups) -> SampledPixels:
        """Rays, and the pixel values photographed at the end of each at every exposure of its group.

        Args:
            num_rays: How many.
            groups: Frames that share rays, on this sampler's device.
        """
        device = self.pixels.device
        pixel = torch.randint(self.height * self.width, (num_rays,), device=device)
        group = torch.randint(len(groups.frame_index), (num_rays,), device=device)
        frame = groups.frame_index[group]
        row, column = pixel // self.width, pixel % self.width
        first = frame[:, 0]
        return SampledPixels(
            self.rays(first, row, column),
            self.focus_index[frame[:, :1]],
            self.exposure_index[frame],
            first,
            self._values(frame, pixel[:, None]),
            self._shown(frame, pixel[:, None], None if groups.is_frame is None else groups.is_frame[group]),
        )

    def rays(self, frame: Int[Tensor, " rays"], row: Int[Tensor, " rays"], column: Int[Tensor, " rays"]) -> Rays:
        """Rays through the centres of pixels of the sampler's frames."""
        uv = torch.stack([(column + 0.5) / self.width, (row + 0.5) / self.height], -1)
        return Rays(self.origin.expand(len(frame), 3), self.plane.pixel_directions(uv), self.times[frame])

    def _shown(
        self,
        frame: Int[Tensor, "rays exposures"],
        pixel: Int[Tensor, "rays 1"],
        is_frame: Bool[Tensor, "rays exposures"] | None,
    ) -> Bool[Tensor, "rays exposures"] | None:
        """Which frames show the pixels, of those that there are."""
        if self.covered is None:
            return is_frame
        shown = self.covered[frame, pixel]
        return shown if is_frame is None else shown & is_frame

    def _values(
        self, frame: Int[Tensor, "rays exposures"], pixel: Int[Tensor, "rays 1"]
    ) -> Float[Tensor, "rays exposures 3"]:
        values = self.pixels[frame, pixel]
        if values.dtype == torch.int16:
            values = values.to(torch.int32) & 0xFFFF
        return values.to(torch.float32) / self.white


def exposure_groups(focus_index: Int[Tensor, " frames"]) -> ExposureGroups:
    """Groups the frames of each focus setting."""
    groups = [torch.nonzero(focus_index == setting).flatten() for setting in focus_index.unique()]
    longest = max(map(len, groups))
    frame_index = torch.stack([torch.cat([group, group[:1].expand(longest - len(group))]) for group in groups])
    is_frame = torch.stack([torch.arange(longest) < len(group) for group in groups])
    return ExposureGroups(frame_index, None if is_frame.all() else is_frame)


def single_frames(num_frames: int) -> ExposureGroups:
    """Each frame as a group of its own."""
    return ExposureGroups(torch.arange(num_frames)[:, None], None)
