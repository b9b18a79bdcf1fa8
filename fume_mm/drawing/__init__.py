"""Pictures: overlays, tiles, panels and videos of samples, figures, the visualizer.

Overlays, tiles and panels need OpenCV and NumPy alone; letters are better with Pillow
and Matplotlib, sheets and timelines need Matplotlib, the visualizer MMEngine.
"""

from typing import TYPE_CHECKING, Any

from .overlay import overlay
from .panel import draw_panel, draw_result

if TYPE_CHECKING:
    from .visualizer import DualGasVisualizer

__all__ = [
    'DualGasVisualizer',
    'draw_panel',
    'draw_result',
    'overlay',
]


def __getattr__(name: str) -> Any:
    if name == 'DualGasVisualizer':
        from .visualizer import DualGasVisualizer

        return DualGasVisualizer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
