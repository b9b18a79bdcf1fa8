"""Models that are fitted, not trained by gradients."""

from .features import FEATURES, frame_features
from .forest_bytes import TRUSTED, forest_from_bytes, forest_to_bytes
from .random_forest import RandomForestModel

__all__ = [
    'FEATURES',
    'TRUSTED',
    'RandomForestModel',
    'forest_from_bytes',
    'forest_to_bytes',
    'frame_features',
]
