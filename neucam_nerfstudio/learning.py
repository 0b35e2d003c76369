"""`neucam_nerfstudio.train`: photographs learned as a scene and a camera, without nerfstudio's trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from neucam_nerfstudio.api import ResponseChoice
from neucam_nerfstudio.camera.exposure.exposures import check_bracket
from neucam_nerfstudio.camera.response.response import ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.breathing import AlignChoice
from neucam_nerfstudio.capture.manifest import Capture, Frame, Told
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings, ranks
from neucam_nerfstudio.capture.settings.focus import FocusSettings, spread_evenly
from neucam_nerfstudio.capture.side_maps import SideMaps
from neucam_nerfstudio.classical.pixel_values import WHITE_LDR
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.datasets.exposure_groups import exposure_groups, single_frames
from neucam_nerfstudio.datasets.pixel_sampling import PixelSampler
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.fused_photographs import FusedPhotographs
from neucam_nerfstudio.models.learned_capture import LearnedCapture, mean_of_frames, squared_error, with_white_as_bound
from neucam_nerfstudio.models.presets import PRESETS, Preset
from neucam_nerfstudio.opened_photographs import OpenedPhotographs, Photographs, open_photographs
from neucam_nerfstudio.training.adam import BETAS, EPS, FusedAdam, decay_factor

RESPONSE_KNOTS = torch.linspace(-12.0, 8.0, 1024)
"""Log exposures at which a learned response is tabulated."""


@dataclass(frozen=True)
class LearnedPhotographs(FusedPhotographs):
    """One picture of several photographs, and the learned scene and camera to take others with.

    Attributes:
        learned: Scene and camera.
    """

    learned: LearnedCapture = field(kw_only=True, repr=False)

    def photograph(
        self, *, focus: float | None = None, aperture: float = 1.0, exposure_stops: float | None = None
    ) -> Float[np.ndarray, "height width 3"]:
        """Photographs the scene again through the learned camera; arguments as of `FusedPhotographs.photograph`."""
        positions = self.learned.camera.focus.positions.detach().cpu().numpy()
        position = None if focus is None else float(_along(focus, np.arange(len(positions)), positions))
        settings = CameraSettings(
            focus_position=position,
            aperture=aperture,
            exposure_stops=exposure_stops,
            frame=self.learned.capture.train_indices[self.reference],
        )
        return _picture(self.learned, settings, "all_in_focus" if aperture == 0 else "rgb")


def train(
    photographs: Photographs,
    *,
    method: str = "neucam",
    exposure_stops: Sequence[float] | None = None,
    focus: Sequence[int] | None = None,
    reference: str | int | None = None,
    align: AlignChoice = "auto",
    downscale_factor: int | None = None,
    response: ResponseChoice = "estimated",
    num_steps: int | None = None,
    device: torch.device | str | None = None,
    seed: int = 0,
    report: Callable[[float], None] = lambda share_done: None,
) -> LearnedPhotographs:
    """Learns scene and camera from photographs of one view. Better than `fuse`, and takes about half a minute.

    Args:
        photographs: As of `neucam_nerfstudio.fuse`.
        method: `neucam`, `neucam-multifocus`, `neucam-hdr`, `neucam-deblur` or `neucam-hdr-video`.
        exposure_stops: As of `fuse`.
        focus: As of `fuse`.
        reference: As of `fuse`.
        align: As of `fuse`.
        downscale_factor: As of `fuse`.
        response: As of `fuse`, but no table; `neucam-multifocus` and `neucam-deblur` take the sRGB standard's for
            estimated, as one exposure tells none.
        num_steps: Training steps; None takes the method's own.
        device: Where to train; None takes CUDA where it is there.
        seed: Of the random pixels; the state of torch's own generator is left as it is.
        report: Called with the share that is done, (0, 1], from time to time.

    Returns:
        The picture, and the learned camera to take others with.

    Raises:
        NeucamError: There is no such method, or the photographs or settings cannot be used.
    """
    if method not in PRESETS:
        raise NeucamError(f"method: found {method!r}, expected one of {', '.join(PRESETS)}.")
    preset = PRESETS[method]
    opened = open_photographs(
        photographs, exposure_stops, focus, preset.frames, reference, align, downscale_factor, response == "linear"
    )
    capture, order = capture_of(opened)
    if preset.needs_bracket:
        check_bracket(capture)
    responses = {"srgb": SrgbResponseConfig(), "linear": ResponseConfig()}
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        learned = LearnedCapture(
            capture, preset.scene, preset.blur, preset.exposures, responses.get(response, preset.response)
        ).to(device)
        pixels = [np.asarray(frame) for frame in opened.frames]
        said = learned.start(lambda index: pixels[order.index(index)])
        _learn(learned, preset, np.stack(pixels), num_steps or preset.num_steps, device, report)
    return _result(learned.eval(), opened, (*learned.notes(), *said))


def _learn(
    learned: LearnedCapture,
    preset: Preset,
    pixels: np.ndarray,
    num_steps: int,
    device: torch.device,
    report: Callable[[float], None],
) -> None:
    capture = learned.capture
    sampler = PixelSampler(torch.from_numpy(pixels), capture, capture.train_indices, device)
    moves = preset.frames == "moments"
    groups = (single_frames(len(pixels)) if moves else exposure_groups(sampler.focus_index.cpu())).to(device)
    optimizers = [
        FusedAdam(parameters, lr=preset.learning_rates[name], betas=BETAS, eps=EPS, fused=True)
        for name, parameters in learned.parameter_groups().items()
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: decay_factor(step, num_steps))
        for optimizer in optimizers
    ]
    learned.train()
    for step in range(num_steps):
        drawn = sampler.sample(preset.rays_per_step, groups)
        ldr, went = learned.photograph_rays(
            drawn.rays, drawn.focus_index, drawn.exposure_index, drawn.frame_index, step
        )
        error = squared_error(*with_white_as_bound(ldr, drawn.ldr, WHITE_LDR))
        loss = mean_of_frames(error, drawn.is_frame) + sum(learned.losses(went).values())
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        report((step + 1) / num_steps)


def _result(learned: LearnedCapture, opened: OpenedPhotographs, notes: tuple[str, ...]) -> LearnedPhotographs:
    capture, camera = learned.capture, learned.camera
    defocus, radius_px = None, 0.0
    if camera.blur is not None and camera.has_focus and len(capture.focuses.positions) > 1:
        positions = camera.focus.positions.detach().cpu().numpy()
        places = learned.scene.reference_places(capture.height, capture.width)
        with torch.no_grad():
            sharp = camera.blur.sharp_focus_position(places)
        if sharp is not None:
            defocus = _along(sharp[..., 0].cpu().numpy(), positions, np.arange(len(positions))).astype(np.float32)
            spacing = (positions[-1] - positions[0]) / (len(positions) - 1)
            radius_px = float(camera.blur.metrics()["blur_radius_px"]) * abs(float(spacing))
    stops = camera.exposures.stops.detach().cpu().numpy()
    knots = RESPONSE_KNOTS.to(camera.exposures.stops.device)
    with torch.no_grad():
        ldr = camera.response(knots[:, None].expand(-1, 3))
    return LearnedPhotographs(
        radiance=_picture(learned, CameraSettings(), "hdr"),
        defocus=defocus,
        blur_per_setting_px=radius_px / 2,
        response=ResponseTable(RESPONSE_KNOTS.numpy(), ldr.cpu().numpy()),
        exposures=np.array([stops[capture.frames[index].exposure_index] for index in capture.train_indices]),
        reference=opened.reference,
        photographs=opened.without_pixels(notes),
        learned=learned,
    )


def _picture(learned: LearnedCapture, settings: CameraSettings, name: str) -> Float[np.ndarray, "height width 3"]:
    return learned.renderer.render(learned.view, settings, (name,))[name].cpu().numpy()


def _along(values: np.ndarray | float, ends: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Values of a rising scale `ends` on another scale `marks`, straight on beyond the ends."""
    inside = np.asarray(np.interp(values, ends, marks))
    if len(ends) < 2:
        return inside
    low = (marks[1] - marks[0]) / (ends[1] - ends[0]) * np.minimum(np.subtract(values, ends[0]), 0)
    high = (marks[-1] - marks[-2]) / (ends[-1] - ends[-2]) * np.maximum(np.subtract(values, ends[-1]), 0)
    return inside + low + high


