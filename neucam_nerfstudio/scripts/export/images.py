"""`neucam-export images`: pictures as a camera or a display would show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neucam_nerfstudio.capture.capture import Capture
from neucam_nerfstudio.rendering.display_tonemapping import ToneMapping
from neucam_nerfstudio.rendering.image_files import NOTHING_KEPT, BitDepth, write_image
from neucam_nerfstudio.rendering.photograph_metadata import PhotographMetadata, read_metadata
from neucam_nerfstudio.scripts.export.options import (
    PictureCommand,
    check_display_outputs,
    check_width,
    chosen_moments,
    reduced,
    set_tone_mapping,
)
from neucam_nerfstudio.scripts.export.saying import announced, progress, say
from neucam_nerfstudio.scripts.export.trained_run import ExportError, Shot, load_run

ImageFormat = Literal["png", "jpeg", "tiff"]
SUFFIXES: dict[ImageFormat, str] = {"png": ".png", "jpeg": ".jpg", "tiff": ".tiff"}

PHOTOGRAPHS = ("all_in_focus_hdr", "rgb", "all_in_focus", "background", "foreground")
"""Outputs in the colours of the photographs; the others are maps."""


@dataclass
class ExportImages(PictureCommand):
    """Writes display-ready outputs of the model, one file each, at the focus, aperture and exposure you dial.

    Photographs keep the colour profile and EXIF of the reference frame's file.
    """

    rendered_output_names: tuple[str, ...] = ("all_in_focus_hdr", "all_in_focus", "rgb")
    """Outputs to write, such as all_in_focus_hdr, all_in_focus, rgb or defocus."""
    image_format: ImageFormat = "png"
    """File type."""
    bits: BitDepth = 8
    """Depth of a PNG's or TIFF's sample."""
    jpeg_quality: int = 95
    """From 1 to 100."""
    focus_position: float | None = None
    """Focus dial, on the learned scale (the captured settings lie around -1 to 1). Default: the reference frame's."""
    aperture: float | None = None
    """Aperture dial: 0 no blur, 1 as captured, up to 3. Default: 1."""
    exposure_stops: float | None = None
    """Exposure dial in stops, +1 doubles the light. Default: the reference frame's."""
    tone_mapping: ToneMapping | None = None
    """How HDR outputs are brought to the display. Default: reinhard."""

    def main(self) -> None:
        """Turns the dials, renders and writes the files."""
        if self.image_format == "jpeg" and self.bits == 16:
            raise ExportError("--bits 16: JPEG has 8 bits a sample. Use --image-format png or tiff.")
        run = load_run(self.load_config)
        check_width(run.capture, self.width_px)
        check_display_outputs(run, self.rendered_output_names)
        moments = chosen_moments(run, self.frames, self.time)
        metadata = self._kept_metadata(run.capture)
        set_tone_mapping(run, self.tone_mapping)
        with progress("Rendering pictures", len(moments) * len(run.strips)) as advance:
            for moment in moments:
                pictures = run.render(self.rendered_output_names, self._dialled(moment.shot), advance)
                for name, picture in pictures.items():
                    suffix = f"{moment.suffix}{SUFFIXES[self.image_format]}"
                    kept = metadata if name in PHOTOGRAPHS else NOTHING_KEPT
                    with announced(self.output_path / f"{name}{suffix}") as path:
                        write_image(path, reduced(picture, self.width_px), self.bits, self.jpeg_quality, kept)

    def _dialled(self, shot: Shot) -> Shot:
        """The shot with the dials that the user has turned."""
        dials = {dial: getattr(self, dial) for dial in ("focus_position", "aperture", "exposure_stops")}
        return shot._replace(**{dial: setting for dial, setting in dials.items() if setting is not None})

    def _kept_metadata(self, capture: Capture) -> PhotographMetadata:
        reference = capture.frames[capture.reference_index].path
        metadata = read_metadata(reference)
        kept = {"colour profile": metadata.icc_profile, "EXIF": metadata.exif}
        if found := [what for what, content in kept.items() if content is not None]:
            say(f"Keeping the {' and '.join(found)} of {reference.name}.")
        return metadata
