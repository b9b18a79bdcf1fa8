"""Hooks of the Runner; importing them registers them."""

from . import (
    attention_hook,
    checkpoint_hooks,
    sample_hooks,
    tensorboard_hook,
    training_hooks,
)

__all__ = [
    'attention_hook',
    'checkpoint_hooks',
    'sample_hooks',
    'tensorboard_hook',
    'training_hooks',
]
