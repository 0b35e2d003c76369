"""What volumes that posed photographs look into share, whatever they are made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import as_tensor
from neucam_nerfstudio.scene.image_plane import directions_ahead, pixel_lattice
from neucam_nerfstudio.scene.scene import Rays, VolumetricScene

DARKNESS = 1e-7
"""Of nothing: radiance is above 0."""


class ViewedVolume(VolumetricScene):
    """A volume that photographs with known poses look into.

    Args:
        kind: Of the scene, as the user types it.
        capture: Of many views.

    Raises:
        NeucamError: The capture has one view.
    """

    reference_pose: Float[Tensor, "3 4"]

    def __init__(self, kind: str, capture: Capture) -> None:
        super().__init__()
        if capture.views is None:
            raise NeucamError(f"--pipeline.model.scene {kind}: takes many views with known poses (neucam-3d).")
        self.capture, self.views = capture, capture.views
        pose = as_tensor(self.views.camera_to_world[capture.reference_index], "cpu")
        self.register_buffer("reference_pose", pose, persistent=False)

    def reference_places(self, height: int, width: int) -> Rays:
        """Rays of the pixels of the reference frame, made as large."""
        capture, views = self.capture, self.views
        index, uv = capture.reference_index, pixel_lattice(height, width, self.reference_pose.device)
        place = uv * uv.new_tensor([capture.width, capture.height]) - uv.new_tensor(views.centre_px[index])
        ahead = directions_ahead(place / uv.new_tensor(views.focal_px[index]), self.reference_pose[:, :3])
        origins = self.reference_pose[:, 3].expand(height, width, 3)
        axes = F.normalize(-self.reference_pose[:, 2], dim=-1).expand(height, width, 3)
        return Rays(origins, F.normalize(ahead, dim=-1), torch.zeros_like(uv[..., :1]), axes)

    def reference_uv(self, places: Rays) -> Float[Tensor, "*batch 2"]:
        """Where the reference frame shows what is seen."""
        capture, views = self.capture, self.views
        points = places.origins + self.distance(places) * places.directions
        right, up, back = ((points - self.reference_pose[:, 3]) @ self.reference_pose[:, :3]).unbind(-1)
        focal_px, centre_px = (x[capture.reference_index].tolist() for x in (views.focal_px, views.centre_px))
        u = (right / -back * focal_px[0] + centre_px[0]) / capture.width
        v = (-up / -back * focal_px[1] + centre_px[1]) / capture.height
        return torch.stack([u, v], -1)
