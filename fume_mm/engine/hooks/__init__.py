"""Hooks of the Runner; importing them registers them."""

from . import sample_hooks, tensorboard_hook, training_hooks

__all__ = ['sample_hooks', 'tensorboard_hook', 'training_hooks']
