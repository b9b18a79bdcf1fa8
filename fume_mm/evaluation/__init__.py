"""What a model is worth: scores, metrics, the evaluator and the table for terminals."""

from .base import DualGasMetric
from .evaluator import DualGasEvaluator
from .health_metric import HealthMetric
from .scores import classification_scores, confusion_matrix, segmentation_scores
from .segmentation_metric import SegmentationMetric
from .summary import results_title, summary_table

__all__ = [
    'DualGasEvaluator',
    'DualGasMetric',
    'HealthMetric',
    'SegmentationMetric',
    'classification_scores',
    'confusion_matrix',
    'results_title',
    'segmentation_scores',
    'summary_table',
]
