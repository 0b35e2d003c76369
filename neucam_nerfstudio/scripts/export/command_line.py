"""`neucam-export`: files of a trained capture for photographers, film makers and papers."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import tyro
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.rendering.file_writing import PictureFileError
from neucam_nerfstudio.scripts.export.hdr import ExportHdr
from neucam_nerfstudio.scripts.export.images import ExportImages
from neucam_nerfstudio.scripts.export.layers import ExportLayers
from neucam_nerfstudio.scripts.export.rerender import ExportRerender
from neucam_nerfstudio.scripts.export.response import ExportResponse
from neucam_nerfstudio.scripts.export.sweep import ExportSweep
from neucam_nerfstudio.scripts.export.trained_run import ExportError

INTERRUPTED = 130
"""Exit code of a command that Ctrl+C ends."""

Command = tyro.conf.FlagConversionOff[
    Annotated[ExportHdr, tyro.conf.subcommand(name="hdr")]
    | Annotated[ExportImages, tyro.conf.subcommand(name="images")]
    | Annotated[ExportSweep, tyro.conf.subcommand(name="sweep")]
    | Annotated[ExportResponse, tyro.conf.subcommand(name="response")]
    | Annotated[ExportLayers, tyro.conf.subcommand(name="layers")]
    | Annotated[ExportRerender, tyro.conf.subcommand(name="rerender")]
]


def entrypoint() -> None:
    """Runs `neucam-export`; what a user can put right is said in one line, exit code 1."""
    tyro.extras.set_accent_color("bright_yellow")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that unfinished files are removed
    command = tyro.cli(Command, description=__doc__)
    try:
        command.main()
    except (ExportError, CaptureError, PictureFileError) as error:
        CONSOLE.print(str(error), style="bold red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        CONSOLE.print("Interrupted. What is written is whole; what was being written is not there.")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    entrypoint()
