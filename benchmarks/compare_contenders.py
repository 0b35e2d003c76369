"""Ways from a capture to one picture: trained models, OpenCV, and other people's programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from benchmarks.commands import FinishedRun, Measurement, Training, run_measured, script
from benchmarks.compare_classical import Photographs
from benchmarks.focus_stackers import FOCUS_STACKERS, FocusStacker, FocusStackFiles, installed, together
from benchmarks.focus_stackers import enfuse as fuse_focus_by_enfuse
from benchmarks.moving_classical import eight_bit
from neucam_nerfstudio.camera.exposure.exposures import exposures_differ
from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.assignment import TOLD_A_FRAME, FrameKind
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.photometry import WHITE_LEVEL

Method = Literal["neucam", "neucam-multifocus", "neucam-hdr", "neucam-deblur", "neucam-hdr-video"]
FRAME_KINDS: dict[str, FrameKind] = {
    "neucam-multifocus": "focus-stack",
    **dict.fromkeys(("neucam-hdr", "neucam-deblur", "neucam-hdr-video"), "moments"),
}
"""What methods take frames for, other than settings of a still scene."""


@dataclass(frozen=True)
class Entry:
    """A picture and what it took.

    Attributes:
        picture: Linear radiance, or display values in [0, 1].
        is_radiance: Which of the two.
        alignment: How radiance is aligned to ground truth.
        measurement: None where nothing ran.
        steps: Training steps, where they were told.
    """

    picture: Float[np.ndarray, "height width 3"]
    is_radiance: bool
    alignment: Alignment
    measurement: Measurement | None
    steps: int | None = None


@dataclass(frozen=True)
class Subject:
    """A capture to compare on.

    Attributes:
        capture: All its frames are training frames.
        method: Of ours.
    """

    capture: Capture
    method: Method

    @property
    def name(self) -> str:
        """The capture's, for the table."""
        return self.capture.data.name

    @property
    def knows_exposures(self) -> bool:
        """Whether the photographs' exposures were told."""
        return self.capture.exposures.source in TOLD_A_FRAME

    @property
    def has_bracket(self) -> bool:
        """Whether its photographs differ in exposure."""
        return len(self.capture.exposures.stops) > 1

    @cached_property
    def photographs(self) -> Photographs:
        """What the classical ways get: everything of a still scene, the reference frame and its neighbours else."""
        indices = range(len(self.capture.frames))
        if self.capture.moves:
            indices = [i for i in indices if abs(i - self.capture.reference_index) <= 1]
        return self._photographs_at(indices)

    @property
    def focus_stack(self) -> Photographs:
        """The photographs at the reference frame's exposure: what a focus stacker takes."""
        frames, wanted = self.capture.frames, self.capture.frames[self.capture.reference_index].exposure_index
        return self._photographs_at([i for i, frame in enumerate(frames) if frame.exposure_index == wanted])

    def _photographs_at(self, indices: Sequence[int]) -> Photographs:
        return Photographs(
            pixels=eight_bit(PixelStore(self.capture).stack(indices)),
            focus_index=np.array([0 if self.capture.moves else self.capture.frames[i].focus_index for i in indices]),
            exposure_stops=np.array([self.capture.exposure_stops(i) for i in indices], np.float32),
            reference=list(indices).index(self.capture.reference_index),
        )


def open_subject(data: Path, method: Method | None) -> Subject:
    """Reads a capture; without a method its photographs tell which: they are of a still scene then.

    Raises:
        NeucamError: The capture cannot be used.
    """
    capture = open_capture(data.resolve(), frames=FRAME_KINDS.get(method, "settings"))[0]
    if method is None:
        method = "neucam" if len(capture.exposures.stops) > 1 else "neucam-multifocus"
    return Subject(capture, method)


Contender = Callable[[Path], Entry]
"""Makes its entry in a folder of its own."""


def trained(subject: Subject, method: str, alignment: Alignment, iterations: int | None) -> Contender:
    """A model that `ns-train` trains; what is measured is that command."""

    def make(folder: Path) -> Entry:
        run, measurement = Training(method, subject.capture.data, iterations=iterations).run(folder)
        return _picture_of_run(subject, run, alignment, measurement, iterations)

    return make


def imported(subject: Subject, checkpoint: Path) -> Contender:
    """A checkpoint of the released code; what is measured is `neucam-import`, as its training was elsewhere."""

    def make(folder: Path) -> Entry:
        command = [script("neucam-import"), checkpoint.resolve(), "--data", subject.capture.data]
        measurement = run_measured([*command, "--output-dir", folder / "runs"], folder / "import.log")
        (config,) = (folder / "runs").rglob("config.yml")
        return _picture_of_run(subject, FinishedRun(config, folder), "affine", measurement)

    return make


