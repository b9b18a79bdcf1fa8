"""Figures: the panel of a sample, and the visualizer that hands it to the loggers.

Only what is asked for is imported: overlays need OpenCV alone, panels Pillow and
Matplotlib's letters, the visualizer MMEngine.
"""

import importlib
from typing import TYPE_CHECKING, Any

# At once: as a module of the package, overlay would hide the function of its name.
from .overlay import overlay, write_png

if TYPE_CHECKING:
    from .panel import dataset_note, draw_panel, draw_result
    from .visualizer import DualGasVisualizer

_PLACES = {
    'DualGasVisualizer': 'visualizer',
    'dataset_note': 'panel',
    'draw_panel': 'panel',
    'draw_result': 'panel',
}
__all__ = [
    'DualGasVisualizer',
    'dataset_note',
    'draw_panel',
    'draw_result',
    'overlay',
    'write_png',
]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f'.{_PLACES[name]}', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
