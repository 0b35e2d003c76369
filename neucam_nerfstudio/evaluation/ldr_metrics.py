"""Scores of display-ready pictures, [0, 1], against photographs. All raise ValueError if the shapes differ."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float


def psnr(prediction: Float[np.ndarray, ...], truth: Float[np.ndarray, ...], peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio in dB, infinite for equal images."""
    check_equal_sizes(prediction, truth)
    mean_squared_error = np.mean((prediction.astype(np.float64) - truth.astype(np.float64)) ** 2)
    return float(10 * np.log10(peak**2 / mean_squared_error)) if mean_squared_error > 0 else float("inf")


def ssim(prediction: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "_ _ 3"]) -> float:
    """Structural similarity of [0, 1] images, at least 7 x 7 pixels: the one definition that all scores here have.

    It is scikit-image's: Wang et al. 2004 over uniform 7 x 7 windows that lie inside the image, with the sample
    covariance. (The 11 x 11 Gaussian windows of torchmetrics, which nerfstudio's own models report, give other
    numbers.) Taken a channel at a time in 64 bits: differences of squares in 32 bits give negative variances.
    """
    from skimage.metrics import structural_similarity

    check_equal_sizes(prediction, truth)
    channels = zip(np.moveaxis(prediction, -1, 0), np.moveaxis(truth, -1, 0), strict=True)
    of_channels = [structural_similarity(a.astype(float), b.astype(float), data_range=1) for a, b in channels]
    return float(np.mean(of_channels))


def ldr_scores(
    prediction: Float[np.ndarray, "height width 3"],
    truth: Float[np.ndarray, "height width 3"],
    covered: Bool[np.ndarray, "height width"] | None = None,
) -> dict[str, float]:
    """`psnr` (dB) and `ssim` of a rendered frame against the photograph, both in [0, 1], unaligned.

    Args:
        prediction: Rendered.
        truth: The photograph.
        covered: Which of its pixels show something; None where all do. The others count neither for nor against.
    """
    if covered is None:
        return {"psnr": psnr(prediction, truth), "ssim": ssim(prediction, truth)}
    filled = np.where(covered[..., None], truth, prediction)
    return {"psnr": psnr(prediction[covered], truth[covered]), "ssim": ssim(prediction, filled)}


def flip(
    prediction: Float[np.ndarray, "height width 3"],
    truth: Float[np.ndarray, "_ _ 3"],
    dynamic_range: Literal["LDR", "HDR"] = "LDR",
) -> float:
    """The mean difference that someone sees who flips between two pictures, from 0 (none) to 1.

    Args:
        prediction: Display values in [0, 1], taken for sRGB; of `HDR` linear radiance in the ground truth's unit.
        truth: The same.
        dynamic_range: Which of the two.

    Source:
        Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", HPG 2020, and for radiance "Visualizing
        Errors in Rendered High Dynamic Range Images", Eurographics 2021 (HDR-FLIP, over a range of exposures that
        follows from the ground truth); computed by the authors' `flip-evaluator`, seen at 67 pixels a degree.
    """
    import flip_evaluator  # only who measures needs it

    check_equal_sizes(prediction, truth)
    shown = prediction.clip(0, 1) if dynamic_range == "LDR" else prediction
    reference, test = (np.ascontiguousarray(picture, np.float32) for picture in (truth, shown))
    _, mean, _ = flip_evaluator.evaluate(reference, test, dynamic_range, applyMagma=False)
    return float(mean)


def check_equal_sizes(prediction: np.ndarray, truth: np.ndarray) -> None:
    """Raises ValueError if the shapes differ."""
    if prediction.shape != truth.shape:
        raise ValueError(f"The prediction is {prediction.shape}, the ground truth {truth.shape}: score equal sizes.")
