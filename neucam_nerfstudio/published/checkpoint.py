"""Reads the checkpoints (`.pth`) that the released NeuCam code saves, and puts their weights into our modules.

A file tells what can be built from it: its parts, its number of frames and every network's sizes. It does not tell the
pictures' size, nor how far the blur's taps reach (5 px in every released configuration).
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from neucam_nerfstudio.errors import NeucamError

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
    """

    entry: str
    names: Mapping[str, str]


_SIREN = {"net.net.{layer}.0.{kind}": "layers.{layer}.{kind}"}
_MLP = {"layers.{layer}.{kind}": "network.layers.{layer}.{kind}"}
_CURVES = {
    "layers_r.{layer}.{kind}": "channels.0.{layer}.{kind}",
    "layers_g.{layer}.{kind}": "channels.1.{layer}.{kind}",
    "layers_b.{layer}.{kind}": "channels.2.{layer}.{kind}",
}

LAYOUTS: dict[Part, PartLayout] = {
    "atlas": PartLayout("model_state_dict", _SIREN),
    "deformation": PartLayout("model_mapping_s_state_dict", _MLP),
    "foreground_atlas": PartLayout("model_f_state_dict", _SIREN),
    "foreground_deformation": PartLayout("model_mapping_d_state_dict", _MLP),
    "opacity": PartLayout("model_alpha_state_dict", _MLP),
    "blur": PartLayout("model_blur_state_dict", _MLP),
    "response": PartLayout("model_tm_state_dict", _CURVES),
    "exposures": PartLayout("model_exp_state_dict", {"exps": "unbounded"}),
    # Some releases call the focus positions `exps`, too.
    "focus": PartLayout("model_focal_state_dict", {"focus": "positions", "exps": "positions"}),
}
ALWAYS_THERE: tuple[Part, ...] = ("atlas", "response", "exposures")
ONE_VALUE_A_FRAME: tuple[Part, ...] = ("exposures", "focus")


