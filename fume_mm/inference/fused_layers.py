"""Convolution, batch normalisation and ReLU in one pass, where nothing is learned."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from fume_mm.models.layers import SingleFrameBN

_NORMS = (nn.BatchNorm2d, SingleFrameBN)
#: Activations that oneDNN applies with a convolution, its names and scalars of them.
_ACTS: dict[type, tuple[str, list[float]]] = {
    nn.Identity: ('none', []),
    nn.ReLU: ('relu', []),
    nn.ReLU6: ('hardtanh', [0.0, 6.0]),
}
#: What torch.compile makes of convolutions on a CPU; no name of it is public.
_ONEDNN: Any = getattr(torch.ops.mkldnn, '_convolution_pointwise', None)


def fuse_layers(model: nn.Module) -> None:
    """Let ``model`` infer without passes for its batch normalisation and ReLUs.

    In evaluation and without gradients, a convolution computes with weights that hold
    the batch normalisation after it, and applies the ReLU that follows; norm and ReLU
    pass on what they get: the same values but for rounding. The modules, their weights
    and the state dict stay as they are, and training, or a change of the weights, sees
    nothing of it. What is exported or compiled has the layers as they are; the engines
    fuse them by themselves.

    Args:
        model: Any; layers are looked for in its ``nn.Sequential`` and ``ConvModule``.
    """
    # what stands in two places may be followed by two things
    parents = (module._modules.values() for module in model.modules())
    uses = Counter(id(child) for children in parents for child in children if child)
    for conv, norm, act in _chains(model):
        if max(uses[id(conv)], uses[id(norm)]) > 1:
            continue
        fused = _Fused(conv, norm, act if uses[id(act)] == 1 else nn.Identity())
        # of these modules alone, not of their classes
        vars(conv)['forward'] = fused.forward
        vars(fused.act)['forward'] = fused.pass_act
        if norm is not None:
            vars(norm)['forward'] = fused.pass_norm


def _chains(model: nn.Module) -> Iterator[tuple[Any, Any, Any]]:
    """Each convolution with its norm, None without, and activation."""
    module: Any  # mmcv has no types
    for module in model.modules():
        steps: list[nn.Module] = []
        if isinstance(module, nn.Sequential):
            steps = list(module.children())
        elif type(module) is ConvModule:
            layers = dict(zip(('conv', 'norm', 'act'), _layers(module), strict=True))
            steps = [x for x in map(layers.get, module.order) if x is not None]
        for i, conv in enumerate(steps):
            if type(conv) is not nn.Conv2d:
                continue
            rest: list[Any] = steps[i + 1 : i + 3]
            norm = None
            if rest and type(rest[0]) in _NORMS and rest[0].track_running_stats:
                norm = rest.pop(0) if rest[0].affine else None
            acts = type(rest[0]) in _ACTS if rest else False
            yield conv, norm, rest[0] if acts else nn.Identity()


def _layers(module: Any) -> tuple[nn.Module | None, ...]:
    """A ConvModule's convolution, norm and activation."""
    return (
        module.conv,
        module.norm if module.with_norm else None,
        module.activate if module.with_activation else None,
    )


class _Fused:
    """A convolution, the norm that alone reads what it gives, the activation then."""

    def __init__(
        self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, act: nn.Module
    ) -> None:
        self.conv, self.norm, self.act = conv, norm, act
        self._weights: tuple[Tensor, Tensor]
        self._made_of: list[tuple[int, int]] = []
        self._held: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """In place of the convolution's."""
        conv = self.conv
        if not self._applies():
            # training moves the running statistics, which do not tell
            self._made_of = []
            return type(conv).forward(conv, x)
        weight, bias = conv.weight, conv.bias
        if self.norm is not None:
            weight, bias = self._fold(self.norm)
        if not self._onednn_takes(x):
            return type(self.act).forward(self.act, conv._conv_forward(x, weight, bias))
        shape = conv.padding, conv.stride, conv.dilation, conv.groups
        return _ONEDNN(x, weight, bias, *shape, *_ACTS[type(self.act)], '')

    def _onednn_takes(self, x: Tensor) -> bool:
        conv, weight = self.conv, self.conv.weight
        zeros = conv.padding_mode == 'zeros' and not isinstance(conv.padding, str)
        on_cpu = weight.device.type == x.device.type == 'cpu'
        single = weight.dtype == x.dtype == torch.float32
        autocast = torch.is_autocast_enabled('cpu')
        return bool(_ONEDNN and zeros and on_cpu and single and len(x)) and not autocast

    def pass_norm(self, x: Tensor) -> Tensor:
        """In place of the norm's ``forward``."""
        norm: Any = self.norm
        return x if self._applies() else type(norm).forward(norm, x)

    def pass_act(self, x: Tensor) -> Tensor:
        """In place of the activation's ``forward``."""
        return x if self._applies() else type(self.act).forward(self.act, x)

    def _fold(self, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
        """Weight and bias that hold the norm; made anew only when they changed."""
        conv, mean, var = self.conv, norm.running_mean, norm.running_var
        assert mean is not None and var is not None
        parts = [conv.weight, norm.weight, norm.bias, mean, var]
        parts += [] if conv.bias is None else [conv.bias]
        # where they lie and how often they were written to
        made_of = [(part.data_ptr(), part._version) for part in parts]
        if made_of != self._made_of:
            # in double precision: one rounding, as in the separate layers' weights
            weight, bias = conv.weight.double(), conv.bias
            affine = mean.double(), var.double(), norm.eps, norm.weight, norm.bias
            fused = fuse_conv_bn_weights(weight, bias, *affine)
            self._weights = fused[0].to(conv.weight), fused[1].to(conv.weight)
            self._made_of = made_of
            # so that nothing else can come to lie there
            self._held = [part.detach() for part in parts]
        return self._weights

    def _applies(self) -> bool:
        if self.conv.training or torch.is_grad_enabled():
            return False
        # weights made in inference mode do not tell of changes
        tells = not self.conv.weight.is_inference()
        return tells and not torch.compiler.is_compiling()
