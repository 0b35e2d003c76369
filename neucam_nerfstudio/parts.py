"""What every learnable part of scene and camera is: it carries its configuration, parameters, start, losses and dials.

A part of your own needs one file: a `PartConfig` whose `_target` is your module. Put an instance into the configuration
of a method, or name it on the command line, `--pipeline.model.blur my_module:MyBlurConfig`. Names such as `lens` are
entry points of the groups `neucam_nerfstudio.scene`, `.blur`, `.exposures` and `.response`.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar, cast

import numpy as np
import torch
import tyro
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.response_table import CameraEstimate
from neucam_nerfstudio.errors import NeucamError

Setting = Literal["focus_position", "aperture", "exposure_stops", "developed"]
"""Fields of `CameraSettings` that a dial can turn."""

NONE = "none"
"""The kind of a part that is left out."""


Kind = Annotated[str, tyro.conf.arg(name="")]
"""Type of the field `kind`: on the command line it is the part's own name, `--pipeline.model.blur none`."""


class Dial(NamedTuple):
    """A dial that the user can turn, as a part asks for it; the viewer makes a slider or a checkbox of it.

    Attributes:
        setting: The field of `CameraSettings` that it turns.
        label: What stands beside it.
        hint: One sentence.
        ends: Least and greatest value of the slider; None for a checkbox. They limit the slider alone.
        step: Of the slider.
        inverse: The slider shows this number divided by the setting, such as 1 for metres of a focus position in 1/m;
            None where it shows the setting. `ends` and `step` are of what it shows.
    """

    setting: Setting
    label: str
    hint: str
    ends: tuple[float, float] | None = None
    step: float = 0.01
    inverse: float | None = None


class TrainingRays:
    """Where the rays of a training step went, for losses on what lies there.

    Args:
        places: Of the rays, in the scene's own terms.
        frame_index: The training frame of each ray.
        step: The training step.
        blur_radius_px: Computes the radius that the light of each ray is spread by; None where nothing blurs.
    """

    def __init__(
        self,
        places: Any,
        frame_index: Int[Tensor, " rays"],
        step: int,
        blur_radius_px: Callable[[], Float[Tensor, "rays 1"]] | None = None,
    ) -> None:
        self.places = places
        self.frame_index = frame_index
        self.step = step
        self._compute_blur_radius_px = blur_radius_px

    @cached_property
    def blur_radius_px(self) -> Float[Tensor, "rays 1"] | None:
        """Radius in pixels that the light of each ray is spread by, without gradient; None where nothing blurs."""
        return None if self._compute_blur_radius_px is None else self._compute_blur_radius_px().detach()


@dataclass(frozen=True)
class Start:
    """What is known before training; every part takes from it what it can.

    Attributes:
        capture: What is known of the photographs.
        photograph: Pixels of a frame, by its index in the capture.
        estimate: What classical methods tell of scene and camera; None for a method that starts without them.
        light_of: Natural log radiance that the training frames tell of a frame, by its index; None without an estimate.
        longest_stops: Longest exposure of the training frames.
        shutter_open_share: Share of the time from frame to frame that the shutter is open; None unless motion blurs.
        coverage: Which pixels of a frame show something, by its index; None where all do.
    """

    capture: Capture
    photograph: Callable[[int], np.ndarray]
    estimate: CameraEstimate | None = None
    light_of: Callable[[int], Float[np.ndarray, "height width 3"]] | None = None
    longest_stops: float = 0.0
    shutter_open_share: float | None = None
    coverage: Callable[[int], Bool[np.ndarray, "height width"] | None] = lambda index: None

    def trained_focus_positions(self) -> Float[Tensor, " settings"]:
        """Focus positions of the settings that are trained on, rising: those that estimates count from 0."""
        settings = sorted({self.capture.frames[index].focus_index for index in self.capture.train_indices})
        return torch.tensor([self.capture.focuses.positions[setting] for setting in settings])


