"""Models and their parts; importing this registers them, and mmseg's beside them."""

import mmseg.models  # noqa: F401  (registers mmseg's encoders, heads and losses)

from . import (  # noqa: F401
    backbones,
    classical,
    heads,
    layers,
    losses,
    necks,
    peers,
    task_weights,
)
from .data_preprocessor import DualGasDataPreprocessor
from .dual_gas_model import DualGasModel
from .pretrained import GrayPretrained
from .tta_model import DualGasTTAModel

__all__ = [
    'DualGasDataPreprocessor',
    'DualGasModel',
    'DualGasTTAModel',
    'GrayPretrained',
]
