"""Hooks of the Runner; importing them registers them."""

from . import (
    attention_hook,
    sample_hooks,
    tensorboard_hook,
    training_hooks,
    validation_hooks,
)

__all__ = [
    'attention_hook',
    'sample_hooks',
    'tensorboard_hook',
    'training_hooks',
    'validation_hooks',
]
