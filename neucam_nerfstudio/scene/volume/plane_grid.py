"""A learned grid of planes in a frustum: opacity and light, looked up where rays cross the planes."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.scene.volume.frustum import Lines

DENSITY_SCALE = 3.0
"""Logits of opacity a unit of what is learned of them: they are learned so many times as fast as the log radiance."""

START_OPACITY, START_LOG_RADIANCE = 0.02, -1.0
"""Before anything is known."""

COARSE_CELLS = 2
"""Side, in cells, of a coarse cell, which is as opaque as any that its rays may look up."""

REFRESH_STEPS = 16
"""While training, the coarse opacity is that of so many steps ago, at most."""

TRUSTED_SHARE = 0.7
"""Of the coarse opacity, what is taken to hide what is behind: it is never less than the true one."""

NEGLIGIBLE = 0.03
"""Places whose gradient is below this share of the mean tell nothing (measured: 0.3 loses 0.2 dB, and this nothing)."""

BILINEAR, BORDER = 0, 1
"""What torch calls the modes of `look_up` below Python."""


class Crossings(NamedTuple):
    """What rays find where they cross planes.

    Attributes:
        optical_depth: Of each crossing, >= 0.
        radiance: Linear, > 0.
        variation: Of the planes that it was asked of, see `variation`; None of none.
    """

    optical_depth: Float[Tensor, "rays samples"]
    radiance: Float[Tensor, "3 rays samples"]
    variation: tuple[Float[Tensor, ""], Float[Tensor, ""]] | None


class PlaneGrid(nn.Module):
    """Opacity and log radiance in cells of planes. A ray is looked up on a few planes: those that it sees most of.

    A plane's opacity is that of crossing it, at whatever angle.

    Args:
        shape: Planes, rows, columns.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        planes, rows, columns = self.shape = shape
        start = torch.full((4, planes * rows, columns), START_LOG_RADIANCE)
        start[0] = torch.tensor(START_OPACITY).logit() / DENSITY_SCALE
        self.values = nn.Parameter(start)
        """Logit of the opacity in units of `DENSITY_SCALE`, then log radiance, of planes below one another."""
        self.coarse_shape = planes, rows // COARSE_CELLS + 1, columns // COARSE_CELLS + 1
        self._coarse: Float[Tensor, "coarse_planes coarse_rows coarse_columns"] | None = None
        self._coarse_version = -1

    @torch.no_grad()
    def start_from(
        self, opacity: Float[Tensor, "planes rows columns"], log_radiance: Float[Tensor, "3 planes rows columns"]
    ) -> None:
        """Sets the grid."""
        self.values[0] = opacity.logit().reshape(self.values.shape[1:]) / DENSITY_SCALE
        self.values[1:] = log_radiance.reshape(3, *self.values.shape[1:])

    def crossings(
        self,
        lines: Lines,
        planes: Int[Tensor, "rays samples"],
        disparities: Float[Tensor, " planes"],
        varied: slice | None = None,
    ) -> Crossings:
        """Optical depth and radiance where lines cross planes; those of the border beyond it.

        Args:
            lines: In cells.
            planes: The planes of each.
            disparities: Of all planes.
            varied: Planes whose variation is asked, too.
        """
        _, rows, columns = self.shape
        cells = torch.addcmul(lines.start[:, None], lines.slope[:, None], disparities[planes][..., None])
        column, row = cells.unbind(-1)
        # The planes lie below one another: between the middles of its border cells, a row touches no other plane.
        row = row.clamp(0.5, rows - 0.5) + planes * rows
        place = torch.stack([column / columns, row / (self.shape[0] * rows)], -1)
        # In one pass for all channels, in one thread on a processor: half the time of a pass for each.
        places = (2 * place - 1).view(1, 1, -1, 2)
        if varied is None:
            found, variations = look_up(self.values, places), None
        else:
            found, *variations = _LookUpAndVary.apply(self.values, places, self.shape, varied)
        logit, log_radiance = found.view(4, *planes.shape).split([1, 3])
        return Crossings(
            F.softplus(DENSITY_SCALE * logit[0]), log_radiance.exp(), None if variations is None else tuple(variations)
        )

    @torch.no_grad()
    def seen_planes(
        self, lines: Lines, disparities: Float[Tensor, " planes"], count: int
    ) -> Int[Tensor, "rays samples"]:
        """The planes that lines see most of, front to back, by a coarse look at all of them."""
        planes, rows, columns = self.coarse_shape
        order = torch.arange(planes, device=disparities.device)
        if count >= planes:
            return order.expand(len(lines.start), planes)
        start, slope = lines.start / COARSE_CELLS, lines.slope / COARSE_CELLS
        column = torch.addcmul(start[:, :1], slope[:, :1], disparities).long().clamp_(0, columns - 1)
        row = torch.addcmul(start[:, 1:], slope[:, 1:], disparities).long().clamp_(0, rows - 1)
        opacity = torch.take(self._coarse_opacity(), (row + order * rows).mul_(columns).add_(column))
        weights = opacity[:, 1:] * torch.cumprod(1 - TRUSTED_SHARE * opacity, 1)[:, :-1]
        weights = torch.cat([opacity[:, :1], weights], 1)
        return weights.topk(count, sorted=False).indices.sort(1).values

    def _coarse_opacity(self) -> Float[Tensor, "coarse_planes coarse_rows coarse_columns"]:
        """The largest opacity of each coarse cell and the cells around it."""
        version = self.values._version
        stale = REFRESH_STEPS if self.training else 1
        if self._coarse is None or self._coarse.device != self.values.device or version - self._coarse_version >= stale:
            opacity = torch.sigmoid(DENSITY_SCALE * self.values[0].detach()).view(self.shape[0], 1, *self.shape[1:])
            largest = F.max_pool2d(opacity, 2 * COARSE_CELLS, COARSE_CELLS, COARSE_CELLS // 2, ceil_mode=True)
            planes, rows, columns = self.coarse_shape
            missing = columns - largest.shape[-1], rows - largest.shape[-2]
            largest = F.pad(largest, (0, max(missing[0], 0), 0, max(missing[1], 0)))[:, 0, :rows, :columns]
            self._coarse, self._coarse_version = largest.contiguous(), version
        return self._coarse


def look_up(
    values: Float[Tensor, "channels height width"], places: Float[Tensor, "1 1 places 2"]
) -> Float[Tensor, "1 channels 1 places"]:
    """Between cells, at places in [-1, 1]; the border beyond it."""
    return F.grid_sample(values[None], places, padding_mode="border", align_corners=False)


def variation(values: Float[Tensor, "4 planes rows columns"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Mean absolute difference of neighbours, down plus across: of logits of opacity, and of log radiance."""
    down, across = (values.diff(dim=dim).abs().mean((1, 2, 3)) for dim in (2, 3))
    of_channels = down + across
    return DENSITY_SCALE * of_channels[0], of_channels[1:].mean()


class _LookUpAndVary(torch.autograd.Function):
    """`look_up` and the `variation` of some planes, with one gradient: to make it, as large as the grid, and to add
    another to it costs more than what either tells. On a processor, places that hardly matter to the error are left out
    of it, which are half of all; a graphics card would have to wait until they are counted."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, places: Tensor, shape: tuple[int, int, int], varied: slice) -> tuple:
        ctx.save_for_backward(values, places)
        ctx.shape, ctx.varied = shape, varied
        return look_up(values, places), *variation(values.view(4, *shape)[:, varied])

    @staticmethod
    def backward(ctx: Any, of_found: Tensor, *of_variations: Tensor) -> tuple:
        values, places = ctx.saved_tensors
        asked = True, ctx.needs_input_grad[1]
        if values.device.type == "cpu" and not asked[1]:
            size = of_found.abs().amax(1)[0, 0]
            matter = (size > NEGLIGIBLE * size.mean()).nonzero()[:, 0]
            of_found, places = of_found[..., matter], places[:, :, matter]
        of_values, of_places = torch.ops.aten.grid_sampler_2d_backward(
            of_found, values[None], places, BILINEAR, BORDER, False, asked
        )
        with torch.enable_grad():
            some = values.view(4, *ctx.shape)[:, ctx.varied].detach().requires_grad_()
            (of_some,) = torch.autograd.grad(variation(some), some, of_variations)
        of_values.view(4, *ctx.shape)[:, ctx.varied] += of_some
        return of_values[0], of_places, None, None
