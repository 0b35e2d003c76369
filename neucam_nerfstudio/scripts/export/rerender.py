"""`neucam-export rerender`: a video with an edit of one of its layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.display_tonemapping import DisplayOperator
from neucam_nerfstudio.scripts.export.canonical_pictures import (
    Preview,
    edited_pixels,
    put_in,
    shared_picture,
    shared_pictures,
    strips_of_shared,
)
from neucam_nerfstudio.scripts.export.saying import progress, say
from neucam_nerfstudio.scripts.export.videos import VideoCommand, write_videos


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
            edited = edited_pixels(path, shared_picture(layer, run, advance), preview)
        put_in(run, layer, edited)
        run.renderer.fixed_anchors = preview.anchors  # so that an edit does not change how the rest is shown
        say(f"{path}: {float(edited.changed.float().mean()):.1%} of the {name} is edited.")
