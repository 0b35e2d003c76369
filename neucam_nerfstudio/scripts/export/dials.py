"""Options that turn dials: in which units captures have them, and which are refused.

One is refused if physics does not know its setting, or if nothing of what is written would change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photograph_metadata import TurnedDial
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.path_settings import LensSettings

DIAL_OF_OPTION: dict[str, TurnedDial] = {
    "focus_position": "focus",
    "focus_distance_m": "focus",
    "aperture": "aperture",
    "f_number": "aperture",
    "exposure_stops": "exposure",
}
"""The dial that each option turns. Options are named after the field of `CameraSettings` that they set, or, in metres
and f-numbers, after that of `LensSettings`."""

OTHER_UNIT = {"focus_position": "focus_distance_m", "aperture": "f_number"}
"""Options of captures of one view, and what says the same of many views."""

CHANGED_OUTPUTS: dict[TurnedDial, tuple[str, ...]] = {
    "focus": ("rgb", "hdr_defocused", "defocus"),
    "aperture": ("rgb", "hdr_defocused"),
    "exposure": ("rgb", "all_in_focus", "all_in_focus_hdr", "background", "foreground"),
}
"""What each dial changes; all of it but `defocus`, which is of the captured aperture, is in focus at aperture 0."""


def flag(option: str) -> str:
    """An option's name as it is typed."""
    return f"--{option.replace('_', '-')}"


def typed(option: str, *values: float) -> str:
    """An option as it is typed."""
    return " ".join([flag(option), *(f"{value:g}" for value in values)])


def check_units(run: LearnedCapture, given: Mapping[str, Sequence[float]]) -> None:
    """Checks that options are in units that the run has.

    Args:
        run: Whose dials they are.
        given: What is typed of each, by the option's name; nothing where it is left out.

    Raises:
        NeucamError: One of them is in another unit, or a dial is turned twice.
    """
    has_metres = run.capture.views is not None
    for unitless, metric in OTHER_UNIT.items():
        own, its = given.get(unitless, ()), given.get(metric, ())
        if its and not has_metres:
            raise NeucamError(
                f"{typed(metric, *its)}: photographs of one view tell neither metres nor f-numbers of what is learned."
                f" Use {flag(unitless)}, on the learned scale."
            )
        if unitless == "focus_position" and own and has_metres:
            raise NeucamError(
                f"{typed(unitless, *own)}: many views are focused in metres. Use {flag(metric)}, such as"
                f" {flag(metric)} 1.5"
            )
        if own and its:
            raise NeucamError(f"{typed(unitless, *own)} and {typed(metric, *its)}: turn one dial. Leave one out.")
    if given.get("f_number") and run.f_number_of_frame(None) is None:
        raise NeucamError(
            f"{typed('f_number', *given['f_number'])}: nothing tells the f-number of these frames, so their aperture is"
            " learned. Use --aperture, a factor on it."
        )


def check_dials(
    run: LearnedCapture,
    outputs: Sequence[str],
    given: Mapping[str, Sequence[float]],
    options: Mapping[TurnedDial, str],
    apertures: Sequence[float],
) -> None:
    """Checks what dials are turned to, and that every dial that the user turns changes one of the outputs.

    Args:
        run: Whose dials they are.
        outputs: What is written.
        given: All that each dial is turned to, by the name of the option.
        options: How each dial was turned, as it was typed.
        apertures: All that the pictures are taken with, as factors or f-numbers.

    Raises:
        NeucamError: Physics has no such setting, or one changes nothing.
    """
    check_units(run, given)
    for option, settings in given.items():
        for setting in settings:
            check_setting(option, setting)
    for dial, option in options.items():
        if (reason := _why_idle(run, dial, outputs, apertures)) is not None:
            raise NeucamError(f"{option}: {reason}, so it would change nothing. Leave it out.")


def check_setting(option: str, setting: float) -> None:
    """Refuses what no lens and no shutter has by a `NeucamError` that says what was typed."""
    if option in LensSettings._fields and option not in CameraSettings.__dataclass_fields__:
        LensSettings(**{option: setting}).check({option: flag(option)})
        return
    try:
        replace(CameraSettings(), **{option: setting})
    except NeucamError as error:
        expected = str(error).partition(": ")[2]
        raise NeucamError(f"{typed(option, setting)}: {expected}") from error


def check_picture_dials(
    run: LearnedCapture,
    outputs: Sequence[str],
    given: Mapping[str, float | None],
    aperture: float,
    frames: Sequence[str],
) -> None:
    """The same for pictures whose dials hold, or are left alone (None), and that a choice of frames changes them, too.

    Raises:
        NeucamError: Physics has no such setting, or one changes nothing.
    """
    held = {option: (setting,) for option, setting in given.items() if setting is not None}
    options: dict[TurnedDial, str] = {DIAL_OF_OPTION[name]: typed(name, *setting) for name, setting in held.items()}
    apertures = held.get("f_number", (aperture,))
    check_dials(run, outputs, held, options, apertures)
    reasons = [_why_idle(run, dial, outputs, apertures) for dial in ("focus", "exposure")]
    if frames and run.capture.views is None and not run.capture.moves and None not in reasons:
        raise NeucamError(
            f"--frames {' '.join(frames)}: frames of a still scene differ in focus and exposure. But {reasons[0]}, and "
            f"{reasons[1]}, so all files would be the same. Leave it out."
        )


def said_of_keyframes(
    run: LearnedCapture, settings: Sequence[LensSettings], outputs: Sequence[str], aperture: float
) -> str | None:
    """Which settings along a path change none of the outputs, in a sentence; None if all do.

    Args:
        run: Whose dials they are.
        settings: Of each camera.
        outputs: What is written.
        aperture: Factor on that of the path.
    """
    keyed = [name for name in LensSettings._fields if any(getattr(each, name) is not None for each in settings)]
    idle = {name: _why_idle(run, DIAL_OF_OPTION[name], outputs, (aperture,)) for name in keyed}
    if aperture == 0 and "f_number" in idle:
        idle["f_number"] = "all is in focus at aperture 0 (--aperture)"
    reasons = dict.fromkeys(reason for reason in idle.values() if reason is not None)
    said = [f"{', '.join(name for name in idle if idle[name] == reason)} ({reason})" for reason in reasons]
    return f"Keyframes of the path that change nothing here: {'; '.join(said)}." if said else None


def _why_idle(run: LearnedCapture, dial: TurnedDial, outputs: Sequence[str], apertures: Sequence[float]) -> str | None:
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
