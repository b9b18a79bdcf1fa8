"""What a model is worth: scores, metrics that declare themselves, the evaluator."""

from .base import DualGasMetric, FrameMetric, mean_of
from .boundary import boundary_scores
from .boundary_metric import BoundaryMetric
from .confusion import classification_scores, confusion_matrix, segmentation_scores
from .estimate import PERCENT, PIXELS, PLAIN, Estimate, Unit
from .evaluator import DualGasEvaluator
from .health_metric import HealthMetric
from .layout import FRAMES, Matrix, Row, ScoreTable
from .scores import Scores, compute_figures
from .segmentation_metric import SegmentationMetric
from .table import COUNT, NUMBER, TEXT, numbers

__all__ = [
    'COUNT',
    'FRAMES',
    'NUMBER',
    'PERCENT',
    'PIXELS',
    'PLAIN',
    'TEXT',
    'BoundaryMetric',
    'DualGasEvaluator',
    'DualGasMetric',
    'Estimate',
    'FrameMetric',
    'HealthMetric',
    'Matrix',
    'Row',
    'ScoreTable',
    'Scores',
    'SegmentationMetric',
    'Unit',
    'boundary_scores',
    'classification_scores',
    'compute_figures',
    'confusion_matrix',
    'mean_of',
    'numbers',
    'segmentation_scores',
]
