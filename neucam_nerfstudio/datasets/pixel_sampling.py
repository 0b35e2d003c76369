"""Random pixels of a capture as rays, without a host-device copy or a float copy of the frames."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor

from neucam_nerfstudio.datasets.exposure_groups import ExposureGroups
from neucam_nerfstudio.photometry import WHITE_LEVEL
from neucam_nerfstudio.rendering.image_plane import ImagePlane


class PixelSampler:
    """Draws pixels evenly from the picture and from groups of frames.

    Args:
        frames: Pixel values of all frames in their files' number type.
        cameras: The frames' cameras, whose metadata tells settings.
        device: Where frames are held and rays are made.
    """

    def __init__(
        self,
        frames: Shaped[Tensor, "frames height width 3"],
        cameras: Cameras,
        device: torch.device | str,
    ) -> None:
        self.white = WHITE_LEVEL[frames.numpy().dtype]
        num_frames, self.height, self.width, _ = frames.shape
        # Indexing 16-bit unsigned integers is not implemented on every device; their bits as signed ones are.
        bits = frames.view(torch.int16) if frames.dtype == torch.uint16 else frames
        self.pixels = bits.reshape(num_frames, -1, 3).to(device)
        self.plane = ImagePlane(self.height, self.width)
        self.origin = self.plane.camera_to_world[:, 3].to(device)
        assert cameras.metadata is not None and cameras.times is not None, "our dataparser gives them"
        self.metadata = {key: value[:, 0].to(device) for key, value in cameras.metadata.items()}
        self.times = cameras.times.to(device)

    def sample(self, num_rays: int, groups: ExposureGroups) -> tuple[RayBundle, dict[str, Tensor]]:
        """Rays, and the pixel values photographed at the end of each at every exposure of its group.

        Args:
            num_rays: How many.
            groups: Frames that share rays, on this sampler's device.

        Returns:
            Rays with the settings of their frames as metadata: `[rays, 1]` for focus, `[rays, exposures]` for exposure;
            `image` `[rays, exposures, 3]` in [0, 1] and, if groups differ in size, `is_frame` `[rays, exposures]`.
            The axis of exposures is left out where there is but one.
        """
        device = self.pixels.device
        pixel = torch.randint(self.height * self.width, (num_rays,), device=device)
        group = torch.randint(len(groups.frame_index), (num_rays,), device=device)
        frame = groups.frame_index[group]
        row, column = pixel // self.width, pixel % self.width
        uv = torch.stack([(column + 0.5) / self.width, (row + 0.5) / self.height], -1)
        batch = {"image": self._values(frame, pixel[:, None])}
        if frame.shape[1] == 1:
            batch["image"] = batch["image"][:, 0]
        if groups.is_frame is not None:
            batch["is_frame"] = groups.is_frame[group]
        return self._rays(uv, frame), batch

    def _values(self, frame: Tensor, pixel: Tensor) -> Float[Tensor, "rays exposures 3"]:
        values = self.pixels[frame, pixel]
        if values.dtype == torch.int16:
            values = values.to(torch.int32) & 0xFFFF
        return values.to(torch.float32) / self.white

    def _rays(self, uv: Float[Tensor, "rays 2"], frame: Tensor) -> RayBundle:
        first = frame[:, :1]
        return RayBundle(
            origins=self.origin.expand(len(uv), 3),
            directions=self.plane.pixel_directions(uv),
            pixel_area=torch.full_like(uv[:, :1], self.plane.focal_length_px**-2),
            camera_indices=first,
            times=self.times[first[:, 0]],
            metadata={
                key: values[first if key.startswith("focus") else frame] for key, values in self.metadata.items()
            },
        )
