"""`neucam-fuse`: photographs of one view fused into one picture, all in focus and with all the light, in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tyro

from neucam_nerfstudio.api import ResponseChoice, fuse
from neucam_nerfstudio.capture.alignment.still_alignment import AlignChoice
from neucam_nerfstudio.capture.frame_table import frame_table
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.fused_photographs import FusedPhotographs, PictureFormat
from neucam_nerfstudio.imaging.file_writing import check_folder_takes_files
from neucam_nerfstudio.imaging.radiance_files import Precision
from neucam_nerfstudio.rendering.display_tonemapping import DisplayOperator
from neucam_nerfstudio.scripts.run_command import CONSOLE, announced, run_command, say, share_of_work

METHODS: dict[FrameKind, str] = {
    "settings": "neucam",
    "focus-stack": "neucam-multifocus",
    "moments": "neucam-hdr",
}
"""What learns each kind of frames."""


@dataclass(kw_only=True)
class FuseOptions:
    """How photographs are fused and written: what `neucam-fuse` and `neucam-batch` share."""

    frames: FrameKind = "settings"
    """Whether frames are settings of one still scene (focus-stack: each has a focus of its own where nothing tells
    otherwise), or moments of a scene that moves, of which the reference frame's is shown."""
    reference: str | None = None
    """Name of the reference frame; by default the one in the middle of exposures and focus settings, or of time."""
    align: AlignChoice = "auto"
    """Align photographs of a still scene to the reference frame where focusing moves the picture (lenses "breathe");
    off leaves them."""
    downscale_factor: int | None = None
    """Make frames this many times smaller by area averaging; None keeps their size."""
    response: ResponseChoice = "estimated"
    """What pixel values mean as light: what the photographs tell, the sRGB standard, or light itself."""
    tone_mapping: DisplayOperator = "reinhard"
    """How the picture is brought to the display."""
    image_format: PictureFormat = "png"
    """File type of the tone-mapped picture."""
    precision: Precision = "auto"
    """Size of an EXR sample: half is 16 bits, float 32; auto takes float where radiance is too large for half."""
    learn: bool = False
    """Go on from the picture that is there in seconds: learn scene and camera from the photographs, as ns-train does,
    in about half a minute for small pictures. The files then hold the better result."""

    @property
    def learning_method(self) -> str:
        """What learns such frames."""
        return METHODS[self.frames]

    def fused(self, data: Path, report: Callable[[float], None]) -> FusedPhotographs:
        """The picture of these photographs; `report` is called with the share that is done."""
        if self.learn:
            from neucam_nerfstudio.learning import train  # loads PyTorch

            fuse_or_train = partial(train, method=self.learning_method)
        else:
            fuse_or_train = partial(fuse, frames=self.frames)
        return fuse_or_train(
            data,
            reference=self.reference,
            align=self.align,
            downscale_factor=self.downscale_factor,
            response=self.response,
            report=report,
        )

    def writers(self, fused: FusedPhotographs, folder: Path) -> dict[Path, Callable[[Path], None]]:
        """The files to write into a folder, and what writes each."""
        return fused.writers(
            folder, picture_format=self.image_format, operator=self.tone_mapping, precision=self.precision
        )


@dataclass
class Fuse(FuseOptions):
    """Fuses photographs of one view, at several focus or exposure settings, into one picture.

    Writes hdr.exr (linear radiance), all_in_focus_hdr (the tone-mapped picture), defocus.png (where each pixel is
    sharpest: black is the first focus setting, white the last) and capture.json (what was found of the photographs'
    settings: correct it, and give it instead of the folder).
    """

    data: tyro.conf.Positional[Path]
    """Folder of the photographs (PNG, JPEG, TIFF, HEIC, camera RAW, ...), a video, a .npy file with an array of frames,
    or a capture.json; optionally with exposure.txt beside the frames."""
    output_path: Path
    """Folder to write to; it is made if missing, and files of the same name are replaced."""

    def main(self) -> None:
        """Fuses the photographs, says what was found and writes the files."""
        try:
            check_folder_takes_files(self.output_path)
        except (FileExistsError, NotADirectoryError) as error:
            raise NeucamError(f"--output-path {self.output_path}: is a file, or lies in one. Give a folder.") from error
        with share_of_work(f"{'Learning' if self.learn else 'Fusing'} {self.data.resolve().name}") as report:
            fused = self.fused(self.data, report)
        CONSOLE.print(frame_table(fused.capture))
        for note in fused.notes:
            say(note)
        for file, write in self.writers(fused, self.output_path).items():
            with announced(file):
                write(file)


def entrypoint() -> None:
    """Runs `neucam-fuse`."""
    run_command(Fuse)


if __name__ == "__main__":
    entrypoint()
