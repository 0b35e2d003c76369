"""`neucam-batch`: finds captures, has workers make them, and keeps account of what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tyro

from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.file_writing import check_folder_takes_files
from neucam_nerfstudio.scripts.batch.batch_manifest import open_manifest, read_entries
from neucam_nerfstudio.scripts.batch.batch_run import BatchRun, Inputs, RunOptions, inputs_of, is_done
from neucam_nerfstudio.scripts.batch.captures import RULES, FoundCapture, find_captures
from neucam_nerfstudio.scripts.batch.cluster import (
    import_distributed,
)
from neucam_nerfstudio.scripts.batch.stands import STAND_RULE, find_stands
from neucam_nerfstudio.scripts.batch.told_settings import counted, glance_at_settings
from neucam_nerfstudio.scripts.run_command import run_command, say

FRAMES_OF_METHOD: dict[str, FrameKind] = {
    "neucam": "settings",
    "neucam-multifocus": "focus-stack",
    "neucam-hdr": "moments",
    "neucam-deblur": "moments",
    "neucam-hdr-video": "moments",
}
"""What the methods take frames for, without loading PyTorch."""
SOME_FAILED = 1
"""Exit code when a capture failed."""


@dataclass(kw_only=True)
class Batch(RunOptions):
    """Fuses every capture in a tree of folders, several at a time.

    Each result is what neucam-fuse writes, in a folder of its own below --output-path, where the tree is mirrored.
    batch.json there says what became of each capture, and report.html shows all. Run again, it makes what is new,
    changed, failed or was not finished, and leaves what is done.
    """

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Folders to search for captures."""
    output_path: Path
    """Folder to write to; it is made if missing."""
    dry_run: bool = False
    """List the captures with what names, lists and EXIF tell of their settings, and stop."""
    videos: bool = False
    """Take videos and .npy files that are found for captures, too; think of --frames moments."""

    def main(self) -> None:
        """Lists captures, or makes them and exits with 1 if one failed."""
        self._check()
        captures, passed = find_captures(self.folders, self.output_path, self.videos)
        for each in passed:
            say(f"Not taken: {each.path} ({each.reason}).")
        stands = find_stands(captures) if self.share_alignment else {}
        for stand, lights in stands.items():
            say(f"One stand, {stand}: {', '.join(light.name for light in lights)}.")
        if not captures:
            raise NeucamError(f"{', '.join(map(str, self.folders))}: no captures found.\n{RULES}")
        if self.dry_run:
            self._list(captures, inputs_of(captures, stands))
            return
        import_distributed()
        try:
            check_folder_takes_files(self.output_path)
        except (FileExistsError, NotADirectoryError) as error:
            raise NeucamError(f"--output-path {self.output_path}: is a file, or lies in one. Give a folder.") from error
        with open_manifest(self.output_path) as manifest:
            failed = BatchRun(self, manifest, captures, stands).make_all()
        if failed:
            raise SystemExit(SOME_FAILED)

    def _check(self) -> None:
        if not self.folders:
            raise NeucamError("FOLDER: none is given. Give folders that hold captures.")
        if self.method is not None:
            if self.frames not in ("settings", FRAMES_OF_METHOD[self.method]):
                raise NeucamError(
                    f"--frames {self.frames}: {self.method} takes frames its own way. Give only --method."
                )
            self.frames, self.learn = FRAMES_OF_METHOD[self.method], True
        if self.share_alignment and (self.learn or self.align == "off" or self.frames == "moments"):
            raise NeucamError(
                "--share-alignment: is for fusing still scenes that are aligned. Leave --learn, --method, --align off"
                " and --frames moments out."
            )
        if self.workers is not None and self.workers < 1:
            raise NeucamError(f"--workers {self.workers}: expected 1 or more.")
        if self.memory_budget is not None and not self.memory_budget > 0:
            raise NeucamError(f"--memory-budget {self.memory_budget:g}: expected more than 0 GB.")
        if self.scheduler is not None and (self.workers is not None or self.memory_budget is not None):
            raise NeucamError("--workers, --memory-budget: the workers of --scheduler have theirs. Leave them out.")

    def _list(self, captures: list[FoundCapture], inputs: Mapping[str, Inputs]) -> None:
        entries, options = read_entries(self.output_path), self.told_options()
        for capture in captures:
            try:
                told = str(glance_at_settings(capture.data, self.frames, self.downscale_factor))
            except NeucamError as error:
                told = f"cannot be used: {error}"
            entry = entries.get(capture.name)
            state = "" if entry is None else ", failed before" if entry.status == "failed" else ", made before"
            if entry is not None and is_done(entry, capture, options, self.output_path, inputs):
                state = ", done"
            say(f"{capture.name}: {told}{state}.")
        say(f"{counted(len(captures), 'capture')}. Their pictures have the last word on settings: nothing was made.")


def entrypoint() -> None:
    """Runs `neucam-batch`."""
    run_command(Batch, f"{Batch.__doc__}\n\n{RULES}\n{STAND_RULE}")


if __name__ == "__main__":
    entrypoint()
