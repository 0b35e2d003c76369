"""`neucam-fuse`: photographs of one view fused into one picture, all in focus and with all the light, in seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from jaxtyping import Float

from neucam_nerfstudio.api import ResponseChoice, fuse, part_of
from neucam_nerfstudio.capture.alignment.still_alignment import AlignChoice
from neucam_nerfstudio.capture.frame_table import frame_table
from neucam_nerfstudio.capture.manifest import MANIFEST_NAME, Capture
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.fused_files import FileOptions, FusedFiles, FusedOutput, PictureFormat, check_suffix, is_one_file
from neucam_nerfstudio.fused_photographs import FusedPhotographs
from neucam_nerfstudio.imaging.file_writing import check_folder_takes_files, remove_abandoned
from neucam_nerfstudio.imaging.image_files import BitDepth, write_image
from neucam_nerfstudio.imaging.radiance_files import Precision
from neucam_nerfstudio.rendering.display_tonemapping import DisplayOperator, display_anchors, tonemap
from neucam_nerfstudio.scripts.fusion_record import recorded_files, write_record
from neucam_nerfstudio.scripts.run_command import CONSOLE, announced, run_command, say, share_of_work
from neucam_nerfstudio.stand import Stand

METHODS: dict[FrameKind, str] = {
    "settings": "neucam",
    "focus-stack": "neucam-multifocus",
    "moments": "neucam-hdr",
}
"""What learns each kind of frames."""
PREVIEW_NAME = "preview.jpg"
DONE_WHEN_FUSED = 0.9
"""Share of the work that is done when the picture is made; the rest is writing it."""


NAMES_OF_FRAMES = ("{first}", "{last}")
"""What stands for names of photographs in an output path."""


def named_after_frames(path: Path, capture: Capture) -> Path:
    """An output path with the names of the first and the last photograph."""
    name, ends = path.name, (capture.train_frames[0], capture.train_frames[-1])
    for placeholder, frame in zip(NAMES_OF_FRAMES, ends, strict=True):
        name = name.replace(placeholder, frame.name.replace(".", "_"))  # a dot would make a suffix of what follows
    return path.with_name(name)


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
    outputs: tuple[FusedOutput, ...] | None = None
    """What to write into a folder: hdr and dng (linear radiance, as OpenEXR and as a DNG that RAW developers open),
    all_in_focus_hdr (tone mapped), all_in_focus (with the look of the photographs), defocus and source_map (where each
    pixel is sharpest, in 16 bits of grey and in indexed colours), mesh (a relief to turn about, .glb) and stereo (what
    two eyes see, side by side). Default: hdr, all_in_focus_hdr, all_in_focus where exposures are one, and defocus."""
    image_format: PictureFormat = "png"
    """File type of the pictures to look at."""
    bits: BitDepth | None = None
    """Depth of their samples. Default: 16 for tiff, 8 for others."""
    depth_scale: float = FileOptions.depth_scale
    """How deep the mesh is from the nearest to the farthest focus setting, in longer sides of the picture; below 0 if
    the first photograph is focused on the farthest things, of which cameras that tell distances need not be told."""
    precision: Precision = "auto"
    """Size of an EXR sample: half is 16 bits, float 32; auto takes float where radiance is too large for half."""
    learn: bool = False
    """Go on from the picture that is there in seconds: learn scene and camera from the photographs, as ns-train does,
    in about half a minute for small pictures. The files then hold the better result."""

    @property
    def learning_method(self) -> str:
        """What learns such frames."""
        return METHODS[self.frames]

    def fused(
        self,
        data: Path,
        report: Callable[[float], None],
        budget_bytes: int | None = None,
        preview: Callable[[Float[np.ndarray, "rows columns 3"]], None] | None = None,
        stand: Stand | None = None,
    ) -> FusedPhotographs:
        """The picture of these photographs.

        Args:
            data: The photographs.
            report: Called with the share that is done.
            budget_bytes: As of `fuse`; learning takes what it needs.
            preview: As of `fuse`; learning has none.
            stand: As of `fuse`; learning finds its own.
        """
        if self.learn:
            from neucam_nerfstudio.learning import train  # loads PyTorch

            fuse_or_train = partial(train, method=self.learning_method)
        else:
            fuse_or_train = partial(fuse, frames=self.frames, budget_bytes=budget_bytes, preview=preview, stand=stand)
        return fuse_or_train(
            data,
            reference=self.reference,
            align=self.align,
            downscale_factor=self.downscale_factor,
            response=self.response,
            report=report,
        )

    @property
    def file_options(self) -> FileOptions:
        """How files are written."""
        return FileOptions(self.image_format, self.bits, self.tone_mapping, self.precision, self.depth_scale)

    def writers(self, fused: FusedPhotographs, path: Path) -> dict[Path, Callable[[Path], None]]:
        """The files to write - one, or those of a folder - and what writes each."""
        return fused.writers(path, self.outputs, self.file_options)


@dataclass
class Fuse(FuseOptions):
    """Fuses photographs of one view, at several focus or exposure settings, into one picture.

    Writes hdr.exr (linear radiance), all_in_focus_hdr (the tone-mapped picture), all_in_focus where all photographs are
    exposed alike (with their look), defocus.png (where each pixel is sharpest: black is the first focus setting, white
    the last) and capture.json (what was found of the photographs' settings: correct it, and give it instead of the
    folder). Or one file, if --output-path names one.
    """

    data: tyro.conf.Positional[Path]
    """Folder of the photographs (PNG, JPEG, TIFF, HEIC, camera RAW, ...), a video, a .npy file with an array of frames,
    or a capture.json; optionally with exposure.txt beside the frames."""
    output_path: Path
    """Folder to write to, or one file, by its suffix: .tif (16 bits), .png, .jpg, .dng, .exr, .hdr or .glb. It is made
    if missing, and files of the same name are replaced. {capture} stands for the name of the photographs' folder,
    {first} and {last} for the names of the first and the last photograph: 'stacked/{first}-{last}.tif'. A folder has a
    small preview.jpg while photographs are fused, and is not made again if it holds what these photographs and options
    give."""
    memory_budget: Annotated[float | None, tyro.conf.arg(metavar="GB")] = None
    """Memory to take, about; decoded photographs beyond it wait in a temporary file (TMPDIR), and the result is the
    same. None takes half of what is free, and at most 2.4 GB. --learn takes what it needs."""

    def main(self) -> None:
        """Fuses the photographs, says what was found and writes the files."""
        output_path = self._named_after_capture()
        self._check(output_path)
        options = {field.name: getattr(self, field.name) for field in fields(FuseOptions)}
        is_folder = not is_one_file(output_path) and not any(each in output_path.name for each in NAMES_OF_FRAMES)
        there = recorded_files(output_path, self.data, options) if is_folder else []
        if there:
            names = ", ".join(file.name for file in there)
            say(f"{output_path}: holds what these photographs and options give ({names}).")
            say("Nothing to do. To make it again, remove one of these files.")
            return
        budget_bytes = None if self.memory_budget is None else int(self.memory_budget * 1e9)
        with share_of_work(f"{'Learning' if self.learn else 'Fusing'} {self.data.resolve().name}") as report:
            with self._preview(output_path) if is_folder else nullcontext() as preview:
                fused = self.fused(self.data, part_of(report, 0, DONE_WHEN_FUSED), budget_bytes, preview)
            CONSOLE.print(frame_table(fused.capture))
            for note in fused.notes:
                say(note)
            writers = self.writers(fused, named_after_frames(output_path, fused.capture))
            for number, (file, write) in enumerate(writers.items(), 1):
                remove_abandoned(file)
                with announced(file):
                    write(file)
                report(DONE_WHEN_FUSED + (1 - DONE_WHEN_FUSED) * number / len(writers))
        for note in FusedFiles(fused, self.file_options).said_of(writers):
            say(note)
        if is_folder:
            write_record(output_path, self.data, options, writers)

    @contextmanager
    def _preview(self, folder: Path) -> Iterator[Callable[[Float[np.ndarray, "rows columns 3"]], None] | None]:
        """What writes a preview, which goes when the work is done, or is given up. None where a file has its name."""
        path, is_new_folder = folder / PREVIEW_NAME, not folder.exists()
        if path.exists():
            say(f"{path}: is there already, and is left as it is: no preview is written.")
            yield None
            return

        def write(radiance: Float[np.ndarray, "rows columns 3"]) -> None:
            write_image(path, tonemap(radiance, self.tone_mapping, display_anchors(radiance)))
            say(f"Preview: {path}, until the picture is made.")

        try:
            yield write
        finally:
            path.unlink(missing_ok=True)
            if is_new_folder:
                with suppress(OSError):  # not made yet
                    folder.rmdir()

    def _named_after_capture(self) -> Path:
        data = self.data.resolve()
        capture = data.parent.name if data.name == MANIFEST_NAME else data.stem if data.is_file() else data.name
        return Path(str(self.output_path).replace("{capture}", capture))

    def _check(self, path: Path) -> None:
        """Checks, before the work, that files can be written there, and the memory that may be taken."""
        if self.memory_budget is not None and not 0 < self.memory_budget < math.inf:
            raise NeucamError(f"--memory-budget {self.memory_budget:g}: expected a number of GB above 0.")
        is_file, given = is_one_file(path), f"--output-path {self.output_path}"
        if is_file:
            check_suffix(path)
        if is_file and self.outputs is not None:
            raise NeucamError(f"{given}: is one file, and --outputs are several. Give a folder.")
        folder = path.parent if is_file or any(each in path.name for each in NAMES_OF_FRAMES) else path
        if any(each in str(folder) for each in NAMES_OF_FRAMES):
            raise NeucamError(f"{given}: {{first}} and {{last}} can stand in the last name only.")
        try:
            check_folder_takes_files(folder)
        except (FileExistsError, NotADirectoryError) as error:
            raise NeucamError(f"{given}: is a file, or lies in one. Give a folder, or a file in one.") from error


def entrypoint() -> None:
    """Runs `neucam-fuse`."""
    run_command(Fuse)


if __name__ == "__main__":
    entrypoint()
