"""A capture as it is learned: the scene, the camera that took its photographs, and the error against them.

nerfstudio is not needed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.exposure.exposures import ExposureConfig
from neucam_nerfstudio.camera.exposure.white_balance import FrameWhiteBalance, WhiteBalanceKind
from neucam_nerfstudio.camera.image_formation import develop, sensor_radiance
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.response.response import ResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.motion.as_filmed import explained, said_of_unexplained, share_as_filmed
from neucam_nerfstudio.classical.pixel_values import estimate_pixel_noise, pixel_values
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.full_picture import is_made_large, learn_camera_alone, make_large
from neucam_nerfstudio.parts import Part, Start, TrainingRays, as_tensor
from neucam_nerfstudio.rendering.outputs import Output, Renderer
from neucam_nerfstudio.rendering.path_settings import LensSettings
from neucam_nerfstudio.rendering.view import View, front_view, pinhole_view
from neucam_nerfstudio.scene.scene import PlanarScene, Rays, SceneConfig, VolumetricScene

ONE_THREAD_PIXELS = 250_000
"""On a processor, steps on smaller pictures run in one thread. Their operations take some 100 microseconds, and handing
them out takes longer than two threads save: 73 against 100 ms a step at 0.14 megapixels, but 112 against 96 at 0.54."""

CAMERA_STEPS, CAMERA_RAYS = 150, 2048
"""Of a picture that is made large, steps of training and rays a step: they tell a camera's few numbers."""

NOISE_FRAMES = 8
"""Noise is measured in about so many frames, which are held at a time."""

COMPARED_PIXELS = 3_000_000
LEAST_COMPARED_PIXELS, MOST_COMPARED_PIXELS = 60_000, 600_000
"""All frames of a video together are compared with what is rendered of them at about so many places, on a processor 14
seconds a million; each at no fewer and no more than these."""


