"""The OGI simulator: rumen, plume, scene, camera, labels, a campaign on disk.

NumPy and OpenCV only; importing it loads neither torch nor any mm package.
"""

from .campaign import holds_campaign, use_one_thread, write_campaign
from .parameters import (
    SIMULATOR_VERSION,
    SIZES,
    LabelParameters,
    PlumeParameters,
    RumenParameters,
    SceneParameters,
    SimulationParameters,
)
from .plan import Vessel, frames_of, plan_vessels
from .presets import PRESETS, CampaignParameters, adapt_preset, with_copies
from .render import Rendered, render_clip, render_vessel

__all__ = [
    'PRESETS',
    'SIMULATOR_VERSION',
    'SIZES',
    'CampaignParameters',
    'LabelParameters',
    'PlumeParameters',
    'Rendered',
    'RumenParameters',
    'SceneParameters',
    'SimulationParameters',
    'Vessel',
    'adapt_preset',
    'frames_of',
    'holds_campaign',
    'plan_vessels',
    'render_clip',
    'render_vessel',
    'use_one_thread',
    'with_copies',
    'write_campaign',
]
