"""Hooks of the Runner."""

from .channels_last_hook import ChannelsLastHook
from .consistency_hook import ConsistencyHook
from .freeze_hook import FreezeHook
from .mask_hook import MaskHook
from .panel_hook import PanelHook
from .tensorboard_hook import TensorboardHook
from .training_hooks import (
    DivergenceHook,
    EpochSeedHook,
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
