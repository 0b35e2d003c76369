"""`neucam-export images`: pictures as a camera or a display would show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from neucam_nerfstudio.camera.settings import Display, ToneMapping
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import BitDepth, quantised, write_image
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata, TurnedDial, name_of_source
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.path_settings import LensSettings
from neucam_nerfstudio.scripts.export.dials import DIAL_OF_OPTION, check_picture_dials, said_of_keyframes
from neucam_nerfstudio.scripts.export.options import (
    Moment,
    PictureCommand,
    check_display_outputs,
    check_size,
    chosen_moments,
    reduced,
)
from neucam_nerfstudio.scripts.export.photograph_colours import kept_metadata, profile_of_output
from neucam_nerfstudio.scripts.export.trained_run import num_strips, render
from neucam_nerfstudio.scripts.run_command import announced, progress, say

ImageFormat = Literal["png", "jpeg", "tiff"]
SUFFIXES: dict[ImageFormat, str] = {"png": ".png", "jpeg": ".jpg", "tiff": ".tiff"}


@dataclass
class ExportImages(PictureCommand):
    """Writes display-ready outputs of the model, one file each, at the focus, aperture and exposure you dial.

    They keep the EXIF, and in the photographs' colours the colour profile, of the photograph whose settings they have:
    the chosen frame's, of a chosen time the nearest frame's, else the reference frame's. Of the EXIF, what a dial that
    you turn makes untrue is left out: exposure time and ISO, f-number, or focus distance.
    """

    rendered_output_names: tuple[str, ...] = ("all_in_focus_hdr", "all_in_focus", "rgb")
    """Outputs to write, such as all_in_focus_hdr, all_in_focus, rgb or defocus."""
    image_format: ImageFormat = "png"
    """File type."""
    bits: BitDepth = 8
    """Depth of a PNG's or TIFF's sample."""
    jpeg_quality: int | None = None
    """From 1 to 100. Default: 95."""
    focus_position: float | None = None
    """Focus dial, on the learned scale of one view (the captured settings lie around -1 to 1). Default: the frame's."""
    aperture: float | None = None
    """Factor on the blur: 0 is all in focus, 1 as captured. Default: 1."""
    exposure_stops: float | None = None
    """Exposure dial in stops, +1 doubles the light. Default: the frame's or the path's."""
    tone_mapping: ToneMapping | None = None
    """How HDR outputs are brought to the display. Default: reinhard."""

    def main(self) -> None:
        """Turns the dials, renders and writes the files."""
        self._check_format()
        run = self.open_run()
        outputs, aperture = self.rendered_output_names, 1.0 if self.aperture is None else self.aperture
        check_display_outputs(run, outputs)
        given = {name: getattr(self, name) for name in DIAL_OF_OPTION}
        check_picture_dials(run, outputs, given, aperture, self.frames)
        moments = chosen_moments(run, self.frames, self.time, self.camera_path)
        view = moments[0].view_in(run)
        check_size(run.capture if self.camera_path is None else view, self.width_px, self.image_format)
        if (idle := said_of_keyframes(run, [moment.lens for moment in moments], outputs, aperture)) is not None:
            say(idle)
        metadata = self._kept_metadata(run, moments)
        as_kept = partial(quantised, bits=self.bits) if self.width_px is None else np.asarray
        display = Display(self.tone_mapping or "reinhard")
        own = LensSettings(self.focus_distance_m, self.f_number, self.exposure_stops)
        with progress("Rendering pictures", len(moments) * num_strips(run, view)) as advance:
            for moment, of_photograph in zip(moments, metadata, strict=True):
                settings = replace(
                    moment.settings, aperture=aperture, focus_position=self.focus_position, display=display
                )
                settings, view = run.turned_to(settings, own.over(moment.lens)), moment.view_in(run)
                for name, picture in render(run, outputs, settings, advance, as_kept, view).items():
                    suffix = f"{moment.suffix}{SUFFIXES[self.image_format]}"
                    profile = profile_of_output(run, name, of_photograph.icc_profile)
                    kept = PhotographMetadata(profile, of_photograph.exif)
                    with announced(self.output_path / f"{name}{suffix}") as path:
                        write_image(path, reduced(picture, self.width_px), self.bits, self.jpeg_quality or 95, kept)

    def _check_format(self) -> None:
        """Refuses a depth or quality that the file type does not have."""
        if self.image_format == "jpeg" and self.bits == 16:
            raise NeucamError("--bits 16: JPEG has 8 bits a sample. Use --image-format png or tiff.")
        quality = self.jpeg_quality
        if quality is not None and self.image_format != "jpeg":
            raise NeucamError(f"--jpeg-quality {quality}: {self.image_format} loses nothing. Use --image-format jpeg.")
        if quality is not None and not 1 <= quality <= 100:
            raise NeucamError(f"--jpeg-quality {quality}: expected from 1 to 100.")

    def _kept_metadata(self, run: LearnedCapture, moments: Sequence[Moment]) -> list[PhotographMetadata]:
        """What each picture keeps of a photograph, and says so."""
        capture = run.capture
        changed: dict[TurnedDial, bool] = {
            "focus": self.focus_position is not None or self.focus_distance_m is not None,
            "aperture": self.aperture not in (None, 1.0) or self.f_number is not None,
            "exposure": self.exposure_stops is not None,
        }
        turned: list[TurnedDial] = [dial for dial, is_changed in changed.items() if is_changed]
        is_elsewhere = moments[0].view is not None
        of_frame = {
            frame: kept_metadata(capture, frame, self.width_px, turned, is_elsewhere)
            for frame in {moment.frame_index: None for moment in moments}
        }
        metadata = [of_frame[moment.frame_index] for moment in moments]
        kept = {
            "colour profile": any(photograph.icc_profile is not None for photograph in metadata),
            "EXIF": any(photograph.exif is not None for photograph in metadata),
        }
        if found := [what for what, is_kept in kept.items() if is_kept]:
            first = name_of_source(capture.frames[moments[0].frame_index].path)
            whose = first if len(of_frame) == 1 else f"each of the {len(moments)} photographs"
            without = f", but not what the dials have changed: {', '.join(turned)}" if turned else ""
            say(f"Keeping the {' and '.join(found)} of {whose}{without if kept['EXIF'] else ''}.")
        return metadata
