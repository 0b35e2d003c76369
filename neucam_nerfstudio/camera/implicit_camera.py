"""The implicit camera: what lies between the scene's radiance and a photograph's pixel values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.exposure.exposures import ExposureTable
from neucam_nerfstudio.camera.exposure.white_balance import FrameWhiteBalance
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.response.response import CameraResponse
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture, Frame
from neucam_nerfstudio.parts import Dial, Part


class ImplicitCamera(nn.Module):
    """Learned camera parts, in the order light meets them, and which settings of theirs each frame was taken at.

    Args:
        capture: The photographs.
        blur: Spreads a pixel over taps; None: everything is sharp.
        exposures: Stops of each exposure setting.
        response: Develops light into pixel values.
        white_balance: Gains of the light a frame; None: all photographs have one balance.
    """

    focus_of_frame: Int[Tensor, " frames"]
    exposure_of_frame: Int[Tensor, " frames"]
    train_frames: Int[Tensor, " train"]
    eval_frames: Int[Tensor, " eval"]
    boundaries: Float[Tensor, " boundaries"]
    aperture_of_frame: Float[Tensor, " frames"]

    def __init__(
        self,
        capture: Capture,
        blur: BlurGenerator | None,
        exposures: ExposureTable,
        response: CameraResponse,
        white_balance: FrameWhiteBalance | None = None,
    ) -> None:
        super().__init__()
        self.focus = FocusPositions(capture)
        self.blur = blur
        self.exposures = exposures
        self.response = response
        self.white_balance = white_balance
        self._capture = capture
        times = torch.tensor([capture.times[index] for index in capture.train_indices])
        tables = {
            "focus_of_frame": torch.tensor([frame.focus_index for frame in capture.frames]),
            "exposure_of_frame": torch.tensor([frame.exposure_index for frame in capture.frames]),
            "train_frames": torch.tensor(capture.train_indices),
            "eval_frames": torch.tensor(capture.eval_indices),
            "boundaries": (times[1:] + times[:-1]) / 2,
            "aperture_of_frame": torch.tensor(relative_apertures(capture), dtype=torch.float32),
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)
        self._apertures_differ = bool((tables["aperture_of_frame"] != 1).any())

    @property
    def has_focus(self) -> bool:
        """Whether the focus position makes a difference to what the camera sees."""
        return self.blur is not None and self.blur.depends_on_focus

    def parts(self) -> list[Part]:
        """The learned parts, in the order in which they are started; the focus matters where there is a blur."""
        of_blur = [] if self.blur is None else [self.focus, self.blur]
        return [self.exposures, self.response, *([] if self.white_balance is None else [self.white_balance]), *of_blur]

    def dials(self) -> list[Dial]:
        """Dials of the parts that make a difference, in the order light meets the parts."""
        parts = [*([self.focus] if self.has_focus else []), *([self.blur] if self.blur else [])]
        return [dial for part in (*parts, self.exposures, self.response) for dial in part.dials()]

    @torch.no_grad()
    def settings_of_frame(self, index: int) -> CameraSettings:
        """Focus and exposure of a frame as they are learned now, and its time if the scene moves.

        Args:
            index: Of the frame in the capture; one that was held out, of what moves, has those of the nearest in time.
        """
        return CameraSettings(
            focus_position=float(self.focus.positions[self._frame_told(index).focus_index]),
            exposure_stops=self.stops_of_frame(index),
            time=self._capture.times[index] if self._capture.moves else None,
            frame=index,
        )

    def stops_of_frame(self, index: int) -> float:
        """Exposure of the same frame, as it is learned now."""
        return float(self.exposures.stops[self._frame_told(index).exposure_index])

    def _frame_told(self, index: int) -> Frame:
        capture = self._capture
        return capture.frames[capture.train_index_nearest(capture.times[index]) if capture.moves else index]

    def time_of_frame(self, index: int) -> float:
        """When a frame was taken, by its index in the capture, [0, 1]."""
        return self._capture.times[index]

    def resolved(self, settings: CameraSettings, times: Float[Tensor, "rays 1"]) -> CameraSettings:
        """The settings of each ray, with nothing left to be looked up.

        Args:
            settings: What is None is as the frame was taken: the named one, else of a scene that moves the training
                frame nearest in time, else the reference frame. An aperture is a factor on that frame's.
            times: Of the rays, [0, 1].
        """
        focus_position, stops, aperture = settings.focus_position, settings.exposure_stops, settings.aperture
        column = torch.ones_like(times)
        if focus_position is None or stops is None or self._apertures_differ:
            frame = self._frame_of_rays(settings.frame, times)
            focus_position = self.focus(self.focus_of_frame[frame]) if focus_position is None else focus_position
            stops = self.exposures(self.exposure_of_frame[frame]) if stops is None else stops
            if self._apertures_differ and not settings.is_sharp:
                aperture = aperture * self.aperture_of_frame[frame] * column
        return replace(
            settings,
            focus_position=focus_position * column,
            aperture=aperture,
            exposure_stops=stops * column,
            time=times,
        )

    def apertures(
        self, frame_index: Int[Tensor, " rays"], *, held_out: bool = False
    ) -> float | Float[Tensor, "rays 1"]:
        """Factor on the reference frame's aperture of frames; 1 where all have one.

        Args:
            frame_index: Counted among the training frames, or among those held out.
            held_out: Which of them.
        """
        if not self._apertures_differ:
            return 1.0
        frames = self.eval_frames if held_out else self.train_frames
        return self.aperture_of_frame[frames[frame_index]][:, None]

    def _frame_of_rays(self, frame: int | None, times: Float[Tensor, "rays 1"]) -> Int[Tensor, "#rays 1"]:
        if self._capture.moves:
            moments = times if frame is None else times.new_full((1, 1), self._capture.times[frame])
            return self.train_frames[torch.bucketize(moments, self.boundaries)]
        index = self._capture.reference_index if frame is None else frame
        return torch.full((1, 1), index, dtype=torch.long, device=times.device)


def relative_apertures(capture: Capture) -> list[float]:
    """Factor of each frame's aperture on the reference frame's; 1 where nothing tells, and for photographs of one view,
    of which each focus setting has its own blur."""
    if capture.views is None:
        return [1.0] * len(capture.frames)
    radius_m = capture.views.aperture_radius_m
    return np.nan_to_num(radius_m / radius_m[capture.reference_index], nan=1.0).tolist()
