"""`neucam_nerfstudio.train`: photographs learned as a scene and a camera, without nerfstudio's trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float

from neucam_nerfstudio.api import ResponseChoice
from neucam_nerfstudio.camera.exposure.exposures import check_bracket
from neucam_nerfstudio.camera.response.response import ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.alignment.still_alignment import AlignChoice
from neucam_nerfstudio.classical.pixel_values import WHITE_LDR
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.datasets.pixel_sampling import PixelSampler, exposure_groups, single_frames
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.fused_photographs import FusedPhotographs
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.models.photographic_error import error_of_photographs, mean_of_frames, with_white_as_bound
from neucam_nerfstudio.models.presets import PRESETS, Preset
from neucam_nerfstudio.parts import shared_tensor
from neucam_nerfstudio.photographs import Photographs, open_photographs
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
        num_steps: Training steps; 0 gives what training starts from, None the method's own number.
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
    if num_steps is not None and num_steps < 0:
        raise NeucamError(f"num_steps: found {num_steps}, expected 0 or more.")
    preset = PRESETS[method]
    capture, store = open_photographs(
        photographs,
        exposure_stops=exposure_stops,
        focus=focus,
        frames=preset.frames,
        reference=reference,
        align=align,
        downscale_factor=downscale_factor,
        linear_light=response == "linear",
    )
    if preset.needs_bracket:
        check_bracket(capture)
    responses = {"srgb": SrgbResponseConfig(), "linear": ResponseConfig()}
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        learned = LearnedCapture(
            capture, preset.scene, preset.blur, preset.exposures, responses.get(response, preset.response)
        ).to(device)
        pixels = store.stack(capture.train_indices)
        covered = store.coverages(capture.train_indices)
        said = learned.start(store.whole, store.coverage)
        with learned.threads_of_steps():
            num_steps, num_rays = learned.most_steps(preset.num_steps, preset.rays_per_step, num_steps)
            _learn(learned, preset, pixels, covered, (num_steps, num_rays), device, report)
        if num_steps > 0:
            learned.make_large(store.whole, store.coverage)
        said_last = learned.keep_as_filmed(store.whole)
    return _result(learned.eval(), (*learned.notes(), *filter(None, (*said, said_last))))


def _learn(
    learned: LearnedCapture,
    preset: Preset,
    pixels: np.ndarray,
    covered: Bool[np.ndarray, "frames height width"] | None,
    steps_and_rays: tuple[int, int],
    device: torch.device,
    report: Callable[[float], None],
) -> None:
    capture, (num_steps, num_rays) = learned.capture, steps_and_rays
    sampler = PixelSampler(shared_tensor(pixels), capture, capture.train_indices, device, covered)
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
        drawn = sampler.sample(num_rays, groups)
        ldr, went = learned.photograph_rays(
            drawn.rays, drawn.focus_index, drawn.exposure_index, drawn.frame_index, step
        )
        error = error_of_photographs(*with_white_as_bound(ldr, drawn.ldr, WHITE_LDR), drawn.is_frame, capture)
        loss = mean_of_frames(error, drawn.is_frame) + sum(learned.losses(went).values())
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        report((step + 1) / num_steps)


def _result(learned: LearnedCapture, notes: tuple[str, ...]) -> LearnedPhotographs:
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
        capture=capture,
        training_notes=notes,
        confidence=_confidence(learned),
        learned=learned,
    )


def _confidence(learned: LearnedCapture) -> Float[np.ndarray, "height width"] | None:
    if "confidence" not in learned.renderer.output_names():
        return None
    return _picture(learned, CameraSettings(), "confidence")[..., 0]


def _picture(learned: LearnedCapture, settings: CameraSettings, name: str) -> Float[np.ndarray, "height width _"]:
    return learned.renderer.render(learned.view, settings, (name,))[name].cpu().numpy()


def _along(values: np.ndarray | float, ends: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Values of a rising scale `ends` on another scale `marks`, straight on beyond the ends."""
    inside = np.interp(values, ends, marks)
    if len(ends) < 2:
        return np.asarray(inside)
    low = (marks[1] - marks[0]) / (ends[1] - ends[0]) * np.minimum(np.subtract(values, ends[0]), 0)
    high = (marks[-1] - marks[-2]) / (ends[-1] - ends[-2]) * np.maximum(np.subtract(values, ends[-1]), 0)
    return np.asarray(inside + low + high)
