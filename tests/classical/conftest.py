"""A made-up view whose radiance, focus and camera are known, to test estimates on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest


class SyntheticView:
    """Structure at all scales over seven stops; sharp at focus 0 in its left third, 1 in the middle, 2 on the right."""

    def __init__(self, height: int, width: int) -> None:
        random = np.random.default_rng(0)
        log_radiance = np.zeros((height, width, 3), np.float32)
        for sigma, contrast in ((1, 0.4), (4, 0.5), (16, 1.2)):
            noise = cv2.GaussianBlur(random.normal(size=(height, width, 3)).astype(np.float32), (0, 0), sigma)
            noise = 0.8 * noise.mean(-1, keepdims=True) + 0.2 * noise
            log_radiance += contrast * noise / noise.std()
        self.radiance = np.exp(log_radiance)
        self.sharpest_focus = (np.arange(width) * 3 // width).astype(np.float32) * np.ones((height, 1), np.float32)

    def seen(self, sigma_per_setting_px: float) -> np.ndarray:
        """Radiance as each of three focus settings sees it: [3, height, width, 3]."""
        blurred = [self.radiance] + [cv2.GaussianBlur(self.radiance, (0, 0), d * sigma_per_setting_px) for d in (1, 2)]
        columns = self.sharpest_focus[0].astype(int)
        return np.stack(
            [
                np.stack([blurred[abs(focus - setting)][:, x] for x, focus in enumerate(columns)], axis=1)
                for setting in range(3)
            ]
        )

    @staticmethod
    def response(exposure: np.ndarray) -> np.ndarray:
        """The camera's: rises from 0 to 1, middle grey at exposure 1."""
        return exposure / (exposure + 1)

    def photograph(self, radiance, exposure_stops, noise=0.002, dtype=np.uint8, seed=0) -> np.ndarray:
        """A frame of some radiance, with noise, in 8 or 16 bit or floating point."""
        ldr = self.response(radiance * 2.0**exposure_stops)
        ldr = np.clip(ldr + np.random.default_rng(seed).normal(0, noise, ldr.shape), 0, 1)
        return ldr.astype(np.float32) if dtype == np.float32 else np.rint(ldr * np.iinfo(dtype).max).astype(dtype)

    def log_error(self, log_radiance: np.ndarray, columns: slice = slice(None)) -> float:
        """Root mean square error of log radiance within some columns, but for one gain."""
        return float((log_radiance[:, columns] - np.log(self.radiance[:, columns])).std())


@pytest.fixture(scope="session")
def view() -> SyntheticView:
    return SyntheticView(96, 192)


@pytest.fixture(scope="session")
def tall_view() -> SyntheticView:
    return SyntheticView(512, 64)
