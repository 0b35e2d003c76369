"""What is wrong with a capture, or with an option, said to the person who gave it."""

from __future__ import annotations

from pathlib import Path


class CaptureError(ValueError):
    """A capture or an option that cannot be used. The message names the file or option, what was found, what to do."""


def broken_file_message(path: Path, detail: object) -> str:
    """One line for a file that cannot be decoded, with the decoder's reason if it gave one."""
    reason = f" ({detail})" if str(detail).strip() else ""
    return f"{path}: broken or unreadable file{reason}. Copy it again from the camera, or take it out of the folder."
