"""Models that are fitted, not trained by gradients."""

from .features import FEATURES, frame_features
from .random_forest import RandomForestModel

__all__ = ['FEATURES', 'RandomForestModel', 'frame_features']
