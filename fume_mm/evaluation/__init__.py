"""What a model is worth: scores, metrics, the evaluator and the table for terminals."""

from .base import DualGasMetric
from .boundary import boundary_scores
from .boundary_metric import BoundaryMetric
from .evaluator import DualGasEvaluator
from .figures import compute_figures, confidence_intervals, undefined_reasons
from .health_metric import HealthMetric
from .scores import classification_scores, confusion_matrix, segmentation_scores
from .segmentation_metric import SegmentationMetric

__all__ = [
    'BoundaryMetric',
    'DualGasEvaluator',
    'DualGasMetric',
    'HealthMetric',
    'SegmentationMetric',
    'boundary_scores',
    'classification_scores',
    'compute_figures',
    'confidence_intervals',
    'confusion_matrix',
    'segmentation_scores',
    'undefined_reasons',
]
