"""Hooks of the Runner."""

from .panel_hook import PanelHook
from .training_hooks import (
    EpochSeedHook,
    NonFiniteLossHook,
    ResumableEarlyStoppingHook,
    RollingCheckpointHook,
)

__all__ = [
    'EpochSeedHook',
    'NonFiniteLossHook',
    'PanelHook',
    'ResumableEarlyStoppingHook',
    'RollingCheckpointHook',
]
