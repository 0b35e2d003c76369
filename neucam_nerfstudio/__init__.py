"""NeuCam for nerfstudio: all-in-focus, high-dynamic-range pictures through an implicit camera model."""

from neucam_nerfstudio.runtime import prepare

__version__ = "0.1.0"

prepare()
