"""`neucam-export hdr`: the scene's linear radiance."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.camera.response.response import LinearResponse
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import ColourPrimaries, conversion_to_srgb, srgb_curve_profile
from neucam_nerfstudio.imaging.dng_files import (
    MIDDLE_PIXEL_VALUE,
    PREVIEW_PX,
    dng_scale,
    white_of_reference,
    write_dng,
)
from neucam_nerfstudio.imaging.exif_block import SOFTWARE, Exif
from neucam_nerfstudio.imaging.hdr_display_files import import_pyvips, write_hdr_picture
from neucam_nerfstudio.imaging.image_files import quantised
from neucam_nerfstudio.imaging.photograph_metadata import TurnedDial
from neucam_nerfstudio.imaging.radiance_files import Precision, said_of_size, write_radiance
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.photometry import MIDDLE_GREY
from neucam_nerfstudio.rendering.display_tonemapping import picture_for_display
from neucam_nerfstudio.rendering.path_settings import LensSettings
from neucam_nerfstudio.scripts.export.dials import check_picture_dials, said_of_keyframes
from neucam_nerfstudio.scripts.export.options import PictureCommand, check_size, chosen_moments, reduced
from neucam_nerfstudio.scripts.export.photograph_colours import kept_metadata, photograph_primaries
from neucam_nerfstudio.scripts.export.response import response_table
from neucam_nerfstudio.scripts.export.trained_run import (
    LearnedFrame,
    exposure_source,
    learned_frames,
    num_strips,
    render,
)
from neucam_nerfstudio.scripts.run_command import announced, progress, say

RadianceFormat = Literal["exr", "dng", "hdr", "tiff", "ultrahdr", "png", "avif"]

SUFFIXES: dict[RadianceFormat, str] = {"ultrahdr": ".jpg"}
"""Where it is not the format's name."""
FOR_BRIGHT_DISPLAYS: tuple[RadianceFormat, ...] = ("ultrahdr", "png", "avif")

Picture = Float[np.ndarray, "height width _"]


