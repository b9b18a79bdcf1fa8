"""mmsegmentation's LightHam head, made to give the same masks each time."""

from typing import Any

import torch
import torch.nn.functional as F
from mmseg.models.decode_heads import LightHamHead
from mmseg.models.decode_heads.ham_head import NMF2D
from torch import Tensor

from fume_mm.registry import MODELS

from .precision import full_precision


class SteadyNMF(NMF2D):
    """Matrix factorisation that evaluates from fixed bases, in float32.

    ``mmseg``'s draws its initial bases anew in each call, or (``rand_init=False``)
    once in the first call, where no checkpoint has a place for them. Here training
    draws them in each call, as published, and evaluation takes bases that are part of
    the class. Its products sum over all positions, which float16 cannot hold.

    Args:
        channels: Channels of the map.
        options: Of ``mmseg``'s NMF2D; ``rand_init`` has no meaning here.
    """

    def __init__(self, channels: int, options: dict[str, Any]) -> None:
        super().__init__({**options, 'rand_init': True})
        rows = channels // self.S
        seeded = torch.Generator('cpu').manual_seed(0)
        bases = torch.rand(self.S, rows, self.R, generator=seeded, device='cpu')
        bases = F.normalize(bases, dim=1).to(torch.get_default_device())
        self.register_buffer('bases', bases, persistent=False)

    def train(self, mode: bool = True) -> 'SteadyNMF':
        """As in PyTorch; training draws the bases, evaluation has fixed ones."""
        self.rand_init = mode
        return super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        """Approximate ``x`` (N, C, H, W), non-negative, by a product of rank R."""
        with full_precision(x):
            return super().forward(x.float()).to(x.dtype)


@MODELS.register_module()
class SteadyLightHamHead(LightHamHead):
    """``mmseg.LightHamHead`` whose masks of a frame are the same in each evaluation.

    Args:
        ham_channels: Channels within the hamburger.
        ham_kwargs: Options of the matrix factorisation (MD_S, MD_R, train_steps,
            eval_steps, inv_t).
        **kwargs: Of ``mmseg.LightHamHead``.
    """

    def __init__(
        self, *, ham_channels: int = 512, ham_kwargs: dict[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(ham_channels=ham_channels, ham_kwargs=ham_kwargs, **kwargs)
        self.hamburger.ham = SteadyNMF(ham_channels, ham_kwargs)
