"""Pictures: overlays, tiles, panels and videos of samples, figures, the visualizer.

Overlays, tiles and panels need OpenCV and NumPy alone; letters are better with Pillow
and Matplotlib, sheets and timelines need Matplotlib, the visualizer MMEngine.
"""

from .overlay import overlay
from .panel import draw_panel, draw_result

__all__ = ['draw_panel', 'draw_result', 'overlay']
