"""Annotated clips as files: H.264 by PyAV where it is installed, else by OpenCV.

H.264 is what every browser plays in an MP4, and OpenCV's wheels cannot write it.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

#: PyAV's encoder among OpenCV's codecs.
H264 = 'libx264'
#: Cameras are annotated live: this preset takes about as long as OpenCV's MPEG-4, the
#: default one four times as long.
_OPTIONS = {'crf': '20', 'preset': 'ultrafast'}


def open_video(
    path: Path, codec: str, rate: float, size: tuple[int, int]
) -> 'H264Writer | cv2.VideoWriter | None':
    """What appends pictures, (H, W, 3) uint8 BGR, to a video; None if it cannot here.

    Args:
        path: The file.
        codec: :data:`H264` or OpenCV's four letters.
        rate: Pictures per second.
        size: (width, height), both even.
    """
    if codec == H264:
        try:
            return H264Writer(path, rate, size)
        except (ImportError, OSError, ValueError):  # no PyAV, no file, no encoder
            return None
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, size)
    return video if video.isOpened() else None


class H264Writer:
    """Writes an MP4 of H.264 that plays while it loads; see :func:`open_video`.

    Raises:
        ImportError: If PyAV is not installed.
        OSError: If the file cannot be written.
        ValueError: If PyAV was built without the encoder.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        import av

        self._frame = av.VideoFrame.from_ndarray
        self._file = av.open(str(path), 'w', options={'movflags': 'faststart'})
        exact = Fraction(rate).limit_denominator(1001)
        stream: Any = self._file.add_stream(H264, rate=exact, options=_OPTIONS)
        self._stream = stream
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        self._file.start_encoding()

    def write(self, picture: np.ndarray) -> None:
        """Append a picture, (H, W, 3) uint8 BGR."""
        self._file.mux(self._stream.encode(self._frame(picture, format='bgr24')))

    def release(self) -> None:
        """Finish the file."""
        self._file.mux(self._stream.encode())
        self._file.close()