class LearnedCapture(nn.Module):
    """Builds the parts that configurations name, starts them, takes photographs of training rays, and renders.

    Args:
        capture: What is known of the photographs.
        scene: Configuration of the scene.
        blur: Of the blur generator.
        exposures: Of the exposure table.
        response: Of the response.
        white_balance: Of many views, whether each frame has a balance of its own.

    Raises:
        NeucamError: Parts do not fit each other or the capture.
    """

    def __init__(
        self,
        capture: Capture,
        scene: SceneConfig,
        blur: BlurConfig,
        exposures: ExposureConfig,
        response: ResponseConfig,
        white_balance: WhiteBalanceKind = "none",
    ) -> None:
        super().__init__()
        self.capture = capture
        self.scene = scene.setup(capture=capture)
        if isinstance(self.scene, VolumetricScene) != (capture.views is not None):
            raise NeucamError(
                f"--pipeline.model.scene {scene.kind}: volumes take many views with known poses (neucam-3d), and"
                " pictures take photographs of one view."
            )
        self.camera = ImplicitCamera(
            capture,
            blur.setup(capture=capture, scene=self.scene),
            exposures.setup(capture=capture),
            response.setup(capture=capture),
            FrameWhiteBalance(capture) if white_balance == "frame" else None,
        )
        if self.camera.blur is not None and self.camera.blur.is_of_volumes != (capture.views is not None):
            raise NeucamError(
                f"--pipeline.model.blur {blur.kind}: does not fit {scene.kind}. Pictures take lens, motion or none, and"
                " volumes thin-lens or none."
            )
        self._kind_notes = [note for config in (scene, blur, exposures, response) if (note := config.kind_note())]
        self.is_made_large = is_made_large(self.scene, self.camera)
        if self.is_made_large:
            learn_camera_alone(self.scene, self.camera)
        reference_time = capture.times[capture.reference_index]
        self.renderer = Renderer(self.scene, self.camera, capture.height, capture.width, reference_time)

    @cached_property  # nerfstudio's viewer looks at all properties but these, and this one may raise
    def planar_scene(self) -> PlanarScene:
        """The scene, for what asks more of it than light along rays.

        Raises:
            NeucamError: It is not a picture.
        """
        if not isinstance(self.scene, PlanarScene):
            raise NeucamError(f"{type(self.scene).__name__}: expected a scene that is a picture, a PlanarScene.")
        return self.scene

    @property
    def view(self) -> View:
        """The whole picture of the reference frame at the photographs' size."""
        return self.view_of_frame(self.capture.reference_index)

    def view_of_frame(self, index: int) -> View:
        """The whole picture of a frame, by its index in the capture, at the photographs' size."""
        device, capture = next(self.parameters()).device, self.capture
        if capture.views is None:
            return front_view(self.planar_scene.plane, device)
        pose = torch.from_numpy(capture.views.camera_to_world[index]).to(device, torch.float32)
        (fx, fy), (cx, cy) = capture.views.focal_px[index].tolist(), capture.views.centre_px[index].tolist()
        return pinhole_view(pose, (fx, fy), (cx, cy), capture.height, capture.width)

    def parts(self) -> list[Part]:
        """All parts, in the order in which they are started."""
        return [*self.camera.parts(), self.scene]

    def notes(self) -> list[str]:
        """Choices that were made for the user when the parts were built, a sentence each."""
        return [*self._kind_notes, *(note for part in self.parts() for note in part.notes)]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """What is learned, by the name of the optimizer that learns it; without groups that learn nothing."""
        groups: dict[str, list[nn.Parameter]] = {}
        for part in (self.scene, *self.camera.parts()):
            for name, parameters in part.parameter_groups().items():
                groups.setdefault(name, []).extend(p for p in parameters if p.requires_grad)
        return {name: parameters for name, parameters in groups.items() if parameters}

    def start(
        self,
        photograph: Callable[[int], np.ndarray],
        coverage: Callable[[int], Bool[np.ndarray, "height width"] | None] = lambda index: None,
    ) -> list[str]:
        """Brings all parts to where training starts.

        Args:
            photograph: Pixels of a frame, by its index in the capture.
            coverage: Which pixels of it show something; None where all do.

        Returns:
            What was found, a sentence each.
        """
        blur, capture = self.camera.blur, self.capture
        trained = torch.tensor([capture.frames[index].exposure_index for index in capture.train_indices])
        open_share = None if blur is None else blur.shutter_open_share
        known = Start(
            capture,
            photograph,
            longest_stops=float(self.camera.exposures.stops.detach().cpu()[trained].max()),
            shutter_open_share=None if open_share is None else float(open_share.detach()),
            coverage=coverage,
        )
        start = self.scene.estimate(known, self.camera.response.known_table(capture))
        return [said for part in self.parts() if (said := part.start(start)) is not None]

    def make_large(
        self,
        photograph: Callable[[int], np.ndarray],
        coverage: Callable[[int], Bool[np.ndarray, "height width"] | None] = lambda index: None,
        report: Callable[[float], None] = lambda share_done: None,
    ) -> None:
        """Makes a large picture of what the camera has learned, if it `is_made_large`; arguments as of `start`."""
        if self.is_made_large:
            make_large(self.scene, self.camera, self.capture, photograph, coverage, report)

    @torch.no_grad()
    def keep_as_filmed(self, photograph: Callable[[int], np.ndarray]) -> str | None:
        """Compares each training frame with what scene and camera make of it. Where that is something else, and where
        there was no blur to take away, a scene of frames shows them as filmed; other scenes are left alone.

        Args:
            photograph: Pixels of a frame, by its index in the capture.

        Returns:
            Which frames are not explained, in a sentence; None if hardly any.
        """
        if not self.scene.keeps_frames:
            return None
        capture, device = self.capture, next(self.parameters()).device
        per_frame = COMPARED_PIXELS / len(capture.train_indices)
        per_frame = min(max(per_frame, LEAST_COMPARED_PIXELS), MOST_COMPARED_PIXELS)
        smaller = min(1.0, math.sqrt(per_frame / (capture.height * capture.width)))
        height, width = (max(1, round(smaller * side)) for side in (capture.height, capture.width))
        view = front_view(self.planar_scene.plane, device, height, width)
        outputs: dict[str, Output] = {"rendered": lambda film: film.developed(film.modelled)}
        if self.camera.blur is not None:
            outputs["sharp"] = lambda film: film.developed(film.scene.radiance(film.places))
            outputs["radius_px"] = lambda film: film.blur_radius_px
        some = capture.train_indices[:: max(1, len(capture.train_indices) // NOISE_FRAMES)]
        pixel_noise, unexplained = estimate_pixel_noise([photograph(index) for index in some]), []
        was_training = self.training
        self.eval()
        for number, index in enumerate(capture.train_indices):
            rendered = self.renderer.render(view, self.camera.settings_of_frame(index), outputs)
            of_frame = {name: picture.cpu().numpy() for name, picture in rendered.items()}
            # At the very places that are rendered: the mean of more pixels would differ from them in fine detail.
            photographed = cv2.resize(pixel_values(photograph(index)), (width, height), interpolation=cv2.INTER_LINEAR)
            told = explained(photographed, of_frame["rendered"], of_frame.get("sharp"), pixel_noise)
            radius_px = of_frame["radius_px"][..., 0] if "radius_px" in of_frame else None
            self.scene.show_as_filmed(number, as_tensor(share_as_filmed(told, radius_px), device))
            unexplained.append(1 - told.mean())
        self.train(was_training)
        return said_of_unexplained([frame.name for frame in capture.train_frames], np.array(unexplained))

    @contextmanager
    def threads_of_steps(self) -> Iterator[None]:
        """Meanwhile, torch has as many threads as serve the training steps best."""
        num_threads, pixels = torch.get_num_threads(), self.capture.height * self.capture.width
        on_processor = next(self.parameters()).device.type == "cpu"
        if on_processor and self.scene.is_looked_up and pixels < ONE_THREAD_PIXELS:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(num_threads)

    def most_steps(self, num_steps: int, rays_per_step: int, asked: int | None = None) -> tuple[int, int]:
        """Steps of training and rays a step: a method's own, or what tells the camera alone, unless steps are asked."""
        if self.is_made_large:
            num_steps, rays_per_step = min(num_steps, CAMERA_STEPS), min(rays_per_step, CAMERA_RAYS)
        return (num_steps if asked is None else asked), rays_per_step

    def photograph_rays(
        self,
        rays: Rays,
        focus_index: Int[Tensor, "rays 1"],
        exposure_index: Int[Tensor, "rays exposures"],
        frame_index: Int[Tensor, " rays"],
        step: int,
    ) -> tuple[Float[Tensor, "rays exposures 3"], TrainingRays]:
        """Pixel values of rays of training frames, in [0, 1], and where the rays went.

        Rays that do not train are of frames that were held out, where any were; these have no own white balance.

        Args:
            rays: The rays.
            focus_index: Focus setting of each.
            exposure_index: Exposure settings that each is developed at.
            frame_index: Training frame of each, or frame that was held out.
            step: The training step.
        """
        camera, held_out = self.camera, not self.training and self.capture.held_out
        blur, exposure_stops = camera.blur, camera.exposures(exposure_index)
        settings = CameraSettings(
            camera.focus(focus_index),
            camera.apertures(frame_index, held_out=held_out),
            exposure_stops=exposure_stops,
            time=rays.times,
        )
        places, _ = self.scene.meet(rays)
        radiance, taps = sensor_radiance(self.scene, blur, places, settings)
        radius_px = None if blur is None or taps is None else lambda: blur.radius_px(places, taps)
        balance = None if held_out else camera.white_balance
        log_gains = None if balance is None else balance(frame_index)
        ldr = develop(camera.response, radiance, exposure_stops, log_gains)
        return ldr, TrainingRays(places, frame_index, step, radius_px)

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """Weighted terms of the training loss on the parts themselves, by name."""
        return {name: term for part in self.parts() for name, term in part.losses(rays).items()}

    def metrics(self) -> dict[str, Float[Tensor, ""]]:
        """Numbers of the parts worth watching."""
        return {name: number for part in self.parts() for name, number in part.metrics().items()}

    def exposed_at(self, settings: CameraSettings, stops: float) -> CameraSettings:
        """Settings at another exposure, which brightens what is tone mapped as much as it brightens photographs."""
        index = self.capture.reference_index if settings.frame is None else settings.frame
        return settings.exposed(stops, self.camera.stops_of_frame(index))

    def turned_to(self, settings: CameraSettings, lens: LensSettings) -> CameraSettings:
        """Settings of many views, taken as a photographer says: what `lens` leaves alone stays.

        Args:
            settings: Their aperture is a factor on that of `lens`, too: 0 stays all in focus.
            lens: Focus distance, f-number and exposure.

        Raises:
            NeucamError: It has an f-number, and nothing tells that of the frames.
        """
        if lens.focus_distance_m is not None:
            settings = replace(settings, focus_position=1 / lens.focus_distance_m)
        if lens.f_number is not None:
            own = self.f_number_of_frame(settings.frame)
            if own is None:
                raise NeucamError(
                    f"f-number {lens.f_number:g}: nothing tells the f-number of these frames, so their aperture is"
                    " learned, and known as a factor alone. Leave the f-number out."
                )
            settings = replace(settings, aperture=settings.aperture * (own / lens.f_number))
        return settings if lens.exposure_stops is None else self.exposed_at(settings, lens.exposure_stops)

    def f_number_of_frame(self, frame: int | None) -> float | None:
        """The f-number that an aperture of 1 means for a frame of many views, by its index; None of it is the reference
        frame. None where nothing tells."""
        views = self.capture.views
        if views is None:
            return None
        radius_m, reference = views.aperture_radius_m, self.capture.reference_index
        index = reference if frame is None or not np.isfinite(radius_m[frame]) else frame
        return float(views.f_number[index]) if np.isfinite(radius_m[index]) else None
