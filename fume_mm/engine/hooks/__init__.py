"""Hooks of the Runner; importing them registers them."""

from . import consistency_hook, sample_hooks, tensorboard_hook, training_hooks

__all__ = ['consistency_hook', 'sample_hooks', 'tensorboard_hook', 'training_hooks']
