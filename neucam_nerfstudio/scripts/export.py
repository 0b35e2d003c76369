"""`neucam-export`: radiance and pictures of a trained capture, as files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import tyro
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio import __version__
from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.rendering.display_tonemapping import DisplayOperator
from neucam_nerfstudio.rendering.image_files import PictureFileError, Precision, write_image, write_radiance

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras
    from nerfstudio.models.base_model import Model
    from torch import Tensor

    from neucam_nerfstudio.capture.capture import Capture

OUTPUTS_NOT_FOR_DISPLAY = ("hdr", "hdr_defocused", "depth")
"""Outputs that have no upper end, so that a picture file would cut them off."""


class ExportError(ValueError):
    """Something asked of `neucam-export` that this run cannot give. The message says what to ask instead."""


class TrainedRun(NamedTuple):
    """A trained model, the photographs it was trained on and the camera that took them.

    Attributes:
        model: In evaluation mode.
        capture: The training photographs.
        camera: One camera without settings of its own: the dials of the model are its settings.
    """

    model: Model
    capture: Capture
    camera: Cameras

    def render(self) -> dict[str, Tensor]:
        """All outputs of the model, [height, width, channels], at what the dials say."""
        return self.model.get_outputs_for_camera(self.camera)


def load_run(load_config: Path) -> TrainedRun:
    """Loads the newest checkpoint of a run.

    Args:
        load_config: The `config.yml` that `ns-train` wrote.

    Raises:
        ExportError: If there is no such file.
    """
    if not load_config.is_file():
        raise ExportError(f"{load_config}: no such file. Give the config.yml in the output folder of an ns-train run.")
    from nerfstudio.utils.eval_utils import eval_setup  # takes ten seconds, which --help need not wait

    _, pipeline, _, _ = eval_setup(load_config, test_mode="inference")
    photographs = pipeline.datamanager.train_dataparser_outputs
    return TrainedRun(pipeline.model, photographs.metadata["capture"], camera_with_dials(photographs.cameras))


def camera_with_dials(cameras: Cameras) -> Cameras:
    """The first of the cameras without the focus and exposure of its photograph, so that the dials take effect."""
    camera = cameras[0:1]
    camera.metadata = None
    return camera


@dataclass
class ExportCommand:
    """What every kind of export needs to know."""

    load_config: Path
    """The config.yml that ns-train wrote."""
    output_path: Path
    """Folder to write to; it is made if missing, and files of the same name are replaced."""


@dataclass
class ExportHdr(ExportCommand):
    """Writes the all-in-focus scene as linear radiance: hdr.exr (Rec. 709 primaries)."""

    image_format: Literal["exr", "hdr"] = "exr"
    """OpenEXR, or Radiance HDR (8 bits a colour and a shared exponent, no metadata)."""
    precision: Precision = "half"
    """Size of an EXR sample: half is 16 bits, float 32."""

    def main(self) -> None:
        """Renders and writes the file."""
        run = load_run(self.load_config)
        run.model.dials.aperture = 0.0  # the sharp scene needs no lens, and the lens is most of the work
        radiance = run.render()["hdr"].cpu().numpy()
        metadata = {
            "software": f"neucam-nerfstudio {__version__}",
            "exposureReference": exposure_reference(run.capture),
        }
        path = self.output_path / f"hdr.{self.image_format}"
        write_radiance(path, radiance, self.precision, metadata)
        CONSOLE.print(f"Wrote {path}", markup=False)


def exposure_reference(capture: Capture) -> str:
    """One line that says which exposure the radiance is relative to."""
    reference = capture.frames[capture.reference_index]
    if capture.exposures.source == "unknown":
        return f"Exposures were estimated from the photographs (reference {reference.path.name})."
    stops = capture.exposure_stops(capture.reference_index)
    return f"Radiance at 0 stops; {reference.path.name} has {stops:+g} stops ({capture.exposures.source})."


@dataclass
class ExportImages(ExportCommand):
    """Writes display-ready outputs of the model, one file each, at the focus, aperture and exposure you dial."""

    rendered_output_names: tuple[str, ...] = ("all_in_focus_hdr", "all_in_focus", "rgb")
    """Outputs to write, such as all_in_focus_hdr, all_in_focus, rgb or defocus."""
    image_format: Literal["png", "jpeg"] = "png"
    """File type."""
    bits: Literal[8, 16] = 8
    """Depth of a PNG sample."""
    focus_position: float | None = None
    """Focus dial, on the learned scale (the captured settings lie around -1 to 1). Default: the reference frame's."""
    aperture: float | None = None
    """Aperture dial: 0 no blur, 1 as captured, up to 3. Default: 1."""
    exposure_stops: float | None = None
    """Exposure dial in stops, +1 doubles the light. Default: the reference frame's."""
    tone_mapping: DisplayOperator | None = None
    """How HDR outputs are brought to the display. Default: reinhard."""

    def main(self) -> None:
        """Turns the dials, renders and writes the files."""
        run = load_run(self.load_config)
        self._turn_dials(run.model.dials)
        outputs = run.render()
        self._check_names(outputs)
        for name in self.rendered_output_names:
            path = self.output_path / f"{name}.{'jpg' if self.image_format == 'jpeg' else 'png'}"
            write_image(path, outputs[name].cpu().numpy(), self.bits)
            CONSOLE.print(f"Wrote {path}", markup=False)

    def _turn_dials(self, dials: object) -> None:
        for dial in ("focus_position", "aperture", "exposure_stops", "tone_mapping"):
            setting = getattr(self, dial)
            if setting is None:
                continue
            try:
                setattr(dials, dial, setting)
            except ValueError as error:
                raise ExportError(f"--{dial.replace('_', '-')} {setting}: {error}") from error

    def _check_names(self, outputs: dict[str, Tensor]) -> None:
        displayable = [name for name in outputs if name not in OUTPUTS_NOT_FOR_DISPLAY]
        for name in self.rendered_output_names:
            if name in OUTPUTS_NOT_FOR_DISPLAY:
                raise ExportError(
                    f"{name} has no upper end: `neucam-export hdr` or `ns-render` (raw-{name}) keep it whole."
                )
            if name not in displayable:
                raise ExportError(f"This model has no output {name!r}; it has {', '.join(displayable)}.")


Command = tyro.conf.FlagConversionOff[
    Annotated[ExportHdr, tyro.conf.subcommand(name="hdr")]
    | Annotated[ExportImages, tyro.conf.subcommand(name="images")]
]


def entrypoint() -> None:
    """Runs `neucam-export`; what a user can put right is said in one line, exit code 1."""
    tyro.extras.set_accent_color("bright_yellow")
    command = tyro.cli(Command, description=__doc__)
    try:
        command.main()
    except (ExportError, CaptureError, PictureFileError) as error:
        CONSOLE.print(str(error), style="bold red", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    entrypoint()
