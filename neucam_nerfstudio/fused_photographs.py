"""What `neucam_nerfstudio.fuse` makes of photographs: to look at, to photograph again with other settings, to save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.all_in_focus import KnownFocus
from neucam_nerfstudio.classical.lens_blur import blur_by_lens
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.fused_files import FileOptions, FusedFiles, FusedOutput, is_one_file
from neucam_nerfstudio.imaging.colour_profiles import ColourPrimaries, told_primaries
from neucam_nerfstudio.imaging.image_files import BitDepth
from neucam_nerfstudio.imaging.large_pictures import in_strips
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata, name_of_source, read_metadata
from neucam_nerfstudio.imaging.radiance_files import Precision, said_of_size
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.rendering.display_tonemapping import (
    SMALLEST_RADIANCE,
    DisplayAnchors,
    DisplayOperator,
    display_anchors,
    tonemap,
)
from neucam_nerfstudio.stand import Stand


@dataclass(frozen=True)
class FusedPhotographs:
    """One picture of several photographs. All radiance and exposures share one scale, whose unit is free.

    Attributes:
        radiance: Linear radiance of the scene, all in focus, float32, RGB in the photographs' primaries. At 0 stops,
            `response` turns it into pixel values.
        defocus: The focus setting, counted from 0 and fractional, at which each pixel is sharpest; None where the
            photographs have one focus, or the scene moves.
        blur_per_setting_px: Standard deviation of the blur of a pixel one focus setting out of focus, half the radius
            of the disc that a lens makes; 0 with one focus setting.
        response: Of the camera: pixel value over ln radiance + ln 2 * stops.
        exposures: Of each photograph in stops, as given, or estimated.
        capture: What is known of the photographs. It names the files that were fused; of arrays it names none.
        training_notes: What training chose and found, a sentence each.
        confidence: How sure the picture is, [0, 1]: near 0 where no photograph is sharp, where all are black or white
            or none shows anything, and where they disagree; None where the scene moves.
    """

    radiance: Float[np.ndarray, "height width 3"] = field(repr=False)
    defocus: Float[np.ndarray, "height width"] | None = field(repr=False)
    blur_per_setting_px: float
    response: ResponseTable = field(repr=False)
    exposures: Float[np.ndarray, " photographs"]
    capture: Capture = field(repr=False)
    training_notes: tuple[str, ...] = field(default=(), repr=False)
    confidence: Float[np.ndarray, "height width"] | None = field(default=None, repr=False)

    @property
    def reference(self) -> int:
        """The photograph whose exposure, focus and moment count where none is given."""
        return self.capture.reference_position

    @property
    def stand(self) -> Stand:
        """How the photographs lie and are focused: the same for others from this stand, under another light."""
        focus = None if self.defocus is None else KnownFocus(self.defocus, self.blur_per_setting_px)
        return Stand(self.capture, focus)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What was chosen and estimated, a sentence each."""
        notes = [*self.capture.notes, *self.training_notes]
        if self.capture.exposures.source == "unknown":
            told = zip(self.capture.train_frames, self.exposures, strict=True)
            found = ", ".join(f"{frame.name} {stops:+.2f}" for frame, stops in told)
            notes.append(f"Exposures estimated, in stops: {found}.")
        if self.blur_per_setting_px > 0:
            notes.append(f"Blur: {2 * self.blur_per_setting_px:.1f} px in radius one focus setting out of focus.")
        return (*notes, *filter(None, (said_of_size(self.radiance), *self._colours[1:])))

    @cached_property
    def all_in_focus(self) -> Float[np.ndarray, "height width 3"]:
        """The sharp photograph, at the reference photograph's exposure: pixel values in [0, 1]."""
        return self.photograph(aperture=0.0)

    def photograph(
        self, *, focus: float | None = None, aperture: float = 1.0, exposure_stops: float | None = None
    ) -> Float[np.ndarray, "height width 3"]:
        """Photographs the scene again.

        Args:
            focus: Focus setting, counted from 0, also between and beyond them; None is the reference photograph's.
            aperture: 0 is all in focus, 1 as photographed; discs grow with it.
            exposure_stops: +1 is twice the light; None is the reference photograph's.

        Returns:
            Pixel values in [0, 1].

        Raises:
            NeucamError: The aperture is negative.
        """
        if not 0 <= aperture < np.inf:
            raise NeucamError(f"aperture: found {aperture:g}, expected 0 (all in focus), 1 (as photographed) or more.")
        stops = float(self.exposures[self.reference]) if exposure_stops is None else exposure_stops
        light = self.radiance
        if self.defocus is not None and aperture > 0:
            focus = self.capture.train_frames[self.reference].focus_index if focus is None else focus
            radius_px = np.float32(2 * self.blur_per_setting_px * aperture) * np.abs(self.defocus - np.float32(focus))
            light = blur_by_lens(light, radius_px)

        def develop(rows: Float[np.ndarray, "rows width 3"]) -> Float[np.ndarray, "rows width 3"]:
            return self.response.develop(np.log(np.maximum(rows, SMALLEST_RADIANCE)) + LN2 * stops)

        return in_strips(light, develop)

    def tone_mapped(
        self, operator: DisplayOperator = "reinhard", exposure_stops: float = 0.0
    ) -> Float[np.ndarray, "height width 3"]:
        """The whole scene, all in focus, as a display shows it.

        Args:
            operator: `reinhard` nearly keeps hues, `filmic` is a film's S-curve, `log` is logarithmic, `gamma` is one
                plain exposure, clipped.
            exposure_stops: Brightens the picture before the curve, +1 doubles the light.

        Returns:
            Display values in [0, 1].
        """
        return in_strips(self.radiance, lambda rows: tonemap(rows, operator, self.anchors, exposure_stops))

    def save(
        self,
        path: str | Path,
        *,
        bits: BitDepth | None = None,
        precision: Precision = "auto",
        outputs: Sequence[FusedOutput] | None = None,
    ) -> list[Path]:
        """Writes a file, whole or not at all, by its suffix; or several, into a folder.

        `.exr`, `.hdr` and `.dng` hold radiance. `.tif`, `.png` and `.jpg` hold a picture to look at: the sharp
        photograph, with the look of the others, where their exposures are one; the tone-mapped picture where they
        differ. `.glb` is the picture as a relief. `.exr` has `confidence` and the distance `Z` in metres, or `defocus`
        where no camera tells it, as channels of these names. A name without a suffix is a folder: `hdr.exr`,
        `all_in_focus_hdr.png`, `all_in_focus.png` of photographs of one exposure, `defocus.png` and the manifest
        `capture.json`.

        Args:
            path: File or folder; missing folders are made.
            bits: Depth of a PNG's or TIFF's sample; None is 16 for TIFF and 8 for PNG.
            precision: Size of an EXR's sample.
            outputs: What to write into a folder instead, by names of `FusedOutput`; the manifest is always there.

        Returns:
            The files that were written.

        Raises:
            NeucamError: The suffix is another one, or these photographs do not tell what is asked for.
            OSError: The file cannot be written.
        """
        path, options = Path(path), FileOptions(bits=bits, precision=precision)
        writers = self.writers(path, outputs, options)
        for file, write in writers.items():
            write(file)
        return list(writers)

    def writers(
        self, path: Path, outputs: Sequence[FusedOutput] | None = None, options: FileOptions | None = None
    ) -> dict[Path, Callable[[Path], None]]:
        """The files that `save` writes, and what writes each."""
        files = FusedFiles(self, options or FileOptions())
        if not is_one_file(path):
            return files.in_folder(path, outputs)
        if outputs is not None:
            raise NeucamError(f"{path}: is one file, and outputs are several. Give a folder.")
        return {path: files.of_suffix(path)}

    @property
    def _reference_file(self) -> Path:
        """Its path; there may be no such file, as of a frame of a video."""
        return self.capture.train_frames[self.reference].path

    @cached_property
    def anchors(self) -> DisplayAnchors:
        """The two radiances that fix how a display shows the scene."""
        return display_anchors(self.radiance)

    @cached_property
    def metadata(self) -> PhotographMetadata:
        """What the reference photograph's file says besides its pixels, true of pictures of this size."""
        return read_metadata(self._reference_file).at_size(self.capture.downscale_factor)

    @property
    def primaries(self) -> ColourPrimaries:
        """Of the radiance's R, G, B."""
        return self._colours[0]

    @cached_property
    def _colours(self) -> tuple[ColourPrimaries, str | None]:
        return told_primaries(self.metadata.icc_profile, name_of_source(self._reference_file))
