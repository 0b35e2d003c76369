"""nerfstudio's hash encoding by torch alone, for graphics cards without tiny-cuda-nn."""

from __future__ import annotations

from jaxtyping import Float, Int
from nerfstudio.field_components.encodings import HashEncoding
from torch import Tensor, nn


class HashEncodingOnDevice(HashEncoding):
    """Keeps its constants where its table is: nerfstudio's are sent to the graphics card in every step, which waits.

    Args:
        encoding: Of nerfstudio's, whose table is taken.
    """

    scalings: Float[Tensor, " levels"]
    hash_offset: Int[Tensor, " levels"]

    def __init__(self, encoding: HashEncoding) -> None:
        super().__init__(
            encoding.num_levels,
            encoding.min_res,
            log2_hashmap_size=encoding.log2_hashmap_size,
            features_per_level=encoding.features_per_level,
            implementation="torch",
        )
        self.hash_table = encoding.hash_table
        del self.scalings, self.hash_offset
        self.register_buffer("scalings", encoding.scalings, persistent=False)
        self.register_buffer("hash_offset", encoding.hash_offset, persistent=False)

    def hash_fn(self, in_tensor: Int[Tensor, "*batch levels 3"]) -> Int[Tensor, "*batch levels"]:
        """As nerfstudio's (Mueller et al. 2022)."""
        x, y, z = in_tensor.long().unbind(-1)
        return (x ^ (y * 2654435761) ^ (z * 805459861)) % self.hash_table_size + self.hash_offset


def keep_constants_on_device(module: nn.Module) -> None:
    """Has all hash encodings of a module that are torch's keep their constants where their tables are."""
    kept: dict[nn.Module, HashEncodingOnDevice] = {}
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is HashEncoding and child.tcnn_encoding is None:
                if child not in kept:
                    kept[child] = HashEncodingOnDevice(child)
                setattr(parent, name, kept[child])
