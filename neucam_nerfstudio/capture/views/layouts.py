"""Which layout a capture of many views has, told by its files."""

from __future__ import annotations

from pathlib import Path

from neucam_nerfstudio.capture.views.description import Description
from neucam_nerfstudio.capture.views.transforms_file import TRANSFORMS_NAME, read_transforms
from neucam_nerfstudio.errors import NeucamError


def describe(data: Path) -> Description:
    """What the files of a capture of many views say of it.

    Args:
        data: Its folder, or its file of poses: `transforms.json`.

    Raises:
        NeucamError: There are no poses, or they cannot be used.
    """
    if not data.exists():
        raise NeucamError(f"{data}: there is no such folder or file. Give --data the folder of the views.")
    if data.is_file():
        return read_transforms(data)
    if (data / TRANSFORMS_NAME).is_file():
        return read_transforms(data / TRANSFORMS_NAME)
    raise NeucamError(f"{data}: no poses. Expected {TRANSFORMS_NAME}.")
