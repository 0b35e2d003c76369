"""What is wrong with a capture, said to the person who took it."""

from __future__ import annotations


class CaptureError(ValueError):
    """A capture that cannot be used. The message names the file, what was found and what to do."""
