"""`neucam-export layers` and `rerender`: what a moving scene is made of, and a video with an edit of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import ColourPrimaries
from neucam_nerfstudio.imaging.image_files import BitDepth, write_image
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata
from neucam_nerfstudio.imaging.radiance_files import Precision, write_radiance
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.display_tonemapping import DisplayOperator
from neucam_nerfstudio.scene.plane_field import LayeredField
from neucam_nerfstudio.scripts.export.canonical_pictures import (
    Picture,
    Preview,
    edited_pixels,
    put_in,
    radiance_of,
    shared_picture,
    shared_pictures,
    strips_of_shared,
)
from neucam_nerfstudio.scripts.export.hdr import radiance_attributes
from neucam_nerfstudio.scripts.export.options import ExportCommand, check_size, chosen_moments
from neucam_nerfstudio.scripts.export.photograph_colours import kept_metadata, photograph_primaries
from neucam_nerfstudio.scripts.export.trained_run import num_strips, render
from neucam_nerfstudio.scripts.export.videos import VideoCommand, write_videos
from neucam_nerfstudio.scripts.run_command import announced, progress, say


@dataclass
class ExportLayers(ExportCommand):
    """Writes the layers of a scene that moves: background.exr and foreground.exr, a PNG of each, and the opacity.

    A layer is the one picture that its frames share, before motion places it in them. Edit its PNG or EXR in any
    program, and `neucam-export rerender` puts the edit into the whole video. A foreground that is another picture in
    each frame is written for the chosen frames, as the opacity is.
    """

    frames: tuple[str, ...] = ()
    """Frames to write the opacity of: names (00003 '0000*'), numbers counted from 0, or all. Default: the reference."""
    precision: Precision = "auto"
    """Size of an EXR sample: half is 16 bits, float 32; auto takes float where radiance is too large for half."""
    bits: BitDepth = 8
    """Depth of a PNG's sample."""
    tone_mapping: DisplayOperator = "reinhard"
    """How the PNG files show radiance. Give it to rerender as --preview-tone-mapping."""

    def main(self) -> None:
        """Writes the files."""
        run = self.open_run()
        shared = shared_pictures(run)
        field = run.planar_scene.field
        has_opacity = isinstance(field, LayeredField)
        if self.frames and not has_opacity:
            raise NeucamError(
                f"--frames {' '.join(self.frames)}: this scene has one layer, which all frames share, and no opacity. "
                "Leave it out."
            )
        moments = chosen_moments(run, self.frames, None) if has_opacity else []
        pictures_a_moment = 1 if "foreground" in shared else 2
        primaries = photograph_primaries(run.capture)
        of_shared = sum(strips_of_shared(layer, run) for layer in shared.values())
        with progress("Rendering layers", of_shared + len(moments) * pictures_a_moment * num_strips(run)) as advance:
            for name, layer in shared.items():
                self._write_layer(run, name, shared_picture(layer, run, advance), primaries)
            for moment in moments:
                if has_opacity and "foreground" not in shared:
                    time = run.renderer.time_of(moment.settings)
                    radiance = radiance_of(field.foreground, run, time, advance)
                    self._write_layer(run, f"foreground{moment.suffix}", radiance, primaries)
                opacity = render(run, ("opacity",), moment.settings, advance)["opacity"]
                with announced(self.output_path / f"opacity{moment.suffix}.png") as path:
                    exif = kept_metadata(run.capture, moment.frame_index).exif
                    write_image(path, opacity, self.bits, metadata=PhotographMetadata(None, exif))

    def _write_layer(self, run: LearnedCapture, name: str, radiance: Picture, primaries: ColourPrimaries) -> None:
        exif = kept_metadata(run.capture, run.capture.reference_index).exif
        with announced(self.output_path / f"{name}.exr") as path:
            attributes = radiance_attributes(run)
            write_radiance(path, radiance.cpu().numpy(), self.precision, attributes, primaries=primaries, exif=exif)
        preview = Preview(run.renderer.anchors(), self.tone_mapping)
        with announced(self.output_path / f"{name}.png") as path:
            kept = PhotographMetadata(None, exif)
            write_image(path, preview.show(radiance).cpu().numpy(), self.bits, metadata=kept)


@dataclass
class ExportRerender(VideoCommand):
    """Puts an edited layer back, and writes the video of all frames with it.

    Edit what `neucam-export layers` has written, in its size: the PNG in any paint program (where it is transparent,
    the layer stays), or the EXR. What was not edited keeps its light; what was is given the light that shows as
    painted, so it can be exposed, blurred and developed like the rest.

        neucam-export layers --load-config RUN/config.yml --output-path atlas

        neucam-export rerender --load-config RUN/config.yml --output-path videos --background atlas/background.png
    """

    rendered_output_names: tuple[str, ...] = ("all_in_focus_hdr",)
    """Outputs to show, one video each, such as all_in_focus_hdr or rgb."""
    background: Path | None = None
    """The edited background: PNG, TIFF or EXR."""
    foreground: Path | None = None
    """The edited foreground, likewise."""
    preview_tone_mapping: DisplayOperator = "reinhard"
    """The tone mapping that `neucam-export layers` was given, for edits of PNG files."""

    def main(self) -> None:
        """Puts the edits into the scene, renders it and writes a video of each output."""
        edits = {"background": self.background, "foreground": self.foreground}
        given = {name: path for name, path in edits.items() if path is not None}
        if not given:
            raise NeucamError("Nothing is edited: give --background or --foreground an edited layer.")
        run = self.open_run()
        check_size(run.capture, self.width_px, self.video_format)
        for name, path in given.items():
            self._edit(run, name, path)
        shots = [CameraSettings(time=time) for time in run.capture.times]
        write_videos(self, run, shots, self.frame_rate_of(run.capture), prefix="edited_")

    def _edit(self, run: LearnedCapture, name: str, path: Path) -> None:
        shared = shared_pictures(run)
        if name not in shared:
            raise NeucamError(f"--{name}: the frames of this run share no {name}, only the {', '.join(shared)}.")
        layer = shared[name]
        preview = Preview(run.renderer.anchors(), self.preview_tone_mapping)
        with progress(f"Reading the {name}", strips_of_shared(layer, run)) as advance:
            radiance, changed = edited_pixels(path, shared_picture(layer, run, advance), preview)
        put_in(run, layer, radiance, changed)
        run.renderer.fixed_anchors = preview.anchors  # so that an edit does not change how the rest is shown
        say(f"{path}: {float(changed.float().mean()):.1%} of the {name} is edited.")
