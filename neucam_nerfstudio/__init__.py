"""NeuCam for nerfstudio: all-in-focus, high-dynamic-range pictures through an implicit camera model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neucam_nerfstudio.api import estimate_response, fuse, fuse_focus, merge_exposures
    from neucam_nerfstudio.errors import NeucamError
    from neucam_nerfstudio.learning import train

__version__ = "0.1.0"

__all__ = ["NeucamError", "estimate_response", "fuse", "fuse_focus", "merge_exposures", "train"]

_HOMES = {name: "neucam_nerfstudio.api" for name in ("estimate_response", "fuse", "fuse_focus", "merge_exposures")}
_HOMES |= {"NeucamError": "neucam_nerfstudio.errors", "train": "neucam_nerfstudio.learning"}


def __getattr__(name: str) -> Any:
    """Loads what programs use when they use it: the package itself stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
