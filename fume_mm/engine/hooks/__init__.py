"""Hooks of the Runner."""

from .consistency_hook import ConsistencyHook
from .mask_hook import MaskHook
from .panel_hook import PanelHook
from .tensorboard_hook import TensorboardHook
from .training_hooks import (
    ChannelsLastHook,
    DivergenceHook,
    EpochSeedHook,
    FreezeHook,
    ResumableEarlyStoppingHook,
    RollingCheckpointHook,
)

__all__ = [
    'ChannelsLastHook',
    'ConsistencyHook',
    'DivergenceHook',
    'EpochSeedHook',
    'FreezeHook',
    'MaskHook',
    'PanelHook',
    'ResumableEarlyStoppingHook',
    'RollingCheckpointHook',
    'TensorboardHook',
]
