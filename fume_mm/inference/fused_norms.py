"""Batch normalisation within the convolution before it, where nothing is learned."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from fume_mm.models.layers import SingleFrameBN

_NORMS = (nn.BatchNorm2d, SingleFrameBN)


def fuse_norms(model: nn.Module) -> None:
    """Let ``model`` infer without passes for its batch normalisation.

    In evaluation and without gradients, a convolution that is followed by a batch
    normalisation computes with weights that hold both, and the norm passes on what it
    gets: the same values but for rounding. The modules, their weights and the state
    dict stay as they are, and training, or a change of the weights, sees nothing of it.
    What is exported or compiled has the norms; the engines fuse them by themselves.

    Args:
        model: Any; pairs are looked for in its ``nn.Sequential`` and ``ConvModule``.
    """
    # a convolution that two norms follow cannot hold either
    uses = Counter(id(x) for _, x in model.named_modules(remove_duplicate=False))
    for conv, norm in _pairs(model):
        if uses[id(conv)] == uses[id(norm)] == 1:
            pair = _Pair(conv, norm)
            # of these two modules alone, not of their classes
            vars(conv)['forward'] = pair.convolve
            vars(norm)['forward'] = pair.normalise


def _pairs(model: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    module: Any  # mmcv has no types
    for module in model.modules():
        steps: list[nn.Module] = []
        if isinstance(module, nn.Sequential):
            steps = list(module.children())
        elif type(module) is ConvModule and module.with_norm:
            named = {'conv': module.conv, 'norm': module.norm}
            steps = [named[step] for step in module.order if step in named]
        for conv, norm in pairwise(steps):
            if type(conv) is nn.Conv2d and type(norm) in _NORMS:
                assert isinstance(norm, nn.BatchNorm2d)
                if norm.affine and norm.track_running_stats:
                    yield conv, norm


class _Pair:
    """A convolution and the norm that alone reads what it gives."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        self.conv, self.norm = conv, norm
        self._fused: tuple[Tensor, Tensor]
        self._made_of: list[tuple[int, int]] = []
        self._held: list[Tensor] = []

    def convolve(self, x: Tensor) -> Tensor:
        """In place of the convolution's ``forward``."""
        conv, norm = self.conv, self.norm
        if not self._applies():
            # training moves the running statistics, which do not tell
            self._made_of = []
            return type(conv).forward(conv, x)
        mean, var = norm.running_mean, norm.running_var
        assert mean is not None and var is not None
        parts = [conv.weight, norm.weight, norm.bias, mean, var]
        parts += [] if conv.bias is None else [conv.bias]
        # where they lie and how often they were written to
        made_of = [(part.data_ptr(), part._version) for part in parts]
        if made_of != self._made_of:
            affine = mean, var, norm.eps, norm.weight, norm.bias
            self._fused = fuse_conv_bn_weights(conv.weight, conv.bias, *affine)
            self._made_of = made_of
            # so that nothing else can come to lie there
            self._held = [part.detach() for part in parts]
        return conv._conv_forward(x, *self._fused)

    def normalise(self, x: Tensor) -> Tensor:
        """In place of the norm's ``forward``."""
        return x if self._applies() else type(self.norm).forward(self.norm, x)

    def _applies(self) -> bool:
        if self.norm.training or torch.is_grad_enabled():
            return False
        # weights made in inference mode do not tell of changes
        tells = not self.conv.weight.is_inference()
        return tells and not torch.compiler.is_compiling()
