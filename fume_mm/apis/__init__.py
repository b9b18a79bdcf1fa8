"""What the tools call: configs, checkpoints, runners, models, inference."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inference import inference_model, init_model

__all__ = ['inference_model', 'init_model']


def __getattr__(name: str) -> Any:
    # both need torch and every registered part (seconds to import)
    if name in __all__:
        from . import inference

        return getattr(inference, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
