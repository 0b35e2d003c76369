from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.evaluation import fusion_metrics
from neucam_nerfstudio.evaluation.fusion_metrics import (
    edge_preservation,
    grey,
    mef_ssim,
    mef_ssim_map,
    tenengrad,
)
from neucam_nerfstudio.imaging import large_pictures

RAMP_KEPT = 0.9994 / (1 + math.exp(-15 * 0.5)) * 0.9879 / (1 + math.exp(-22 * 0.2))
"""Q_AB/F of an edge that is kept as it is: 0.975."""


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.2, 0.8, (52, 61))


def test_grey_is_rec_601_luma():
    assert grey(np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])).tolist() == [[0.299, 0.587, 0.114]]


def test_mef_ssim_of_a_photograph_with_itself(texture):
    assert mef_ssim(texture, [texture]) == pytest.approx(1, abs=1e-4)


def test_mef_ssim_takes_the_structure_from_the_photograph_that_has_it(texture):
    blown = np.ones_like(texture)
    assert mef_ssim(texture, [texture, blown]) == pytest.approx(1, abs=1e-4)
    assert mef_ssim(blown, [texture, blown]) < 0.2


def test_mef_ssim_wants_the_highest_contrast():
    """One structure at two contrasts, 1 and 0.5: the duller one as the fusion has (2 a v + C) / ((1 + a^2) v + C)."""
    x = np.tile(np.cos(2 * np.pi * np.arange(44) / 4), (44, 1))
    bright, dull = 0.5 + 0.2 * x, 0.5 + 0.1 * x
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()
    phases = [np.cos(2 * np.pi * (np.arange(11) + start) / 4) for start in range(44 - 10)]
    variances = np.array([0.2**2 * (window @ p**2 - (window @ p) ** 2) for p in phases])
    constant = 0.03**2
    expected = (variances + constant) / (1.25 * variances + constant)
    assert mef_ssim_map(dull, [bright, dull]).mean() == pytest.approx(expected.mean(), abs=1e-4)


def test_mef_ssim_of_a_uniform_fusion_is_the_constant_s_share(texture):
    """No structure where one is wanted: C / (variance + C)."""
    only_patch = texture[:11, :11]
    window = cv2.getGaussianKernel(11, 1.5)
    weights = window @ window.T
    variance = (weights * only_patch**2).sum() - (weights * only_patch).sum() ** 2
    score = mef_ssim_map(np.full((11, 11), 0.5), [only_patch])
    assert score.shape == (1, 1)
    assert score[0, 0] == pytest.approx(0.0009 / (variance + 0.0009), rel=1e-3)


def test_mef_ssim_patch_by_patch_as_the_paper_writes_it(texture):
    random = np.random.default_rng(1)
    photographs = [np.clip(gain * texture + random.normal(0, 0.05, texture.shape), 0, 1) for gain in (0.3, 0.9, 1.5)]
    fused = np.mean(photographs, axis=0)
    expected = [
        [_patch_score(fused[y : y + 11, x : x + 11], [p[y : y + 11, x : x + 11] for p in photographs]) for x in (0, 50)]
        for y in (0, 20)
    ]
    found = mef_ssim_map(fused, photographs)
    assert found.shape == (42, 51)
    assert found[np.ix_((0, 20), (0, 50))] == pytest.approx(np.array(expected), abs=1e-6)


def test_mef_ssim_does_not_show_where_tiles_meet(monkeypatch):
    random = np.random.default_rng(3)
    photographs = [random.random((70, 300)) for _ in range(3)]
    fused = np.mean(photographs, axis=0)
    in_tiles = mef_ssim_map(fused, photographs)
    monkeypatch.setattr(fusion_metrics, "MEF_TILE_ROWS", 70)
    monkeypatch.setattr(fusion_metrics, "MEF_TILE_COLUMNS", 300)
    np.testing.assert_allclose(in_tiles, mef_ssim_map(fused, photographs), atol=1e-5)


def test_flat_patches_beside_a_bright_edge_score_as_flat():
    """Single precision holds: no structure is wanted and none is found, so only the constant is left."""
    flat = np.full((44, 600), 0.2)
    flat[:, 590:] = 1.0
    assert mef_ssim_map(flat, [flat, 0.5 * flat])[:, :500] == pytest.approx(1, abs=1e-5)


def _patch_score(fused: np.ndarray, patches: list[np.ndarray]) -> float:
    """Ma et al. 2015, equations 4 to 14, in pixel values to 255."""
    fused, centred = 255 * fused, [255 * (p - p.mean()) for p in patches]
    contrast = [np.linalg.norm(c) + 0.001 for c in centred]
    consistency = np.linalg.norm(sum(centred)) / sum(np.linalg.norm(c) for c in centred)
    power = min(math.tan(math.pi / 2 * consistency), 10)
    weights = [(c / 11) ** power for c in contrast]
    structure = sum(w * c / norm for w, c, norm in zip(weights, centred, contrast, strict=True))
    wanted = max(contrast) * structure / np.linalg.norm(structure)
    window = cv2.getGaussianKernel(11, 1.5)
    window = window @ window.T
    wanted_part, fused_part = (image - (window * image).sum() for image in (wanted, fused))
    constant = (0.03 * 255) ** 2
    numerator = 2 * (window * wanted_part * fused_part).sum() + constant
    return float(numerator / ((window * wanted_part**2).sum() + (window * fused_part**2).sum() + constant))


