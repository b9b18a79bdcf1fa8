"""The public face: names, no code."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fume_mm.inference.inferencer import DualGasInferencer
    from fume_mm.inference.torch_predictor import inference_model, init_model

# the last two need torch and every registered part (seconds to import)
_PLACES = {
    'DualGasInferencer': 'fume_mm.inference.inferencer',
    'inference_model': 'fume_mm.inference.torch_predictor',
    'init_model': 'fume_mm.inference.torch_predictor',
}
__all__ = ['DualGasInferencer', 'inference_model', 'init_model']


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