class Part(nn.Module):
    """A learnable part. All that it does beside its own work has a default: nothing.

    Attributes:
        notes: Choices made for the user when it was built, a sentence each.
    """

    notes: tuple[str, ...] = ()

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """What is learned of it, by the name of the optimizer that learns it."""
        return {}

    def start(self, start: Start) -> str | None:
        """Brings the part, in place, to where training starts.

        Returns:
            What was found or chosen, in a sentence for the user; None for nothing.
        """
        return None

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """Weighted terms of the training loss on the part itself, by name; without those of weight 0."""
        return {}

    def metrics(self) -> dict[str, Float[Tensor, ""]]:
        """Numbers worth watching while training, by name."""
        return {}

    def dials(self) -> tuple[Dial, ...]:
        """Dials that make sense for the part as it is learned now."""
        return ()


PartType = TypeVar("PartType", bound="Part | None")


@dataclass
class PartConfig(Generic[PartType]):
    """Configuration of a part; `PartConfig["Blur | None"]` is one of a part that may be left out."""

    group: ClassVar[str]
    """The entry point group of its kinds."""
    may_be_left_out: ClassVar[bool] = False
    """Whether pictures can be taken without such a part."""

    _target: tyro.conf.Suppress[type | None] = None
    """The part; None leaves it out."""
    kind: Kind = NONE
    """Which kind of part; of another kind than the method's own, all options are at their defaults."""

    def __init_subclass__(cls) -> None:
        """Gives a configuration of a part that has no name the kind `module:Class`, so that it differs from `none`."""
        super().__init_subclass__()
        own = vars(cls)
        if "_target" in own and "kind" not in own and "group" not in own:
            cls.__annotations__["kind"] = Kind
            cls.kind = f"{cls.__module__}:{cls.__qualname__}"

    def setup(self, **context: Any) -> PartType:
        """Builds the part that `kind` names; None where it is left out.

        Args:
            context: What the parts of this group are built for, such as the capture.

        Raises:
            NeucamError: There is no such kind, or the part must not be left out.
        """
        config = self.chosen()
        if config is not self:  # its class may build in a way of its own
            return config.setup(**context)
        if self._target is None and not self.may_be_left_out:
            raise NeucamError(f"{NONE}: a camera takes no picture without {_noun(self.group)}. Name another kind.")
        return cast(PartType, None if self._target is None else self._target(self, **context))

    def kind_note(self) -> str | None:
        """Whose options count where another kind was typed, in a sentence."""
        own = type(self).__dataclass_fields__["kind"].default
        if self.kind == own:
            return None
        return (
            f"--pipeline.model.{_noun(self.group)} {self.kind}: takes its own defaults; options of {own} do not count."
        )

    def chosen(self) -> PartConfig[PartType]:
        """This configuration, or the default one of another kind that was typed.

        Raises:
            NeucamError: There is no such kind.
        """
        if self.kind == type(self).__dataclass_fields__["kind"].default:
            return self
        if self.kind == NONE:
            return self._base()()
        return config_of_kind(self.group, self.kind)()

    def _base(self) -> type[PartConfig]:
        """The class of this group's configurations, whose default leaves the part out."""
        return next(parent for parent in reversed(type(self).__mro__) if getattr(parent, "group", None) == self.group)


def config_of_kind(group: str, kind: str) -> type[PartConfig]:
    """The class that a name, or `module:Class`, stands for.

    Raises:
        NeucamError: It stands for none.
    """
    known = {point.name: point for point in entry_points(group=group)}
    try:
        if kind in known:
            return known[kind].load()
        module, _, name = kind.partition(":")
        found = getattr(importlib.import_module(module), name) if name else None
    except (ImportError, AttributeError, ValueError) as error:
        raise NeucamError(f"{kind}: cannot be loaded as a {_noun(group)} ({error}).") from error
    if not (isinstance(found, type) and issubclass(found, PartConfig)):
        names = ", ".join([NONE, *sorted(known)])
        raise NeucamError(
            f"{kind}: is no {_noun(group)}. Expected one of {names}, or module:Class for a PartConfig of your own."
        )
    return found


def _noun(group: str) -> str:
    return group.rpartition(".")[2]


def shared_tensor(pixels: Shaped[np.ndarray, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """A tensor in the memory of an array, also of one that is read only: it must not be written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(pixels)


def as_tensor(values: Shaped[np.ndarray, "*shape"], device: torch.device | str) -> Float[Tensor, "*shape"]:
    """Numbers as 32-bit floats on a device."""
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)