@dataclass
class ExportHdr(PictureCommand):
    """Writes the all-in-focus scene as linear radiance: hdr.exr, or for a bright display; of a path, hdr_00000.exr, ...

    Colours are those of the reference photograph's colour profile, Rec. 709 without one: EXR, Radiance HDR and TIFF
    say so, files for bright displays are converted to what these show. Camera, lens, time, settings and scale are those
    of its EXIF: attributes of an EXR, tags of the other files.
    """

    image_format: RadianceFormat = "exr"
    """exr: OpenEXR, with metadata and further channels. dng: linear DNG, which programs that develop RAW files open, at
    first as bright as the reference photograph. hdr: Radiance HDR (8 bits a colour, a shared exponent). tiff: linear,
    16 bits, 65535 for the largest radiance, with a colour profile. For bright displays, scaled so that the scene's grey
    is shown as middle grey: ultrahdr (a JPEG with a gain map, which others show as an ordinary one; takes pip install
    'neucam-nerfstudio[ultrahdr]'), png (16 bits, PQ) and avif (10 bits, PQ)."""
    precision: Precision | None = None
    """Size of an EXR sample: half is 16 bits, float 32. Default: auto, which is half where radiance fits into it. A DNG
    has 16-bit integers by default, which keep 5 stops above the photograph's white, or floats, which keep all."""
    channels: tuple[str, ...] = ()
    """Other outputs that the EXR file holds as channels of that name, such as defocus or opacity."""
    aperture: float = 0.0
    """Factor on the blur: 0 is all in focus, 1 as captured."""
    focus_position: float | None = None
    """Focus dial for an aperture above 0, on the learned scale of one view. Default: the frame's."""
    display_exposure_stops: float = 0.0
    """Brightens what is made for bright displays, +1 doubles the light; radiance itself stays as it is."""

    def main(self) -> None:
        """Renders and writes the files."""
        run = self.open_run()
        self._check_format_options(run)
        outputs, aperture = (self._radiance_name, *self.channels), 1.0 if self.f_number is not None else self.aperture
        given = {name: getattr(self, name) for name in ("focus_position", "focus_distance_m", "f_number")}
        check_picture_dials(run, outputs, {**given, "aperture": self.aperture or None}, aperture, self.frames)
        moments = chosen_moments(run, self.frames, self.time, self.camera_path)
        view = moments[0].view_in(run)
        check_size(run.capture if self.camera_path is None else view, self.width_px, self.image_format)
        if (idle := said_of_keyframes(run, [moment.lens for moment in moments], outputs, aperture)) is not None:
            say(idle)
        primaries = photograph_primaries(run.capture)
        changed: dict[TurnedDial, bool] = {
            "aperture": self.aperture not in (0.0, 1.0) or self.f_number is not None,
            "focus": self.focus_position is not None or self.focus_distance_m is not None,
        }
        held: list[TurnedDial] = [dial for dial, is_changed in changed.items() if is_changed]
        suffix = SUFFIXES.get(self.image_format, f".{self.image_format}")
        with progress("Rendering radiance", len(moments) * num_strips(run, view)) as advance:
            for moment in moments:
                settings = replace(moment.settings, aperture=aperture, focus_position=self.focus_position)
                lens = LensSettings(self.focus_distance_m, self.f_number).over(moment.lens)
                settings, view = run.turned_to(settings, lens), moment.view_in(run)
                pictures = render(run, outputs, settings, advance, view=view)
                pictures = {name: reduced(picture, self.width_px) for name, picture in pictures.items()}
                is_elsewhere = moment.view is not None
                kept = kept_metadata(run.capture, moment.frame_index, self.width_px, held, is_elsewhere)
                with announced(self.output_path / f"hdr{moment.suffix}{suffix}") as path:
                    self._write(path, run, pictures, primaries, kept.exif)

    @property
    def _radiance_name(self) -> str:
        return "hdr" if self.aperture == 0 and self.f_number is None else "hdr_defocused"

    def _check_format_options(self, run: LearnedCapture) -> None:
        """Refuses what the format, its library or the model does not have."""
        if self.image_format == "ultrahdr":
            import_pyvips()
        if self.precision is not None and self.image_format not in ("exr", "dng"):
            raise NeucamError(f"--precision {self.precision}: {self.image_format} has a precision of its own. Use exr.")
        if self.channels and self.image_format != "exr":
            raise NeucamError(f"--image-format {self.image_format}: has no place for further channels. Use exr.")
        stops = self.display_exposure_stops
        if stops != 0 and self.image_format not in FOR_BRIGHT_DISPLAYS:
            formats = ", ".join(FOR_BRIGHT_DISPLAYS)
            raise NeucamError(
                f"--display-exposure-stops {stops:g}: {self.image_format} holds radiance as it is. Use {formats}."
            )
        outputs = run.renderer.output_names()
        for name in self.channels:
            if name == self._radiance_name:
                raise NeucamError(f"--channels {name}: is what the file's R, G and B are. Leave it out.")
            if name not in outputs:
                raise NeucamError(f"--channels {name}: this model has no such output; it has {', '.join(outputs)}.")

    def _write(
        self,
        path: Path,
        run: LearnedCapture,
        pictures: dict[str, Picture],
        primaries: ColourPrimaries,
        exif: Exif | None,
    ) -> None:
        radiance = pictures.pop(self._radiance_name)
        if self.image_format in FOR_BRIGHT_DISPLAYS:
            # Light with the scene's grey at middle grey of a diffuse white of 1, in the radiance's own memory.
            radiance *= MIDDLE_GREY / float(run.renderer.anchors().key) * 2.0**self.display_exposure_stops
            write_hdr_picture(path, radiance, primaries, exif)
        elif self.image_format == "dng":
            scale = dng_scale(float(radiance.max()), reference_white(run), self.precision or "auto")
            write_dng(path, radiance, scale, _preview(radiance, primaries), primaries, exif)
        else:
            precision = self.precision or "auto"
            if precision == "auto" and self.image_format == "exr" and (said := said_of_size(radiance)):
                say(said)
            write_radiance(path, radiance, precision, radiance_attributes(run), pictures, primaries, exif)


def reference_white(run: LearnedCapture) -> float:
    """Radiance that is white in the reference photograph, as its middle tones tell."""
    table, capture = response_table(run), run.capture
    middle = [np.interp(MIDDLE_PIXEL_VALUE, table.ldr[:, channel], table.log_exposure) for channel in range(3)]
    stops = float(run.camera.exposures.stops[capture.frames[capture.reference_index].exposure_index])
    is_linear = capture.linear_light or isinstance(run.camera.response, LinearResponse)
    return white_of_reference(float(np.mean(middle)), stops, is_linear)


def _preview(radiance: Picture, primaries: ColourPrimaries) -> UInt8[np.ndarray, "height width 3"]:
    """The tone-mapped picture in sRGB, as browsers of files show it."""
    height, width, _ = radiance.shape
    small = reduced(radiance, min(width, max(1, PREVIEW_PX * width // max(height, width))))
    return conversion_to_srgb(srgb_curve_profile(primaries))(quantised(picture_for_display(small), 8))


def radiance_attributes(run: LearnedCapture) -> dict[str, str]:
    """What a file says of where its radiance comes from; `frameSettings` is JSON."""
    return {
        "software": SOFTWARE,
        "exposureReference": run.capture.exposure_reference(exposure_source(run)),
        "frameSettings": json.dumps([_told(frame) for frame in learned_frames(run)]),
    }


def _told(frame: LearnedFrame) -> dict[str, str | float | None]:
    """A frame's settings for JSON, which has no infinity; what captures of one view do not have is left out."""
    told = frame._asdict()
    if frame.focus_distance_m is None and frame.f_number is None:
        return {name: told[name] for name in ("name", "exposure_stops", "focus_position")}
    return {name: None if value == math.inf else value for name, value in told.items()}