class NetworkShape(NamedTuple):
    """Sizes of one network: of its input (positional encoding included), output and hidden layers; linear layers."""

    num_inputs: int
    num_outputs: int
    layer_width: int
    num_layers: int

    @property
    def num_octaves(self) -> int:
        """Octaves of positional encoding, for networks of (t, y, x)."""
        return (self.num_inputs // 3 - 1) // 2

    @property
    def num_taps(self) -> int:
        """Taps of the kernel, for the blur network."""
        return self.num_outputs // 3


class StoredWeight(NamedTuple):
    """A tensor and where in the file it is."""

    place: str
    values: Tensor


@dataclass(frozen=True)
class PublishedCheckpoint:
    """A released checkpoint, sorted into parts and renamed to our modules' names. Made by `read_checkpoint`."""

    path: Path
    weights: Mapping[Part, Mapping[str, StoredWeight]]

    @property
    def num_frames(self) -> int:
        """Frames of the capture it was trained on: there is an exposure for each."""
        return len(self.weights["exposures"]["unbounded"].values)

    def network_shape(self, part: Part) -> NetworkShape:
        """Sizes of a network that the file holds (of the response: of one channel's network).

        Raises:
            NeucamError: If the file lacks the part, or a layer's weight is not a matrix.
        """
        network = "channels.0." if part == "response" else ""
        layers = [
            weight
            for name, weight in self._weights_of(part).items()
            if name.startswith(network) and name.endswith(".weight")
        ]
        if not layers:
            raise NeucamError(f"{self.path}: '{LAYOUTS[part].entry}' holds no weights of a network's layers.")
        for layer in layers:
            _check_dimensions(self.path, layer, 2)
        return NetworkShape(
            num_inputs=layers[0].values.shape[1],
            num_outputs=layers[-1].values.shape[0],
            layer_width=layers[0].values.shape[0],
            num_layers=len(layers),
        )

    def load_into(self, module: nn.Module, part: Part) -> None:
        """Copies a part's weights into a module of ours.

        Raises:
            NeucamError: If the file lacks the part, or holds it in other sizes than the module's.
        """
        weights, expected = self._weights_of(part), module.state_dict()
        remedy = "Build the model with the file's own sizes; if it was, the file is damaged."
        for name, weight in weights.items():
            if name not in expected:
                raise NeucamError(
                    f"{self.path}: '{weight.place}' has no counterpart in the {part} of this model, expected only "
                    f"{_listed(expected)}. {remedy}"
                )
        for name, values in expected.items():
            if name not in weights:
                raise NeucamError(
                    f"{self.path}: '{LAYOUTS[part].entry}' holds nothing for '{name}' of the {part} of this model, "
                    f"expected shape {tuple(values.shape)}. {remedy}"
                )
        for name, weight in weights.items():
            if weight.values.shape != expected[name].shape:
                raise NeucamError(
                    f"{self.path}: '{weight.place}' has shape {tuple(weight.values.shape)}, expected "
                    f"{tuple(expected[name].shape)} for the {part} of this model. {remedy}"
                )
        module.load_state_dict({name: weight.values for name, weight in weights.items()})

    def with_frames_in_order(self, order: Sequence[int]) -> PublishedCheckpoint:
        """The same with its frames in another order: frame i gets exposure and focus of the file's frame `order[i]`."""
        of_frames = {
            part: {name: weight._replace(values=weight.values[list(order)]) for name, weight in held.items()}
            for part, held in self.weights.items()
            if part in ONE_VALUE_A_FRAME
        }
        return replace(self, weights={**self.weights, **of_frames})

    def _weights_of(self, part: Part) -> Mapping[str, StoredWeight]:
        if part not in self.weights:
            entries = [LAYOUTS[held].entry for held in self.weights]
            raise NeucamError(
                f"{self.path}: holds no {part}, expected as '{LAYOUTS[part].entry}'; found {_listed(entries)}."
            )
        return self.weights[part]


def read_checkpoint(path: Path) -> PublishedCheckpoint:
    """Reads a checkpoint of the released code. Only tensors are read from the file: no code in it can run.

    Args:
        path: The `.pth` file.

    Raises:
        NeucamError: If there is no such file, it is of another kind, or something in it is missing or unknown.
    """
    if not path.is_file():
        raise NeucamError(f"{path}: no such file; expected a checkpoint (.pth) of the released NeuCam code.")
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise NeucamError(
            f"{path}: cannot be read as a checkpoint (.pth) of the released NeuCam code, which holds only "
            f"tensors. It is damaged, of another kind, or would run code when loaded."
        ) from error
    checkpoint = PublishedCheckpoint(path, _sort_into_parts(path, contents))
    _check_frames(checkpoint)
    return checkpoint


def _sort_into_parts(path: Path, contents: Any) -> dict[Part, dict[str, StoredWeight]]:
    entries = contents if isinstance(contents, Mapping) else {}
    missing = [LAYOUTS[part].entry for part in ALWAYS_THERE if LAYOUTS[part].entry not in entries]
    if missing:
        raise NeucamError(
            f"{path}: not a checkpoint of the released NeuCam code: expected the entries {_listed(missing)}, found "
            f"{_listed(entries) or 'none'}."
        )
    part_of_entry: dict[str, Part] = {layout.entry: part for part, layout in LAYOUTS.items()}
    unknown = [entry for entry in entries if entry not in part_of_entry]
    if unknown:
        raise NeucamError(
            f"{path}: holds {_listed(unknown)}, which no published task uses and this model cannot reproduce; "
            f"expected only {_listed(part_of_entry)}."
        )
    return {
        part_of_entry[entry]: _with_our_names(path, part_of_entry[entry], values) for entry, values in entries.items()
    }


def _with_our_names(path: Path, part: Part, tensors: Any) -> dict[str, StoredWeight]:
    entry, names = LAYOUTS[part].entry, LAYOUTS[part].names
    renamed: dict[str, StoredWeight] = {}
    for name, values in tensors.items() if isinstance(tensors, Mapping) else ():
        our_name = _rename(str(name), names)
        if our_name is None or not isinstance(values, Tensor):
            raise NeucamError(
                f"{path}: '{entry}: {name}' is no tensor of the published {part}; expected names like {_listed(names)}."
            )
        renamed[our_name] = StoredWeight(f"{entry}: {name}", values)
    if not renamed:
        raise NeucamError(f"{path}: '{entry}' is empty; expected tensors with names like {_listed(names)}.")
    return renamed


def _rename(name: str, names: Mapping[str, str]) -> str | None:
    """Our name of a tensor that the file calls `name`; None if the part has no such tensor."""
    for theirs, ours in names.items():
        pattern = re.escape(theirs).replace(r"\{layer\}", r"(?P<layer>\d+)")
        found = re.fullmatch(pattern.replace(r"\{kind\}", "(?P<kind>weight|bias)"), name)
        if found:
            return ours.format(**found.groupdict())
    return None


def _check_dimensions(path: Path, weight: StoredWeight, dimensions: int) -> None:
    if weight.values.ndim != dimensions:
        raise NeucamError(
            f"{path}: '{weight.place}' has shape {tuple(weight.values.shape)}, expected {dimensions} dimension(s)."
        )


def _check_frames(checkpoint: PublishedCheckpoint) -> None:
    exposures = checkpoint.weights["exposures"]["unbounded"]
    _check_dimensions(checkpoint.path, exposures, 1)
    if "focus" in checkpoint.weights:
        focus = checkpoint.weights["focus"]["positions"]
        if focus.values.shape != exposures.values.shape:
            raise NeucamError(
                f"{checkpoint.path}: '{focus.place}' has shape {tuple(focus.values.shape)}, expected "
                f"{tuple(exposures.values.shape)}, one value for each exposure of '{exposures.place}'."
            )


def _listed(names: Mapping[str, Any] | list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