def classical_contenders(subject: Subject) -> dict[str, Contender]:
    """OpenCV's ways, by name, that the photographs allow."""
    contenders = {}
    if subject.has_bracket and subject.knows_exposures:
        for name, way in _merges(subject).items():
            contenders[name] = _classical(subject.photographs, way, is_radiance=True)
    if subject.has_bracket:
        contenders["OpenCV (MTB, Mertens)"] = _classical(subject.photographs, "mertens")
    if not subject.capture.moves and len(np.unique(subject.focus_stack.focus_index)) > 1:
        contenders["Laplacian focus fusion"] = _classical(subject.focus_stack, "focus-fusion")
    if not contenders:
        contenders["the photograph itself"] = lambda folder: Entry(
            reference_photograph(subject), False, "scale", measurement=None
        )
    return contenders


def other_programs(subject: Subject) -> dict[str, Contender]:
    """Programs of others, by name, that the photographs allow."""
    programs: dict[str, Contender] = {}
    if len(subject.photographs.pixels) > 1 and (subject.has_bracket or not subject.capture.moves):
        programs["enfuse"] = lambda folder: _enfuse(subject.photographs, folder)
    if not subject.capture.moves and len(np.unique(subject.focus_stack.focus_index)) > 1:
        others = {name: fuse for name, fuse in FOCUS_STACKERS.items() if name not in programs}
        programs |= {name: _focus_stacker(fuse, subject.focus_stack) for name, fuse in others.items()}
    return programs


def reference_photograph(subject: Subject) -> Float[np.ndarray, "height width 3"]:
    """The reference frame's display values in [0, 1]."""
    pixels = PixelStore(subject.capture).whole(subject.capture.reference_index)
    return pixels / WHITE_LEVEL[pixels.dtype]


def _picture_of_run(
    subject: Subject, run: FinishedRun, alignment: Alignment, measurement: Measurement, steps: int | None = None
) -> Entry:
    """The scene at the reference frame's moment: radiance, or where there is but one exposure a photograph.

    The same that `ns-eval` scores as `reference_*`.
    """
    if exposures_differ(subject.capture):
        return Entry(run.radiance(), True, alignment, measurement, steps)
    return Entry(read_sharp(run.all_in_focus()), False, alignment, measurement, steps)


def _merges(subject: Subject) -> dict[str, str]:
    if not subject.capture.moves:
        return {"OpenCV (Debevec)": "debevec", "OpenCV (Robertson)": "robertson"}
    return {
        "OpenCV (MTB, Debevec)": "mtb-debevec",
        "OpenCV (MTB, Robertson)": "mtb-robertson",
        "OpenCV (flow, Debevec)": "flow-debevec",
    }


def _classical(photographs: Photographs, way: str, is_radiance: bool = False) -> Contender:
    def make(folder: Path) -> Entry:
        folder.mkdir(parents=True, exist_ok=True)
        given, made = folder / "photographs.npz", folder / "picture.npy"
        photographs.save(given)
        command = [sys.executable, "-m", "benchmarks.compare_classical", given, way, made]
        measurement = run_measured(command, folder / "log.txt")
        return Entry(np.load(made), is_radiance, "scale", measurement)

    return make


def _enfuse(photographs: Photographs, folder: Path) -> Entry:
    """Each focus's bracket fused by exposure, then these by contrast."""
    program = installed("enfuse")
    stages = []
    fused = []
    for index in np.unique(photographs.focus_index):
        files = write_photographs(photographs.pixels[photographs.focus_index == index], folder / f"focus-{index}")
        fused.append(files[0])
        if len(files) > 1:
            fused[-1] = folder / f"focus-{index}.tif"
            command = [program, f"--output={fused[-1]}", *files]
            stages.append(run_measured(command, folder / f"focus-{index}.log"))
    if len(fused) > 1:
        picture, measurement = fuse_focus_by_enfuse(FocusStackFiles(fused), folder)
        fused, stages = [picture], [*stages, measurement]
    return Entry(read_sharp(fused[0]), False, "scale", together(stages))


def _focus_stacker(fuse: FocusStacker, photographs: Photographs) -> Contender:
    """A program given the photographs as we have aligned them."""

    def make(folder: Path) -> Entry:
        files = write_photographs(photographs.pixels, folder / "given")
        picture, measurement = fuse(FocusStackFiles(files), folder)
        return Entry(read_sharp(picture), False, "scale", measurement)

    return make


def write_photographs(pixels: np.ndarray, folder: Path) -> list[Path]:
    """PNG files for programs that read files."""
    files = [folder / f"{number:03d}.png" for number in range(len(pixels))]
    for file, photograph in zip(files, pixels, strict=True):
        write_image(file, photograph / 255)
    return files
