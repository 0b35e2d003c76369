"""Scores of one picture of a capture: against ground truth where there is any, and always as a fusion."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.compare_contenders import Entry, Subject, reference_photograph
from neucam_nerfstudio.capture.ground_truth import read_radiance, read_sharp
from neucam_nerfstudio.evaluation.alignment import align_radiance
from neucam_nerfstudio.evaluation.flip import flip_of_pictures, flip_of_radiance
from neucam_nerfstudio.evaluation.fusion_metrics import edge_preservation, grey, mef_ssim, tenengrad
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import ldr_scores
from neucam_nerfstudio.rendering.display_tonemapping import display_anchors, tonemap


class Judge:
    """Scores pictures of one capture.

    As fusions, pictures are compared with all photographs of a still scene. Where something moves, only the reference
    frame shows what the picture should: the others' edges lie elsewhere.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def scores(self, entry: Entry) -> dict[str, float]:
        """All scores that an entry can have, by name.

        Radiance gets those of `hdr_scores`, as `ns-eval` does, and HDR-FLIP as `flip`, against true radiance; a display
        picture gets `psnr_sharp`, `ssim_sharp` and LDR-FLIP as `flip` against a true sharp photograph. All get
        `mef_ssim`, `q_abf` and `tenengrad`.
        """
        fused = grey(shown(entry.picture) if entry.is_radiance else entry.picture)
        return self._scores_by_truth(entry) | {
            "mef_ssim": mef_ssim(fused, self._fusion_sources),
            "q_abf": edge_preservation(fused, self._fusion_sources),
            "tenengrad": tenengrad(fused),
        }

    @cached_property
    def radiance(self) -> Float[np.ndarray, "height width 3"] | None:
        """True radiance at the reference frame, or None."""
        capture = self.subject.capture
        path = capture.radiance_truth[capture.reference_index]
        return None if path is None else read_radiance(path, capture.downscale_factor)

    @cached_property
    def sharp(self) -> Float[np.ndarray, "height width 3"] | None:
        """The reference frame as a photograph without blur, or None."""
        capture = self.subject.capture
        path = capture.sharp_truth[capture.reference_index]
        return None if path is None else read_sharp(path, capture.downscale_factor)

    def displayed(self, entry: Entry) -> Float[np.ndarray, "height width 3"]:
        """Display values in [0, 1]: radiance aligned as for its scores, if it can be, and tone mapped."""
        if not entry.is_radiance:
            return entry.picture
        if self.radiance is None:
            return shown(entry.picture)
        return shown(align_radiance(entry.picture, self.radiance, entry.alignment), like=self.radiance)

    def _scores_by_truth(self, entry: Entry) -> dict[str, float]:
        if entry.is_radiance and self.radiance is not None:
            flip = flip_of_radiance(entry.picture, self.radiance, entry.alignment)
            return hdr_scores(entry.picture, self.radiance, entry.alignment) | {"flip": flip}
        if not entry.is_radiance and self.sharp is not None:
            scores = ldr_scores(entry.picture, self.sharp)
            flip = flip_of_pictures(entry.picture, self.sharp)
            return {"psnr_sharp": scores["psnr"], "ssim_sharp": scores["ssim"], "flip": flip}
        return {}

    @cached_property
    def _fusion_sources(self) -> list[Float[np.ndarray, "height width"]]:
        if self.subject.capture.moves:
            return [grey(reference_photograph(self.subject))]
        return [grey(photograph / 255) for photograph in self.subject.photographs.pixels]


def shown(
    radiance: Float[np.ndarray, "height width 3"], like: Float[np.ndarray, "height width 3"] | None = None
) -> Float[np.ndarray, "height width 3"]:
    """Radiance as the viewer shows it by default, with the key and white of `like`; without, with its own."""
    values, keyed = (
        torch.from_numpy(np.ascontiguousarray(picture, np.float32)).clamp(min=0)
        for picture in (radiance, radiance if like is None else like)
    )
    return tonemap(values, "reinhard", display_anchors(keyed)).numpy()
