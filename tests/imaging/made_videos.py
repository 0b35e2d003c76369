"""What tests of videos share: which frames are shown, and where in a file they lie."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from neucam_nerfstudio.imaging.video_reading import VideoFile


def read(source: VideoFile, numbers: Sequence[int]) -> np.ndarray:
    return np.stack([source.frame(number) for number in numbers])


def numbers_shown(frames: np.ndarray) -> list[int]:
    """Which frame of a test video each of these is, by its square, whatever a codec has done to it."""
    squares = frames[:, 4:12, 4:12].mean((1, 2, 3)) * (255 / np.iinfo(frames.dtype).max)
    return np.rint((squares - 20) / 15).astype(int).tolist()


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Where in the file each compressed frame begins and ends, as it lies there."""
    content = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux() if packet.size]
    places = [(0, 0)]
    for packet in packets:
        start = content.index(packet, places[-1][1])
        places.append((start, start + len(packet)))
    return places[1:]


def cut_in(path: Path, packet: int) -> Path:
    """Cuts a video off in the middle of a compressed frame."""
    start, end = packets_of(path)[packet]
    path.write_bytes(path.read_bytes()[: (start + end) // 2])
    return path


def ffmpeg(*arguments: object) -> None:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


GAP = (0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15)
"""Twelve frames with four left out after the fourth."""
