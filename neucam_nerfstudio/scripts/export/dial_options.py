"""Options that turn dials: one that physics does not know is refused, and one that would change nothing of what is
written, for nobody would notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.scripts.export.trained_run import SETTINGS, Dial, typed

CHANGED_OUTPUTS: dict[Dial, tuple[str, ...]] = {
    "focus": ("rgb", "hdr_defocused", "defocus"),
    "aperture": ("rgb", "hdr_defocused"),
    "exposure": ("rgb", "all_in_focus", "all_in_focus_hdr", "background", "foreground"),
}
"""What each dial changes; all of it but `defocus`, which is of the captured aperture, is in focus at aperture 0."""


def check_possible(dial: Dial, *settings: float) -> None:
    """Checks what a dial is turned to.

    Raises:
        NeucamError: Physics has no such setting.
    """
    for setting in settings:
        try:
            replace(CameraSettings(), **{SETTINGS[dial]: setting})
        except NeucamError as error:
            expected = str(error).partition(": ")[2]
            raise NeucamError(f"{typed(dial, setting)}: {expected}") from error


def check_dials(
    run: LearnedCapture, outputs: Sequence[str], options: Mapping[Dial, str], apertures: Sequence[float]
) -> None:
    """Checks that every dial that the user turns changes one of the outputs.

    Args:
        run: Whose dials they are.
        outputs: What is written.
        options: The options that turn dials, as typed.
        apertures: All that the pictures are taken with.

    Raises:
        NeucamError: One changes nothing.
    """
    for dial, option in options.items():
        if (reason := _why_idle(run, dial, outputs, apertures)) is not None:
            raise NeucamError(f"{option}: {reason}, so it would change nothing. Leave it out.")


def check_picture_dials(
    run: LearnedCapture,
    outputs: Sequence[str],
    settings: Mapping[Dial, float | None],
    aperture: float,
    frames: Sequence[str],
) -> None:
    """Checks what dials are turned to, and that each of them, and the choice of frames, changes a picture.

    Args:
        run: Whose dials they are.
        outputs: What is written.
        settings: What the user turns each dial to; None is left alone.
        aperture: What the pictures are taken with.
        frames: The option `frames`.

    Raises:
        NeucamError: Physics has no such setting, or one changes nothing.
    """
    turned: dict[Dial, float] = {dial: setting for dial, setting in settings.items() if setting is not None}
    for dial, setting in turned.items():
        check_possible(dial, setting)
    options: dict[Dial, str] = {dial: typed(dial, setting) for dial, setting in turned.items()}
    check_dials(run, outputs, options, (aperture,))
    reasons = [_why_idle(run, dial, outputs, (aperture,)) for dial in ("focus", "exposure")]
    if frames and not run.capture.moves and None not in reasons:
        raise NeucamError(
            f"--frames {' '.join(frames)}: frames of a still scene differ in focus and exposure. But {reasons[0]}, and "
            f"{reasons[1]}, so all files would be the same. Leave it out."
        )


def _why_idle(run: LearnedCapture, dial: Dial, outputs: Sequence[str], apertures: Sequence[float]) -> str | None:
    """Why a dial changes none of the outputs; None if it does change one."""
    if dial == "aperture" and run.camera.blur is None:
        return "the camera of this run has no blur"
    if dial == "focus" and not run.camera.has_focus:
        return "the camera of this run has no blur that depends on focus"
    if dial == "focus" and not any(apertures) and "defocus" not in outputs:
        return "all is in focus at aperture 0 (--aperture)"
    if not set(CHANGED_OUTPUTS[dial]).intersection(outputs):
        changed = [name for name in CHANGED_OUTPUTS[dial] if name in run.renderer.output_names()]
        return f"{dial} changes {', '.join(changed)}, and not {', '.join(outputs)}"
    return None
