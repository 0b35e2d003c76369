"""Local tone mapping of a scene, which may move."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.rendering.image_plane import ImagePlane, pixel_lattice
from neucam_nerfstudio.rendering.local_tonemapping import LOCAL_LONGER_SIDE, LocalCurves, curves_at, local_curves
from neucam_nerfstudio.scene.scene_field import MovingField, SceneField


class LocalDisplay:
    """The local operator's curves for the picture at one moment. They move with what they show, so nothing flickers.

    Args:
        scene: The scene field.
        plane: The picture.
        reference_time: The moment that the operator sees, [0, 1].
    """

    def __init__(self, scene: SceneField, plane: ImagePlane, reference_time: float) -> None:
        self._scene, self._reference_time = scene, reference_time
        self._size = [max(1, round(LOCAL_LONGER_SIDE * side)) for side in reversed(plane.extent)]
        self._image = ParameterMemo(scene, self._curves_of_picture)

    @torch.no_grad()
    def curves_of_rays(self, uv: Float[Tensor, "rays 2"], times: Float[Tensor, "rays 1"]) -> LocalCurves:
        """The curve of each ray.

        Args:
            uv: Places of the picture, [0, 1].
            times: Of the rays, [0, 1].
        """
        if isinstance(self._scene, MovingField):
            uv = uv - self._scene.motion_uv(uv, times, torch.full_like(times, self._reference_time))
        return curves_at(self._image(), uv)

    @torch.no_grad()
    def _curves_of_picture(self) -> Float[Tensor, "1 2 height width"]:
        height, width = self._size
        # Means of two places each way: a single one may fall on a glint.
        uv = pixel_lattice(2 * height, 2 * width, next(self._scene.parameters()).device)
        radiance = self._scene.radiance(uv, torch.full_like(uv[..., :1], self._reference_time))
        return local_curves(F.avg_pool2d(radiance.permute(2, 0, 1), 2).permute(1, 2, 0))
