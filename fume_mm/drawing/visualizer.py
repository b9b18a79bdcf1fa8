"""The visualizer: panels of samples to every backend (files, TensorBoard, W&B)."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import LocalVisBackend, Visualizer

from fume_mm.io.images import write_png
from fume_mm.registry import VISUALIZERS
from fume_mm.structures import DualGasDataSample
from fume_mm.structures.labels import Labels
from fume_mm.structures.marks import dataset_note

from .panel import draw_panel


class _NoFigure:
    """Where MMEngine expects a figure of Matplotlib."""

    @staticmethod
    def get_dpi() -> None:
        """Nothing to say."""


@VISUALIZERS.register_module()
class DualGasVisualizer(Visualizer):
    """MMEngine's visualizer that knows how to draw a dual-gas sample.

    Its arguments are those of :class:`mmengine.visualization.Visualizer`. Samples are
    not drawn on that one's canvas, so Matplotlib, half a second to import, is only when
    an image is set on it.
    """

    fig_save: Any

    def _initialize_fig(self, fig_cfg: dict[str, Any]) -> tuple:
        return None, _NoFigure, None

    @master_only
    def set_image(self, image: np.ndarray) -> None:
        """Set the image, (h, w, 3) uint8 RGB, that MMEngine's methods draw on."""
        if self.fig_save is _NoFigure:
            canvas = super()._initialize_fig(self.fig_save_cfg)
            self.fig_save_canvas, self.fig_save, self.ax_save = canvas
            self.dpi = self.fig_save.get_dpi()
        super().set_image(image)

    @master_only
    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Give a picture to all backends.

        Args:
            name: Tag; the part before a slash groups pictures in TensorBoard.
            image: (h, w, 3) uint8 RGB.
            step: The iteration it belongs to.
        """
        for backend in self._vis_backends.values():
            # The local backend makes a file name of it and no folder for a slash.
            local = isinstance(backend, LocalVisBackend)
            tag = name.replace('/', '_') if local else name
            backend.add_image(tag, image, step)

    @master_only
    def add_datasample(
        self,
        name: str,
        frames: dict[str, np.ndarray],
        data_sample: DualGasDataSample,
        *,
        step: int = 0,
        out_file: str | Path | None = None,
        note: str | None = None,
    ) -> None:
        """Draw a sample's panel, give it to all backends, write it to a file.

        Args:
            name: Tag of the picture.
            frames: (H, W) uint8 by gas, the gases that the sample has.
            data_sample: Truth and predictions.
            step: The iteration it belongs to.
            out_file: PNG to write it to as well.
            note: See :func:`draw_panel`; by default :func:`dataset_note` of the
                dataset that the loop set.

        Raises:
            UserError: If the frames do not fit the sample.
        """
        note = note or dataset_note(self.dataset_meta)
        labels = Labels.from_meta(self.dataset_meta)
        panel = draw_panel(frames, data_sample, note=note, labels=labels)
        self.add_image(name, panel, step)
        if out_file is not None:
            Path(out_file).parent.mkdir(parents=True, exist_ok=True)
            write_png(out_file, panel)
