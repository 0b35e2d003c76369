"""How the released NeuCam code lays out its checkpoints: which entry holds what, and our names for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Part = Literal[
    "atlas",
    "deformation",
    "foreground_atlas",
    "foreground_deformation",
    "opacity",
    "blur",
    "response",
    "exposures",
    "focus",
]
"""A piece of the published model. With two layers, `atlas` and `deformation` are the background's."""


@dataclass(frozen=True)
class PartLayout:
    """How a part is stored.

    Attributes:
        entry: The file's entry that holds it.
        names: The names in that entry, and what they become in our module; {layer} is a number, {kind} weight or bias.
        layers: What our names of its linear layers begin with, if it is a network (of the response: one channel's).
    """

    entry: str
    names: Mapping[str, str]
    layers: str = ""


_SIREN = {"net.net.{layer}.0.{kind}": "layers.{layer}.{kind}"}
_MLP = {"layers.{layer}.{kind}": "network.layers.{layer}.{kind}"}
_CURVES = {
    "layers_r.{layer}.{kind}": "channels.0.{layer}.{kind}",
    "layers_g.{layer}.{kind}": "channels.1.{layer}.{kind}",
    "layers_b.{layer}.{kind}": "channels.2.{layer}.{kind}",
}

LAYOUTS: dict[Part, PartLayout] = {
    "atlas": PartLayout("model_state_dict", _SIREN, "layers."),
    "deformation": PartLayout("model_mapping_s_state_dict", _MLP, "network.layers."),
    "foreground_atlas": PartLayout("model_f_state_dict", _SIREN, "layers."),
    "foreground_deformation": PartLayout("model_mapping_d_state_dict", _MLP, "network.layers."),
    "opacity": PartLayout("model_alpha_state_dict", _MLP, "network.layers."),
    "blur": PartLayout("model_blur_state_dict", _MLP, "network.layers."),
    "response": PartLayout("model_tm_state_dict", _CURVES, "channels.0."),
    "exposures": PartLayout("model_exp_state_dict", {"exps": "unbounded"}),
    # Some releases call the focus positions `exps`, too.
    "focus": PartLayout("model_focal_state_dict", {"focus": "positions", "exps": "positions"}),
}
ALWAYS_THERE: tuple[Part, ...] = ("atlas", "response", "exposures")
ONE_VALUE_A_FRAME: tuple[Part, ...] = ("exposures", "focus")


def rename(name: str, names: Mapping[str, str]) -> str | None:
    """Our name of a tensor that the file calls `name`; None if the part has no such tensor."""
    for theirs, ours in names.items():
        pattern = re.escape(theirs).replace(r"\{layer\}", r"(?P<layer>\d+)")
        found = re.fullmatch(pattern.replace(r"\{kind\}", "(?P<kind>weight|bias)"), name)
        if found:
            return ours.format(**found.groupdict())
    return None
