"""Points of structure from motion in a PLY file, as nerfstudio writes them beside `transforms.json`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neucam_nerfstudio.capture.views.geometry import Points
from neucam_nerfstudio.errors import NeucamError, broken_file_message

NUMBERS = {
    **{name: "i1" for name in ("char", "int8")},
    **{name: "u1" for name in ("uchar", "uint8")},
    **{name: "i2" for name in ("short", "int16")},
    **{name: "u2" for name in ("ushort", "uint16")},
    **{name: "i4" for name in ("int", "int32")},
    **{name: "u4" for name in ("uint", "uint32")},
    **{name: "f4" for name in ("float", "float32")},
    **{name: "f8" for name in ("double", "float64")},
}
"""Number types of the format (Turk, The PLY polygon file format, 1994), old names and new."""


def read_points(path: Path) -> Points | None:
    """Places of the points of a PLY file, ASCII or binary; None if it has none.

    Raises:
        NeucamError: It is not there, or no such file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NeucamError(f"{path}: the points of the capture are not there. Put them back, or remove them.") from error
    head, mark, body = content.partition(b"end_header")
    lines = [line.split() for line in head.decode("ascii", "replace").splitlines()]
    try:
        if not content.startswith(b"ply") or not mark:
            raise ValueError("no PLY file")
        kind = next(words[1] for words in lines if words[:1] == ["format"])
        first = next(place for place, words in enumerate(lines) if words[:1] == ["element"])
        if lines[first][1] != "vertex":
            raise ValueError("its first element are no vertices")
        count, fields = int(lines[first][2]), []
        for words in lines[first + 1 :]:
            if words[:1] == ["element"]:
                break
            if words[:1] == ["property"]:
                fields.append((words[-1], NUMBERS[words[1]]))
        names, body = [name for name, _ in fields], body.partition(b"\n")[2]
        if kind == "ascii":
            rows = np.array(body.split()[: count * len(fields)], np.float64).reshape(count, len(fields))
            points = rows[:, [names.index(axis) for axis in "xyz"]]
        else:
            order = {"binary_little_endian": "<", "binary_big_endian": ">"}[kind]
            vertices = np.frombuffer(body, [(name, order + number) for name, number in fields], count)
            points = np.stack([vertices[axis].astype(np.float64) for axis in "xyz"], axis=-1)
    except (StopIteration, KeyError, ValueError, IndexError) as error:
        raise NeucamError(broken_file_message(path, error)) from error
    points = points[np.isfinite(points).all(axis=1)]
    return points if len(points) else None
