"""What the tools call: configs, checkpoints, runners, models, inference."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inference import inference_model, init_model
    from .inferencer import DualGasInferencer

# the first two need torch and every registered part (seconds to import)
_PLACES = {
    'inference_model': 'inference',
    'init_model': 'inference',
    'DualGasInferencer': 'inferencer',
}
__all__ = ['DualGasInferencer', 'inference_model', 'init_model']


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f'.{_PLACES[name]}', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
