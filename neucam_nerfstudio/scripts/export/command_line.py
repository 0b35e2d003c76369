"""`neucam-export`: files of a trained capture for photographers, film makers and papers."""

from __future__ import annotations

from typing import Annotated

import tyro

from neucam_nerfstudio.scripts.export.hdr import ExportHdr
from neucam_nerfstudio.scripts.export.images import ExportImages
from neucam_nerfstudio.scripts.export.layers import ExportLayers, ExportRerender
from neucam_nerfstudio.scripts.export.response import ExportResponse
from neucam_nerfstudio.scripts.export.sweep import ExportSweep
from neucam_nerfstudio.scripts.run_command import run_command

Command = tyro.conf.FlagConversionOff[
    Annotated[ExportHdr, tyro.conf.subcommand(name="hdr")]
    | Annotated[ExportImages, tyro.conf.subcommand(name="images")]
    | Annotated[ExportSweep, tyro.conf.subcommand(name="sweep")]
    | Annotated[ExportResponse, tyro.conf.subcommand(name="response")]
    | Annotated[ExportLayers, tyro.conf.subcommand(name="layers")]
    | Annotated[ExportRerender, tyro.conf.subcommand(name="rerender")]
]


def entrypoint() -> None:
    """Runs `neucam-export`."""
    run_command(Command, description=__doc__)


if __name__ == "__main__":
    entrypoint()
