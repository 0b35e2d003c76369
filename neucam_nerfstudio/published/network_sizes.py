"""Sizes of the published networks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class NetworkSizes:
    """Sizes of the published networks, by default the released ones."""

    atlas_width: int = 512
    """Size of the SIREN atlas's hidden layers."""
    atlas_layers: int = 5
    """Linear layers of the SIREN atlas."""
    blur_width: int = 64
    """Size of the kernel network's hidden layers."""
    blur_layers: int = 4
    """Linear layers of the kernel network."""
    response_width: int = 128
    """Size of the hidden layer of each channel's curve network."""
