"""What `neucam_nerfstudio.fuse` makes of photographs: to look at, to photograph again with other settings, to save."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.manifest import MANIFEST_NAME, Capture
from neucam_nerfstudio.classical.lens_blur import blur_by_lens
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import (
    ColourPrimaries,
    primaries_of_profile,
    srgb_curve_profile,
    told_primaries,
)
from neucam_nerfstudio.imaging.exif_block import SOFTWARE
from neucam_nerfstudio.imaging.file_writing import unsupported
from neucam_nerfstudio.imaging.image_files import IMAGE_SUFFIXES, BitDepth, write_image
from neucam_nerfstudio.imaging.large_pictures import in_strips
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata, name_of_source, read_metadata
from neucam_nerfstudio.imaging.radiance_files import Precision, said_of_size, write_radiance
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.rendering.display_tonemapping import (
    SMALLEST_RADIANCE,
    DisplayAnchors,
    DisplayOperator,
    display_anchors,
    tonemap,
)

RADIANCE_SUFFIXES = (".exr", ".hdr", ".tif", ".tiff")
DISPLAY_SUFFIXES = tuple(suffix for suffix in IMAGE_SUFFIXES if suffix not in RADIANCE_SUFFIXES)

PictureFormat = Literal["png", "jpeg"]
PICTURE_SUFFIXES: dict[PictureFormat, str] = {"png": ".png", "jpeg": ".jpg"}


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
        return in_strips(self.radiance, lambda rows: tonemap(rows, operator, self._anchors, exposure_stops))

    def save(self, path: str | Path, *, bits: BitDepth = 8, precision: Precision = "auto") -> list[Path]:
        """Writes a file, whole or not at all, by its suffix; or all there is, into a folder.

        `.exr`, `.hdr` and `.tif` hold radiance, `.png` and `.jpg` the tone-mapped picture; `.exr` has the confidence as
        a channel of that name. A name without a suffix is a folder: `hdr.exr`,
        `all_in_focus_hdr.png`, `defocus.png` and the manifest `capture.json`.

        Args:
            path: File or folder; missing folders are made.
            bits: Depth of a PNG's sample.
            precision: Size of an EXR's sample.

        Returns:
            The files that were written.

        Raises:
            NeucamError: The suffix is another one.
            OSError: The file cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if path.is_dir() or not suffix:
            writers = self.writers(path, precision=precision)
            for file, write in writers.items():
                write(file)
            return list(writers)
        if suffix in RADIANCE_SUFFIXES:
            self._write_radiance(path, precision)
        elif suffix in DISPLAY_SUFFIXES:
            self._write_tone_mapped(path, "reinhard", bits)
        else:
            raise unsupported(path, "fused photographs", (*RADIANCE_SUFFIXES, *DISPLAY_SUFFIXES))
        return [path]

    def writers(
        self,
        folder: Path,
        *,
        picture_format: PictureFormat = "png",
        operator: DisplayOperator = "reinhard",
        precision: Precision = "auto",
    ) -> dict[Path, Callable[[Path], None]]:
        """The files that `save` writes into a folder, and what writes each."""
        picture = f"all_in_focus_hdr{PICTURE_SUFFIXES[picture_format]}"
        writers: dict[Path, Callable[[Path], None]] = {
            folder / "hdr.exr": partial(self._write_radiance, precision=precision),
            folder / picture: partial(self._write_tone_mapped, operator=operator),
        }
        if self.defocus is not None:
            writers[folder / "defocus.png"] = partial(self._write_defocus, defocus=self.defocus)
        writers[folder / MANIFEST_NAME] = self.capture.save
        return writers

    @property
    def _reference_file(self) -> Path:
        """Its path; there may be no such file, as of a frame of a video."""
        return self.capture.train_frames[self.reference].path

    @cached_property
    def _anchors(self) -> DisplayAnchors:
        return display_anchors(self.radiance)

    @cached_property
    def _metadata(self) -> PhotographMetadata:
        """What the reference photograph's file says besides its pixels."""
        return read_metadata(self._reference_file).at_size(self.capture.downscale_factor)

    @cached_property
    def _colours(self) -> tuple[ColourPrimaries, str | None]:
        return told_primaries(self._metadata.icc_profile, name_of_source(self._reference_file))

    def _write_radiance(self, path: Path, precision: Precision = "auto") -> None:
        attributes = {
            "software": SOFTWARE,
            "exposureReference": self.capture.exposure_reference(),
            "frameSettings": json.dumps(self._frame_settings()),
        }
        exif, channels = self._metadata.exif, {}
        if self.confidence is not None and path.suffix.lower() == ".exr":
            channels["confidence"] = self.confidence[..., None]
        write_radiance(path, self.radiance, precision, attributes, channels, self._colours[0], exif=exif)

    def _write_tone_mapped(self, path: Path, operator: DisplayOperator = "reinhard", bits: BitDepth = 8) -> None:
        profile, exif = self._metadata
        primaries = None if profile is None else primaries_of_profile(profile)
        shown_profile = None if primaries is None else srgb_curve_profile(primaries)
        picture = self.tone_mapped(operator)
        write_image(path, picture, bits, metadata=PhotographMetadata(shown_profile, exif))

    def _write_defocus(self, path: Path, defocus: Float[np.ndarray, "height width"]) -> None:
        """Black is the first focus setting, white the last; what is sharpest beyond them is clipped."""
        shown = (defocus / max(frame.focus_index for frame in self.capture.train_frames))[..., None]
        write_image(path, shown, metadata=PhotographMetadata(None, self._metadata.exif))

    def _frame_settings(self) -> list[dict[str, object]]:
        return [
            {"name": frame.name, "exposure_stops": round(float(stops), 4), "focus_setting": frame.focus_index}
            for frame, stops in zip(self.capture.train_frames, self.exposures, strict=True)
        ]
