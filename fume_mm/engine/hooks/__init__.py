"""Hooks of the Runner."""

from .channels_last_hook import ChannelsLastHook
from .consistency_hook import ConsistencyHook
from .mask_hook import MaskHook
from .panel_hook import PanelHook
from .training_hooks import (
    EpochSeedHook,
    NonFiniteLossHook,
    ResumableEarlyStoppingHook,
    RollingCheckpointHook,
)

__all__ = [
    'ChannelsLastHook',
    'ConsistencyHook',
    'EpochSeedHook',
    'MaskHook',
    'NonFiniteLossHook',
    'PanelHook',
    'ResumableEarlyStoppingHook',
    'RollingCheckpointHook',
]
