"""Scores of the pictures of one capture, the same as `ns-eval` gives for a run."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float

from benchmarks.compare_contenders import Entry, Subject
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.evaluation.hdr_metrics import align_radiance
from neucam_nerfstudio.evaluation.picture_scores import Yardstick, picture_scores, yardstick
from neucam_nerfstudio.rendering.display_tonemapping import picture_for_display


class Judge:
    """Scores pictures of one capture, and shows them."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @cached_property
    def yardstick(self) -> Yardstick:
        """What all pictures are measured against; read when first asked for."""
        return yardstick(self.subject.capture, PixelStore(self.subject.capture))

    def scores(self, entry: Entry) -> dict[str, float]:
        """All scores that an entry can have, by name; see `picture_scores`."""
        return picture_scores(entry.picture, entry.is_radiance, self.yardstick, entry.alignment)

    def displayed(self, entry: Entry) -> Float[np.ndarray, "height width 3"]:
        """Display values in [0, 1]: radiance aligned as for its scores, if it can be, and tone mapped."""
        truth = self.yardstick.radiance
        if not entry.is_radiance:
            return entry.picture
        if truth is None:
            return picture_for_display(entry.picture)
        return picture_for_display(align_radiance(entry.picture, truth, entry.alignment), like=truth)
