"""Files of a fused picture: what photographers, and programs after ours, expect of one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.capture.focus_distances import depth_m, dioptres_of_settings
from neucam_nerfstudio.capture.manifest import MANIFEST_NAME
from neucam_nerfstudio.classical.warm_start import LEAST_STOPS_FOR_RESPONSE
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import (
    REC709,
    conversion_to_srgb,
    primaries_of_profile,
    srgb_curve_profile,
)
from neucam_nerfstudio.imaging.dng_files import (
    MIDDLE_PIXEL_VALUE,
    PREVIEW_PX,
    DngScale,
    dng_scale,
    white_of_reference,
    write_dng,
)
from neucam_nerfstudio.imaging.exif_block import DESCRIPTION_TAG, SOFTWARE, Exif, text_tag
from neucam_nerfstudio.imaging.file_writing import unsupported
from neucam_nerfstudio.imaging.image_files import BitDepth, quantised, write_image, write_index_png
from neucam_nerfstudio.imaging.large_pictures import in_strips
from neucam_nerfstudio.imaging.mesh_files import write_glb
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata
from neucam_nerfstudio.imaging.radiance_files import Precision, write_radiance
from neucam_nerfstudio.imaging.raw_files import is_raw
from neucam_nerfstudio.photometry import LN2, encode_srgb
from neucam_nerfstudio.rendering.display_tonemapping import SMALLEST_RADIANCE, DisplayOperator, tonemap
from neucam_nerfstudio.rendering.relief import MOST_TRIANGLES, filled_by_confidence, grid_size, relief_of, stereo_pair

if TYPE_CHECKING:
    from neucam_nerfstudio.fused_photographs import FusedPhotographs

PictureFormat = Literal["png", "jpeg", "tiff"]
PICTURE_SUFFIXES: dict[PictureFormat, str] = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif"}
FusedOutput = Literal["hdr", "dng", "all_in_focus_hdr", "all_in_focus", "defocus", "source_map", "mesh", "stereo"]
"""`hdr` is radiance as OpenEXR and `dng` as linear DNG; `all_in_focus_hdr` the tone-mapped picture, `all_in_focus` the
sharp photograph with the look of the others; `defocus` and `source_map` tell the focus setting in which each pixel is
sharpest, in grey and in colours; `mesh` is the picture as a relief, `stereo` for two eyes."""
OF_FOCUS: tuple[FusedOutput, ...] = ("defocus", "source_map", "mesh", "stereo")
"""Those that photographs at one focus do not tell."""

RADIANCE_SUFFIXES = (".exr", ".hdr", ".dng")
DISPLAY_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
MESH_SUFFIX = ".glb"
FILE_SUFFIXES = (*RADIANCE_SUFFIXES, *DISPLAY_SUFFIXES, MESH_SUFFIX)

TEXTURE_PX, EYE_PX = 4096, 2048
"""Longer sides of the picture on a mesh, and of what an eye sees."""
DISPARITY_SHARE = 0.03
"""Of the width, by which the nearest and the farthest thing differ between two eyes: seen by most without strain (a
thirtieth of the width, the rule of stereo photography)."""
MOST_INDEXED = 256
"""Numbers that a PNG of indexed colours has."""


@dataclass(frozen=True)
class FileOptions:
    """How files are written.

    Attributes:
        picture_format: Of pictures to look at.
        bits: Of their samples; None is 16 for TIFF and 8 for others.
        operator: How the whole range is brought to a display.
        precision: Size of an EXR's sample; and whether a DNG has floats of this size, or integers (auto).
        depth_scale: How deep the relief is, in longer sides of the picture. Below 0, its farthest becomes its nearest.
    """

    picture_format: PictureFormat = "png"
    bits: BitDepth | None = None
    operator: DisplayOperator = "reinhard"
    precision: Precision = "auto"
    depth_scale: float = 0.3


def is_one_file(path: Path) -> bool:
    """Whether an output path names one file, and not a folder: whether its suffix begins with a letter.

    A folder may be called `beetles_2024.05.12`, and a folder that is there is one whatever its name.
    """
    return path.suffix[1:2].isalpha() and not path.is_dir()


def check_suffix(path: Path) -> None:
    """Checks that a file of this suffix can be written.

    Raises:
        NeucamError: It cannot.
    """
    if path.suffix.lower() not in FILE_SUFFIXES:
        raise unsupported(path, "fused photographs", FILE_SUFFIXES)


@dataclass(frozen=True)
class FusedFiles:
    """What writes each file of a picture."""

    fused: FusedPhotographs
    options: FileOptions = FileOptions()

    def default_outputs(self) -> tuple[FusedOutput, ...]:
        """What a folder holds where nothing is chosen; where exposures are one, the photograph with their look, too."""
        outputs: list[FusedOutput] = ["hdr", "all_in_focus_hdr"]
        if self._is_of_one_exposure:
            outputs.append("all_in_focus")
        if self.fused.defocus is not None:
            outputs.append("defocus")
        return tuple(outputs)

    def in_folder(
        self, folder: Path, outputs: Sequence[FusedOutput] | None = None
    ) -> dict[Path, Callable[[Path], None]]:
        """The files of a folder, and what writes each; the manifest is the last.

        Raises:
            NeucamError: An output is asked for that these photographs do not tell.
        """
        picture = PICTURE_SUFFIXES[self.options.picture_format]
        writers: dict[FusedOutput, tuple[str, Callable[[Path], None]]] = {
            "hdr": ("hdr.exr", self.write_radiance),
            "dng": ("hdr.dng", self.write_dng),
            "all_in_focus_hdr": (f"all_in_focus_hdr{picture}", self.write_tone_mapped),
            "all_in_focus": (f"all_in_focus{picture}", self.write_photograph),
            "defocus": ("defocus.png", self.write_defocus),
            "source_map": ("source_map.png", self.write_source_map),
            "mesh": ("mesh.glb", self.write_mesh),
            "stereo": ("stereo.jpg", self.write_stereo),
        }
        chosen = dict.fromkeys(self.default_outputs() if outputs is None else outputs)
        for output in chosen:
            if output in OF_FOCUS and self.fused.defocus is None:
                raise NeucamError(f"{output}: these photographs share one focus, which tells no depth. Leave it out.")
        files = {folder / name: write for name, write in (writers[output] for output in chosen)}
        return files | {folder / MANIFEST_NAME: self.fused.capture.save}

    def of_suffix(self, path: Path) -> Callable[[Path], None]:
        """What writes a single file, by its suffix.

        A picture to look at has the look of the photographs where their exposures are one, and is tone mapped where
        they differ.

        Raises:
            NeucamError: There is no such file type, or the photographs do not tell what it holds.
        """
        check_suffix(path)
        suffix = path.suffix.lower()
        if suffix == MESH_SUFFIX:
            if self.fused.defocus is None:
                raise NeucamError(f"{path}: these photographs share one focus, which tells no depth for a mesh.")
            return self.write_mesh
        if suffix == ".dng":
            return self.write_dng
        if suffix in RADIANCE_SUFFIXES:
            return self.write_radiance
        return self.write_photograph if self._is_of_one_exposure else self.write_tone_mapped

    def write_radiance(self, path: Path) -> None:
        """Radiance; an EXR holds what is known of each pixel as further channels.

        `confidence`; and `Z`, the distance in metres, where the camera tells the distances of the focus settings, else
        `defocus`, the focus setting in which the pixel is sharpest, counted from 0.
        """
        fused = self.fused
        attributes = {
            "software": SOFTWARE,
            "exposureReference": fused.capture.exposure_reference(),
            "frameSettings": json.dumps(self._frame_settings()),
        }
        channels: dict[str, Float[np.ndarray, "height width 1"]] = {}
        if path.suffix.lower() == ".exr":
            if fused.confidence is not None:
                channels["confidence"] = fused.confidence[..., None]
            if fused.defocus is not None and self._dioptres is not None:
                channels["Z"] = depth_m(self._filled_defocus, self._dioptres)[..., None]
            elif fused.defocus is not None:
                channels["defocus"] = self._filled_defocus[..., None]
        exif = fused.metadata.exif
        write_radiance(path, fused.radiance, self.options.precision, attributes, channels, fused.primaries, exif=exif)

    def write_dng(self, path: Path) -> None:
        """Radiance as a linear DNG, whose first exposure is the reference photograph's."""
        fused, preview = self.fused, self._srgb_picture(PREVIEW_PX)
        write_dng(path, fused.radiance, self._dng_scale, preview, fused.primaries, fused.metadata.exif)

    def write_tone_mapped(self, path: Path) -> None:
        """The whole range, brought to the display."""
        profile, exif = self.fused.metadata
        primaries = None if profile is None else primaries_of_profile(profile)
        shown_profile = None if primaries is None else srgb_curve_profile(primaries)
        self._write_picture(path, self._tone_mapped, PhotographMetadata(shown_profile, exif))

    def write_photograph(self, path: Path) -> None:
        """The sharp photograph at the reference photograph's exposure, with the look and the profile of the others."""
        self._write_picture(path, self._as_photographed, self.fused.metadata)

    def write_defocus(self, path: Path) -> None:
        """16 bits of grey: black is the first focus setting, white the last; what lies beyond them is clipped."""
        last = np.float32(self._last_setting)
        said = f"Focus setting in which each pixel is sharpest: 0 is {self._names_of_setting(0)},"
        said += f" 65535 is {self._names_of_setting(self._last_setting)}, evenly between."
        metadata = PhotographMetadata(None, self._described(said))
        write_image(path, self._filled_defocus[..., None], 16, metadata=metadata, shown=lambda rows: rows / last)

    def write_source_map(self, path: Path) -> None:
        """Indexed colours: the index is the number of the focus setting that each pixel comes from."""
        import cv2

        group = self._last_setting // MOST_INDEXED + 1
        last = self._last_setting
        index = in_strips(self._defocus, lambda rows: (np.rint(rows).clip(0, last) // group).astype(np.uint8))
        num_colours = self._last_setting // group + 1
        ramp = np.linspace(0, 255, num_colours).round().astype(np.uint8)[:, None]
        colours = cv2.applyColorMap(ramp, cv2.COLORMAP_TURBO)[:, 0, ::-1]
        legend = (
            f"{number} {self._names_of_setting(number * group)}" + (f" and {group - 1} more" if group > 1 else "")
            for number in range(num_colours)
        )
        said = f"Index of the colour: focus setting. {'; '.join(legend)}"
        write_index_png(path, index, np.ascontiguousarray(colours), self._described(said))

    def write_mesh(self, path: Path) -> None:
        """The picture as a relief."""
        height, width = self._defocus.shape
        nearness = self._nearness(grid_size(height, width, MOST_TRIANGLES))
        relief = relief_of(nearness, (height, width), self.options.depth_scale)
        write_glb(path, *relief, self._srgb_picture(TEXTURE_PX))

    def write_stereo(self, path: Path) -> None:
        """What the left eye sees beside what the right eye sees."""
        picture = self._srgb_picture(EYE_PX)
        height, width = picture.shape[:2]
        disparity_px = DISPARITY_SHARE * width * (1 if self.options.depth_scale >= 0 else -1)
        eyes = stereo_pair(picture / np.float32(255), self._nearness((height, width)), disparity_px)
        kept = PhotographMetadata(None, self.fused.metadata.exif).at_size(self.fused.radiance.shape[0] / height)
        write_image(path, np.concatenate(eyes, axis=1), metadata=kept)

    def said_of(self, files: Iterable[Path]) -> Iterator[str]:
        """What was chosen for the user in these files, a sentence each."""
        for path in files:
            stops = math.log2(max(float(self.fused.radiance.max()), SMALLEST_RADIANCE) / self._reference_white)
            if path.suffix.lower() == ".dng" and stops > self._dng_scale.baseline_exposure_stops:
                yield (
                    f"{path.name}: light reaches {stops:.1f} stops above white, of which"
                    f" {self._dng_scale.baseline_exposure_stops:g} are kept. --precision half keeps all, in 16-bit"
                    " floats as Lightroom writes them, which other programs may show coarsely; .exr keeps all."
                )
            is_view = path.name == "stereo.jpg" or path.suffix.lower() == MESH_SUFFIX
            if is_view and self._dioptres is None:
                turned = f"--depth-scale {-self.options.depth_scale:g} turns it round"
                yield f"{path.name}: the first focus setting is taken for the nearest; {turned}."

    @cached_property
    def _dioptres(self) -> tuple[float, ...] | None:
        return dioptres_of_settings(self.fused.capture)

    @property
    def _reference_white(self) -> float:
        fused = self.fused
        middle = float(fused.response.inverse(np.array([MIDDLE_PIXEL_VALUE]))[0].mean())
        return white_of_reference(middle, float(fused.exposures[fused.reference]), fused.capture.linear_light)

    @cached_property
    def _dng_scale(self) -> DngScale:
        return dng_scale(float(self.fused.radiance.max()), self._reference_white, self.options.precision)

    @property
    def _is_of_one_exposure(self) -> bool:
        """Whether exposures differ by less than what tells a response: lights that flicker, no bracket."""
        return bool(np.ptp(self.fused.exposures) < LEAST_STOPS_FOR_RESPONSE)

    @property
    def _defocus(self) -> Float[np.ndarray, "height width"]:
        assert self.fused.defocus is not None
        return self.fused.defocus

    @cached_property
    def _filled_defocus(self) -> Float[np.ndarray, "height width"]:
        """The same, where photographs hardly tell it as it is around."""
        confidence = self.fused.confidence
        return self._defocus if confidence is None else filled_by_confidence(self._defocus, confidence)

    @property
    def _last_setting(self) -> int:
        return max(frame.focus_index for frame in self.fused.capture.train_frames)

    def _tone_mapped(self, rows: Float[np.ndarray, "rows width 3"]) -> Float[np.ndarray, "rows width 3"]:
        return tonemap(rows, self.options.operator, self.fused.anchors)

    def _as_photographed(self, rows: Float[np.ndarray, "rows width 3"]) -> Float[np.ndarray, "rows width 3"]:
        """Pixel values in [0, 1]; of RAW files, which have no look yet, by the curve of sRGB."""
        fused = self.fused
        stops = float(fused.exposures[fused.reference])
        values = fused.response.develop(np.log(np.maximum(rows, SMALLEST_RADIANCE)) + LN2 * stops)
        return encode_srgb(values) if is_raw(fused.capture.train_frames[fused.reference].path) else values

    def _write_picture(
        self, path: Path, shown: Callable[[np.ndarray], np.ndarray], metadata: PhotographMetadata
    ) -> None:
        bits = self.options.bits or (16 if path.suffix.lower() in (".tif", ".tiff") else 8)
        write_image(path, self.fused.radiance, bits, metadata=metadata, shown=shown)

    def _srgb_picture(self, longer_px: int) -> UInt8[np.ndarray, "height width 3"]:
        """The picture to look at, no larger than this, in sRGB."""
        import cv2

        light = self.fused.radiance
        height, width = light.shape[:2]
        if max(height, width) > longer_px:
            size = (max(1, width * longer_px // max(height, width)), max(1, height * longer_px // max(height, width)))
            light = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
        of_one, profile = self._is_of_one_exposure, self.fused.metadata.icc_profile
        look = self._as_photographed if of_one else self._tone_mapped
        shown = in_strips(light, lambda rows: quantised(look(rows), 8))
        if profile is None:
            return shown
        if not of_one:
            primaries = primaries_of_profile(profile)
            profile = srgb_curve_profile(primaries or REC709)
        return conversion_to_srgb(profile)(np.ascontiguousarray(shown))

    def _nearness(self, size: tuple[int, int]) -> Float[np.ndarray, "rows columns"]:
        """How near things are, 1 for the nearest setting: the first, unless the camera tells that it is the last."""
        import cv2

        focus = cv2.resize(self._filled_defocus, size[::-1], interpolation=cv2.INTER_AREA)
        share = focus.clip(0, self._last_setting) / np.float32(self._last_setting)
        return 1 - share if self._dioptres is None or self._dioptres[0] > self._dioptres[-1] else share

    def _names_of_setting(self, number: int) -> str:
        names = "+".join(frame.name for frame in self.fused.capture.train_frames if frame.focus_index == number)
        if self._dioptres is None:
            return names
        return f"{names} ({1 / self._dioptres[number]:.4g} m)" if self._dioptres[number] > 0 else f"{names} (infinity)"

    def _described(self, said: str) -> Exif:
        """EXIF of the reference photograph with this description."""
        exif = self.fused.metadata.exif or Exif("<", {}, {})
        return exif._replace(main=exif.main | {DESCRIPTION_TAG: text_tag(said)})

    def _frame_settings(self) -> list[dict[str, object]]:
        return [
            {"name": frame.name, "exposure_stops": round(float(stops), 4), "focus_setting": frame.focus_index}
            for frame, stops in zip(self.fused.capture.train_frames, self.fused.exposures, strict=True)
        ]