def capture_of(opened: OpenedPhotographs) -> tuple[Capture, list[int]]:
    """The manifest of photographs, also of arrays, and the index in it of each photograph."""
    if opened.capture is not None:
        return opened.capture, list(opened.capture.train_indices)
    count = len(opened.frames)
    height, width, _ = opened.frames[0].shape
    known = opened.exposure_stops is not None
    exposure_index = opened.exposure_index or list(range(count))
    stops = dict(zip(exposure_index, opened.exposure_stops or [0.0] * count, strict=True))
    focus_index = list(range(count)) if opened.moves else ranks(opened.focus_index)
    positions = (0.0,) * count if opened.moves else spread_evenly(len(set(focus_index)))
    folder = Path()
    settings = zip(opened.names, focus_index, exposure_index, strict=True)
    nothing = dict.fromkeys(("frame_rate", "white_balance", "manifest_file"))
    capture = Capture(
        kind="array",
        data=folder,
        data_found=folder,
        folder=folder,
        frames=tuple(Frame(Path(name), focus, exposure) for name, focus, exposure in settings),
        train_indices=tuple(range(count)),
        eval_indices=tuple(range(count)),
        exposures=ExposureSettings(
            tuple(stops[index] for index in sorted(stops)),
            "edited" if known else "unknown",
            "fix" if known else "learn",
        ),
        focuses=FocusSettings(positions, "moments" if opened.moves else "edited", "learn"),
        height=height,
        width=width,
        downscale_factor=1,
        number_type=opened.frames[0].dtype,
        white_level=0,
        linear_light=opened.linear_light,
        reference_index=opened.reference,
        reference=Told(opened.names[opened.reference], opened.names[opened.reference], "given"),
        moves=opened.moves,
        times=tuple(index / (count - 1) for index in range(count)) if opened.moves else (0.0,) * count,
        radiance_truth=(None,) * count,
        sharp_truth=(None,) * count,
        side_maps=SideMaps((), (), (), 1),
        scan_notes=(),
        **nothing,
    )
    return capture, list(range(count))
