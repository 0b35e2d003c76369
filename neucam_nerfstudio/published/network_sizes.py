"""Sizes of the published networks."""

from dataclasses import dataclass, field


@dataclass
class MotionNetworkSizes:
    """Sizes of a published network of (t, y, x): a deformation or an opacity."""

    num_octaves: int = 0
    """Octaves of positional encoding; 0 for none."""
    layer_width: int = 256
    """Size of the hidden layers."""
    num_layers: int = 4
    """Linear layers; six have a skip at the fifth."""


@dataclass
class NetworkSizes:
    """Sizes of the published networks, by default the released ones."""

    atlas_width: int = 512
    """Size of a SIREN atlas's hidden layers."""
    atlas_layers: int = 5
    """Linear layers of a SIREN atlas."""
    blur_width: int = 64
    """Size of the kernel network's hidden layers."""
    blur_layers: int = 4
    """Linear layers of the kernel network."""
    response_width: int = 128
    """Size of the hidden layer of each channel's curve network."""
    deformation: MotionNetworkSizes = field(default_factory=MotionNetworkSizes)
    """The deformation of the one atlas, or of the background's."""
    foreground_deformation: MotionNetworkSizes = field(default_factory=MotionNetworkSizes)
    """The deformation of the foreground's atlas."""
    opacity: MotionNetworkSizes = field(default_factory=MotionNetworkSizes)
    """The foreground's opacity."""
