"""One capture made, in a worker's process: fused or learned, scored, and written beside where its result will be."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.fused_photographs import FusedPhotographs
from neucam_nerfstudio.imaging.image_files import quantised
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.scripts.batch.stands import StandJob, find_stand
from neucam_nerfstudio.scripts.batch.told_settings import ToldSettings, settings_of
from neucam_nerfstudio.scripts.fuse import FuseOptions
from neucam_nerfstudio.stand import Stand

THUMBNAIL_PX = 320
"""Longer side of a picture on the report page: about 15 kB each, so a thousand of them are 15 MB."""
THUMBNAIL_QUALITY = 82
"""Of its JPEG, of 100."""

MethodName = Literal["neucam", "neucam-multifocus", "neucam-hdr", "neucam-deblur", "neucam-hdr-video"]


@dataclass(kw_only=True)
class CaptureOptions(FuseOptions):
    """What is done with each capture."""

    method: MethodName | None = None
    """Learn by this method, as ns-train would, instead of fusing; it says itself what its frames are."""

    share_alignment: bool = False
    """Captures from one stand, under several lights, share one alignment and one choice of focus, found on the mean of
    all lights: their results register pixel by pixel."""

    @property
    def learning_method(self) -> str:
        """What learns such frames."""
        return self.method or super().learning_method


@dataclass(frozen=True)
class Job:
    """One capture to be made.

    Attributes:
        data: What to open.
        unfinished: Folder to write to; it is not there yet.
        options: How.
        budget_bytes: Memory that fusing may take; None lets it choose.
        stand: Folder of the stand that it shares with others, see `Stand`; None if it shares none.
    """

    data: Path
    unfinished: Path
    options: CaptureOptions
    budget_bytes: int | None = None
    stand: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        reason: Why it failed; None if it did not.
        traceback: Where it failed, if that is no fault of the photographs or options.
        seconds: From start to end.
        cpu_seconds: Of all the worker's threads meanwhile.
        scores: By name; see `scores_of`.
        settings: Of the frames, as they were found.
        notes: What was chosen and found, a sentence each.
        files: Names of what was written.
        picture: The one of them to look at.
        thumbnail: That, small, as a JPEG.
    """

    reason: str | None = None
    traceback: str | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    settings: ToldSettings | None = None
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    picture: str = ""
    thumbnail: bytes = field(default=b"", repr=False)


def make(job: Job | StandJob) -> Outcome:
    """Makes a capture, or finds out a stand; whatever goes wrong is an outcome, too, and writes nothing."""
    start, cpu_start = time.perf_counter(), time.process_time()
    limit_threads()
    shutil.rmtree(job.unfinished, ignore_errors=True)  # of a worker that died over it
    try:
        outcome = _stand_found(job) if isinstance(job, StandJob) else _made(job)
    except NeucamError as error:
        outcome = Outcome(reason=str(error))
    except OSError as error:
        outcome = Outcome(reason=f"{error.filename}: {error.strerror}." if error.filename else str(error))
    except MemoryError:
        outcome = Outcome(reason="There was not enough memory. Give fewer --workers, or --downscale-factor 2.")
    except Exception as error:  # noqa: BLE001 - one capture never stops the others
        said = f"{type(error).__name__}: {error}. This is an error of the program; please report it."
        outcome = Outcome(reason=said, traceback=traceback.format_exc())
    return replace(outcome, seconds=time.perf_counter() - start, cpu_seconds=time.process_time() - cpu_start)


def limit_threads() -> None:
    """Has OpenCV take as many threads as this process is told, so that workers do not starve one another."""
    import cv2

    if (told := os.environ.get("OMP_NUM_THREADS", "")).isdecimal():
        cv2.setNumThreads(int(told))


def _stand_found(job: StandJob) -> Outcome:
    find_stand(job)
    return Outcome()


def _made(job: Job) -> Outcome:
    options, stand = job.options, None if job.stand is None else Stand.load(job.stand)
    fused = options.fused(job.data, lambda share_done: None, job.budget_bytes, stand=stand)
    job.unfinished.mkdir(parents=True)  # a folder, whatever dots its name has
    writers = options.writers(fused, job.unfinished)
    for file, write in writers.items():
        write(file)
    names = sorted(path.name for path in job.unfinished.iterdir())
    shown = [file.name for file in writers if file.name.startswith("all_in_focus")]
    return Outcome(
        scores=scores_of(fused),
        settings=settings_of(fused.capture),
        notes=fused.notes,
        files=tuple(names),
        picture=shown[0] if shown else "",
        thumbnail=thumbnail_of(fused, options),
    )


def scores_of(fused: FusedPhotographs) -> dict[str, float]:
    """Scores against the capture's ground truth where there is any, by `hdr_scores` and `ldr_scores`; and the mean
    confidence of a still scene's picture."""
    capture, scores = fused.capture, {}
    if fused.confidence is not None:
        scores["mean_confidence"] = float(fused.confidence.mean())
    truth, sharp = capture.radiance_truth[capture.reference_index], capture.sharp_truth[capture.reference_index]
    if truth is not None:
        from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores

        alignment = "affine" if capture.known_train_stops is None else "scale"
        scores |= hdr_scores(fused.radiance, read_radiance(truth, capture.downscale_factor), alignment)
    if sharp is not None:
        from neucam_nerfstudio.evaluation.ldr_metrics import ldr_scores

        of_sharp = ldr_scores(fused.all_in_focus, read_sharp(sharp, capture.downscale_factor))
        scores |= {f"{name}_sharp": score for name, score in of_sharp.items()}
    return {name: score for name, score in scores.items() if np.isfinite(score)}


def thumbnail_of(fused: FusedPhotographs, options: FuseOptions) -> bytes:
    """The tone-mapped picture as a small JPEG: light is averaged, then toned."""
    import cv2

    small = replace(fused, radiance=_reduced(fused.radiance), defocus=None, confidence=None)
    shown = quantised(small.tone_mapped(options.tone_mapping), 8)
    _, encoded = cv2.imencode(
        ".jpg", np.ascontiguousarray(shown[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY]
    )
    return encoded.tobytes()


def _reduced(radiance: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "_ _ 3"]:
    import cv2

    height, width, _ = radiance.shape
    factor = max(height, width) / THUMBNAIL_PX
    if factor <= 1:
        return radiance
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    return cv2.resize(radiance, size, interpolation=cv2.INTER_AREA)
