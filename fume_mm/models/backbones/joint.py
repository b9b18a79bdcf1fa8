"""Backbones that look at both gases together.

N samples, N_g of them with gas g. Such a backbone gives maps of the *sample*, with a
row for each of the N, under the key :data:`JOINT`; heads of a gas read the rows of the
samples that have it.
"""

from abc import ABCMeta, abstractmethod
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.registry import MODELS

from ..rows import Features as Frames
from ..rows import Rows, Stages, concatenate

#: Where, beside the gases, a backbone's features hold the maps of the whole sample.
JOINT = 'joint'


def check_sizes(frames: Frames) -> None:
    """Both gases' frames, (N_g, 1, H, W), must have one size to be looked at together.

    Raises:
        UserError: If they have not.
    """
    sizes = {gas: tuple(x.shape[2:]) for gas, x in frames.items()}
    if len(set(sizes.values())) > 1:
        raise UserError(
            f'frames of the two gases differ in size ({sizes}), which this backbone '
            "cannot join; put dict(type='ResizeDualGas', scale=(width, height)) in the "
            'pipeline.'
        )


class JointBackbone(BaseModule, metaclass=ABCMeta):
    """Base of the nets that encode each gas, then join the two at some depth.

    A subclass says how a gas's frames are encoded and how the two streams are joined.
    A missing gas is not encoded; its stream is zeros. With such a backbone a model has
    no neck: the health head reads the joint maps.
    """

    #: Tells the model to take the health head's map from here.
    joint = True

    def forward(self, frames: Frames, rows: Rows) -> dict[str, Stages]:
        """Joint features.

        Args:
            frames: By gas, (N_g, 1, H, W); a gas without frames is not a key.
            rows: Which rows these are.

        Returns:
            Under :data:`JOINT` a tuple of maps (N, C_i, H_i, W_i).
        """
        check_sizes(frames)
        features = self.encode(frames)
        depth = len(next(iter(features.values())))
        streams = [
            rows.spread({gas: stages[i] for gas, stages in features.items()})
            for i in range(depth)
        ]
        return {JOINT: self.join(streams)}

    @abstractmethod
    def encode(self, frames: Frames) -> dict[str, Stages]:
        """By gas in ``frames``, (N_g, 1, H, W), a tuple of maps."""

    @abstractmethod
    def join(self, streams: list[dict[str, Tensor]]) -> Stages:
        """Maps of the sample from, per stage, a stream (N, C, h, w) of every gas."""


@MODELS.register_module()
class EarlyFusionBackbone(BaseModule):
    """One encoder sees both gases at once.

    Args:
        encoder: Config of an encoder: a frame in, a sequence of maps out. For 'stack'
            it needs ``in_channels=2``, for 'mean' 1.
        fusion: 'stack' makes the gases channels, zeros for a missing one; 'mean'
            averages the gases that exist.
    """

    joint = True

    def __init__(self, encoder: dict[str, Any], *, fusion: str = 'stack') -> None:
        super().__init__()
        if fusion not in ('stack', 'mean'):
            raise UserError(f"backbone.fusion is {fusion!r}; choose 'stack' or 'mean'.")
        self.fusion = fusion
        self.encoder = MODELS.build(encoder)

    def forward(self, frames: Frames, rows: Rows) -> dict[str, Stages]:
        """Joint features under :data:`JOINT`; see :meth:`JointBackbone.forward`."""
        check_sizes(frames)
        stack = self.fusion == 'stack'
        x = concatenate(rows.spread(frames)) if stack else rows.mean(frames)
        return {JOINT: tuple(self.encoder(x))}