def test_three_scales_are_weighted_as_published():
    """Noise in the fusion is averaged away on coarse scales, which have 0.0448, 0.2856 and 0.3001 of the weight."""
    random = np.random.default_rng(2)
    photograph = cv2.GaussianBlur(random.normal(0.5, 1.0, (96, 96)), (0, 0), 6)
    fused = photograph + random.normal(0, 0.1, photograph.shape)
    scales = [(fused, photograph)]
    for _ in range(2):
        scales.append(tuple(image.reshape(len(image) // 2, 2, -1, 2).mean((1, 3)) for image in scales[-1]))
    means = np.array([mef_ssim_map(f, [p]).mean() for f, p in scales])
    assert means[0] < means[1] < means[2]
    assert mef_ssim(fused, [photograph]) == pytest.approx(
        means[0] ** (0.0448 / 0.6305) * means[1] ** (0.2856 / 0.6305) * means[2] ** (0.3001 / 0.6305)
    )


def test_mef_ssim_refuses_other_sizes_and_pictures_below_three_scales(texture):
    with pytest.raises(ValueError, match=r"The fusion is \(52, 61\), the photographs \[\(52, 60\)\]"):
        mef_ssim(texture, [texture[:, :60]])
    with pytest.raises(ValueError, match=r"\(43, 61\) is too small: three scales of 11 pixels take 44"):
        mef_ssim(texture[:43], [texture[:43]])


def ramp(slope_x: float, slope_y: float = 0.0) -> np.ndarray:
    """A plane, whose gradient is the same all over."""
    y, x = np.mgrid[:20, :20]
    return slope_x * x + slope_y * y


def test_edges_that_are_kept():
    assert edge_preservation(ramp(0.1), [ramp(0.1)]) == pytest.approx(RAMP_KEPT)


def test_an_edge_and_its_negative_have_one_orientation():
    assert edge_preservation(ramp(-0.1), [ramp(0.1)]) == pytest.approx(RAMP_KEPT)


def test_half_the_strength():
    """Agreement 0.5 lies in the middle of the sigmoid, whichever of the two is weaker."""
    expected = 0.9994 / 2 * 0.9879 / (1 + math.exp(-22 * 0.2))
    assert edge_preservation(ramp(0.05), [ramp(0.1)]) == pytest.approx(expected)
    assert edge_preservation(ramp(0.2), [ramp(0.1)]) == pytest.approx(expected)


def test_orientation_off_by_45_degrees():
    """At the border, where rows or columns are doubled, the diagonal bends: a wide picture has little of it."""
    y, x = np.mgrid[:400, :400]
    expected = 0.9994 / (1 + math.exp(-15 * 0.5)) * 0.9879 / (1 + math.exp(-22 * (0.5 - 0.8)))
    assert edge_preservation((x + y) / math.sqrt(2), [x.astype(float)]) == pytest.approx(expected, abs=5e-3)


def test_photographs_count_by_the_strength_of_their_edges():
    """Three times as strong an edge, kept; one that is lost in it, with a third of its strength."""
    lost = 0.9994 / (1 + math.exp(-15 * (1 / 3 - 0.5))) * 0.9879 / (1 + math.exp(-22 * 0.2))
    expected = (3 * RAMP_KEPT + lost) / 4
    assert edge_preservation(ramp(0.3), [ramp(0.3), ramp(0.1)]) == pytest.approx(expected)


def test_edges_are_the_same_in_strips(monkeypatch):
    random = np.random.default_rng(4)
    fused, photographs = random.random((40, 30)), [random.random((40, 30)) for _ in range(2)]
    whole = edge_preservation(fused, photographs)
    monkeypatch.setattr(large_pictures, "PIXELS_PER_STRIP", 210)
    assert edge_preservation(fused, photographs) == pytest.approx(whole, rel=1e-12)


def test_without_edges_there_is_nothing_to_keep():
    with pytest.raises(ValueError, match="no edges"):
        edge_preservation(ramp(0.1), [ramp(0.0)])


def test_tenengrad_of_a_step_by_hand():
    """A vertical step of 0.5: Sobel gives 4 x 0.5 in the two columns beside it, of ten."""
    step = np.zeros((6, 10))
    step[:, 5:] = 0.5
    assert tenengrad(step) == pytest.approx(2 * 2.0**2 / 10)


def test_tenengrad_falls_with_blur(texture):
    assert tenengrad(cv2.GaussianBlur(texture, (0, 0), 1)) < 0.3 * tenengrad(texture)
