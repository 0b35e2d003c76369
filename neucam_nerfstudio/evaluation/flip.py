"""FLIP: the mean difference that someone sees who flips between a picture and its ground truth, from 0 to 1.

Source:
    Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", HPG 2020, and for radiance "Visualizing
    Errors in Rendered High Dynamic Range Images", Eurographics 2021 (HDR-FLIP, over a range of exposures that follows
    from the ground truth); computed by the authors' `flip-evaluator`, seen at 67 pixels a degree.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.evaluation.alignment import Alignment, align_radiance


def flip_of_radiance(
    prediction: Float[np.ndarray, "height width 3"],
    truth: Float[np.ndarray, "_ _ 3"],
    alignment: Alignment = "scale",
) -> float:
    """HDR-FLIP of linear radiance in any unit, after alignment as in `hdr_scores`: 0 is no difference.

    Raises:
        ValueError: If the shapes differ or the ground truth is uniform.
    """
    aligned = align_radiance(prediction.astype(np.float64), truth.astype(np.float64), alignment)
    return _mean_flip(aligned, truth, "HDR")


def flip_of_pictures(prediction: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "_ _ 3"]) -> float:
    """LDR-FLIP of display values in [0, 1], taken for sRGB: 0 is no difference.

    Raises:
        ValueError: If the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"The prediction is {prediction.shape}, the ground truth {truth.shape}: score equal sizes.")
    return _mean_flip(np.clip(prediction, 0, 1), truth, "LDR")


def _mean_flip(prediction: np.ndarray, truth: np.ndarray, dynamic_range: str) -> float:
    import flip_evaluator  # only who measures needs it

    reference, test = (np.ascontiguousarray(picture, np.float32) for picture in (truth, prediction))
    _, mean, _ = flip_evaluator.evaluate(reference, test, dynamic_range, applyMagma=False)
    return float(mean)
