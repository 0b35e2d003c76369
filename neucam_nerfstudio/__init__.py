"""NeuCam for nerfstudio: all-in-focus, high-dynamic-range pictures through an implicit camera model."""

__version__ = "0.1.0"
