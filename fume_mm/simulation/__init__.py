"""The OGI simulator: rumen, plume, scene, camera, labels, a campaign on disk.

NumPy and OpenCV only; importing it loads neither torch nor any mm package.
"""

from .campaign import (
    ANNOTATION_COLUMNS,
    holds_campaign,
    plan_vessels,
    write_campaign,
)
from .parameters import (
    PRESETS,
    SIMULATOR_VERSION,
    SIZES,
    CameraParameters,
    CampaignParameters,
    LabelParameters,
    PlumeParameters,
    RumenParameters,
    SceneParameters,
    SimulationParameters,
)
from .render import Rendered, render_vessel

__all__ = [
    'ANNOTATION_COLUMNS',
    'PRESETS',
    'SIMULATOR_VERSION',
    'SIZES',
    'CameraParameters',
    'CampaignParameters',
    'LabelParameters',
    'PlumeParameters',
    'Rendered',
    'RumenParameters',
    'SceneParameters',
    'SimulationParameters',
    'holds_campaign',
    'plan_vessels',
    'render_vessel',
    'write_campaign',
]
