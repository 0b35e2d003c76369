"""The one kind of error that a user can put right."""

from pathlib import Path


class NeucamError(ValueError):
    """A file, an option or an argument that cannot be used. The message names it, what was found, and what to do."""


def broken_file_message(path: Path, detail: object) -> str:
    """One line for a file that cannot be decoded, with the decoder's reason if it gave one."""
    reason = f" ({detail})" if str(detail).strip() else ""
    return f"{path}: broken or unreadable file{reason}. Copy it again from the camera, or take it out of the folder."
