"""All scores that one picture of a capture can have: against ground truth where there is any, always as a fusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.evaluation.fusion_metrics import (
    MEF_SMALLEST_SIDE_PX,
    Photograph,
    edge_preservation,
    grey,
    mef_ssim,
    tenengrad,
)
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment, align_radiance, hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import flip, ldr_scores
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.rendering.display_tonemapping import picture_for_display

Picture = Float[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Yardstick:
    """What pictures at a capture's reference frame are measured against.

    Attributes:
        radiance: True linear radiance, or None.
        sharp: True photograph without blur, display values in [0, 1], or None.
        photographs: What a fusion should keep.
    """

    radiance: Picture | None
    sharp: Picture | None
    photographs: tuple[Photograph, ...]


def yardstick(capture: Capture, pixels: PixelStore) -> Yardstick:
    """Reads the reference frame's ground truth, and takes the photographs that a fusion is compared with.

    Those are all training frames of a still scene. Where something moves, only the reference frame shows what the
    picture should: the others' edges lie elsewhere.

    Args:
        capture: What is known of the photographs.
        pixels: Of the capture.

    Raises:
        NeucamError: A file with ground truth cannot be read.
    """
    radiance, sharp = capture.radiance_truth[capture.reference_index], capture.sharp_truth[capture.reference_index]
    shown = [capture.reference_index] if capture.moves else capture.train_indices
    return Yardstick(
        None if radiance is None else read_radiance(radiance, capture.downscale_factor),
        None if sharp is None else read_sharp(sharp, capture.downscale_factor),
        tuple(pixels[index] for index in shown),
    )


def picture_scores(
    picture: Picture, is_radiance: bool, measured_against: Yardstick, alignment: Alignment
) -> dict[str, float]:
    """All scores by name.

    Args:
        picture: Linear radiance in any unit, or display values in [0, 1].
        is_radiance: Which of the two.
        measured_against: Of the picture's capture.
        alignment: How radiance is aligned with the true one: `scale` where exposures were known, else `affine`.

    Returns:
        Of radiance, where the true one is known, the scores of `hdr_scores` and HDR-FLIP as `flip`; of a display
        picture, where the true sharp photograph is known, `psnr_sharp` (dB), `ssim_sharp` and LDR-FLIP as `flip`.
        Of all `q_abf`, `tenengrad` and, from 44 pixels a side on, `mef_ssim`; radiance is tone mapped for these.

    Raises:
        ValueError: If the picture is not of the photographs' size, or ground truth or photographs are uniform.
    """
    scores: dict[str, float] = {}
    radiance, sharp = measured_against.radiance, measured_against.sharp
    if is_radiance and radiance is not None:
        scores |= hdr_scores(picture, radiance, alignment)
        scores["flip"] = flip(
            align_radiance(picture.astype(np.float64), radiance.astype(np.float64), alignment), radiance, "HDR"
        )
    elif not is_radiance and sharp is not None:
        scores |= {f"{name}_sharp": score for name, score in ldr_scores(picture, sharp).items()}
        scores["flip"] = flip(picture, sharp)
    shown = grey(picture_for_display(picture) if is_radiance else picture)
    if min(shown.shape) >= MEF_SMALLEST_SIDE_PX:
        scores["mef_ssim"] = mef_ssim(shown, measured_against.photographs)
    scores["q_abf"] = edge_preservation(shown, measured_against.photographs)
    scores["tenengrad"] = tenengrad(shown)
    return scores
