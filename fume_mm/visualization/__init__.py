"""Figures: the panel of a sample, and the visualizer that hands it to the loggers."""

from .panel import dataset_note, draw_panel, overlay, write_png
from .visualizer import DualGasVisualizer

__all__ = ['DualGasVisualizer', 'dataset_note', 'draw_panel', 'overlay', 'write_png']
