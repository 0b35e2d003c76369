"""What is wrong with a capture, or with an option, said to the person who gave it."""

from __future__ import annotations


class CaptureError(ValueError):
    """A capture or an option that cannot be used. The message names the file or option, what was found, what to do."""
