"""Local tone mapping of a scene, which may move."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.rendering.local_tonemapping import LOCAL_LONGER_SIDE, LocalCurves, curves_at, local_curves
from neucam_nerfstudio.scene.scene import Places, Scene


class LocalDisplay:
    """The local operator's curves for the picture of the reference frame. They move with what they show, so nothing
    flickers.

    Args:
        scene: What is shown.
        height: Height of the photographs in pixels.
        width: Width of the photographs in pixels.
    """

    def __init__(self, scene: Scene[Places], height: int, width: int) -> None:
        self._scene: Scene = scene
        scale = LOCAL_LONGER_SIDE / max(height, width)
        self._size = [max(1, round(scale * side)) for side in (height, width)]
        self._image = ParameterMemo(scene, self._curves_of_picture)

    @torch.no_grad()
    def curves_of(self, places: tuple) -> LocalCurves:
        """The curve of each place."""
        return curves_at(self._image(), self._scene.reference_uv(places))

    @torch.no_grad()
    def _curves_of_picture(self) -> Float[Tensor, "1 2 height width"]:
        height, width = self._size
        # Means of two places each way: a single one may fall on a glint.
        radiance = self._scene.radiance(self._scene.reference_places(2 * height, 2 * width))
        return local_curves(F.avg_pool2d(radiance.permute(2, 0, 1), 2).permute(1, 2, 0))
