"""Checkpoints of the original FUME implementation, brought into ours.

The original (github.com/taminulislam/fume, MIT, plain PyTorch) names its parts
differently and writes both gases' encoders even where they are one module. Only names
and shapes are handled here; tensors are what they were.
"""

import re
import struct
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fume_mm.errors import UserError

StateDict = dict[str, Tensor]
_SHOWN = 5

Rule = tuple[str, str] | tuple[str, str, str]


#: struct's codes of the types of NumPy's numbers.
_NUMBERS = {'f4': 'f', 'f8': 'd', 'i4': 'i', 'i8': 'q'}


class _NumberType:
    """In the place of ``numpy.dtype`` in a pickle: a name, and no NumPy."""

    def __init__(self, name: str, align: bool = False, copy: bool = True) -> None:
        if name not in _NUMBERS:
            raise ValueError(f'{name!r} is no type of a number')
        self.code = f'<{_NUMBERS[name]}'

    def __setstate__(self, state: tuple) -> None:
        """Byte order and what only other types have; little endian is all there is."""
        if state[1] != '<':
            raise ValueError(f'{state[1]!r} is another byte order')


def _number(kind: _NumberType, data: bytes) -> float | int:
    """In the place of ``numpy.core.multiarray.scalar``: a plain number."""
    return struct.unpack(kind.code, data)[0]


#: What the original's checkpoints hold beside tensors and plain values is
#: ``best_metric``, a number of NumPy 1 or 2. It is read as a plain number, by none of
#: NumPy's own functions.
NUMPY_SCALARS: list[tuple[Callable[..., Any], str]] = [
    (_NumberType, 'numpy.dtype'),
    (_number, 'numpy.core.multiarray.scalar'),
    (_number, 'numpy._core.multiarray.scalar'),
]


def _separable(theirs: str, ours: str) -> list[Rule]:
    """Rules for a depthwise-separable convolution."""
    parts = enumerate(('depthwise', 'pointwise', 'bn'))
    return [(rf'{theirs}\.{part}\.', rf'{ours}.{index}.') for index, part in parts]


_DOWN, _DEEP = 'learning_to_downsample', 'global_feature_extractor'
_BOTTLENECK = rf'{_DEEP}\.bottleneck'
#: By part of a model, what a key begins with there (the first that fits) and here, and
#: the part whose rules the rest follows; without one it is as it is.
RULES: dict[str, list[Rule]] = {
    'model': [
        (r'(co2|ch4)_encoder\.', r'backbone.encoders.\1.', 'encoder'),
        (r'(co2|ch4)_seg_head\.', r'decode_head.\1.', 'decode_head'),
        (r'fusion\.', 'neck.', 'fusion'),
        (r'cls_head\.', 'health_head.', 'health'),
    ],
    'encoder': [
        (rf'{_DOWN}\.conv\.conv\.', 'downsample.0.0.'),
        (rf'{_DOWN}\.conv\.bn\.', 'downsample.0.1.'),
        *_separable(rf'{_DOWN}\.dsconv1', 'downsample.1'),
        *_separable(rf'{_DOWN}\.dsconv2', 'downsample.2'),
        *(
            # convolution, norm, ReLU6 three times in a row
            (
                rf'{_BOTTLENECK}{stage + 1}\.(\d)\.conv\.{3 * unit + i}\.',
                rf'stages.{stage}.\1.conv.{unit}.{kind}.',
            )
            for stage in range(3)
            for unit in range(3)
            for i, kind in enumerate(('conv', 'bn'))
        ),
        *(
            (rf'{_DEEP}\.ppm\.conv{scale + 1}\.conv\.', f'pyramid.convs.{scale}.')
            for scale in range(4)
        ),
        (rf'{_DEEP}\.ppm\.out_conv\.conv\.', 'pyramid.out_conv.0.'),
        (rf'{_DEEP}\.ppm\.out_conv\.bn\.', 'pyramid.out_conv.1.'),
        (rf'(?!{_DOWN}|{_DEEP})', ''),  # mmseg's ResNet has torchvision's names
    ],
    'attention': [(r'(query|key|value)_conv\.', r'\1.'), ('gamma', 'gamma')],
    'channel_attention': [(r'fc1\.', 'squeeze.'), (r'fc2\.', 'excite.')],
    'fusion': [
        (r'self_att_(co2|ch4)\.', r'self_attention.\1.', 'attention'),
        (r'cross_att\.', 'cross_attention.', 'attention'),
        (r'channel_att\.', 'channel_attention.', 'channel_attention'),
        (r'fusion_conv\.', 'fuse.'),
        (r'([01])\.', r'fuse.\1.'),
    ],
    'decode_head': [
        *(
            (rf'aspp\.conv{branch + 1}\.', f'aspp.branches.{branch}.')
            for branch in range(4)
        ),
        (r'aspp\.global_pool\.1\.', 'aspp.image_pool.0.'),
        (r'aspp\.global_pool\.2\.', 'aspp.image_pool.1.'),
        (r'aspp\.fusion\.', 'aspp.project.'),
        (r'decoder_conv1\.', 'low_conv.'),
        (r'decoder_conv2\.([01])\.', r'decoder.0.\1.'),
        (r'decoder_conv2\.4\.', 'decoder.2.0.'),
        (r'decoder_conv2\.5\.', 'decoder.2.1.'),
        (r'final_conv\.', 'conv_seg.'),
        *_separable(r'feature_fusion\.dwconv', 'low_conv'),
        (r'feature_fusion\.conv_high\.', 'high_conv.'),
        (r'feature_fusion\.attention\.1\.', 'attention.squeeze.'),
        (r'feature_fusion\.attention\.3\.', 'attention.excite.'),
        *_separable(r'classifier\.0', 'decoder.0'),
        *_separable(r'classifier\.1', 'decoder.1'),
        (r'classifier\.3\.', 'conv_seg.'),
    ],
    'health': [
        (r'classifier\.', 'mlp.'),
        # where pool and flatten are the first two
        *((rf'{index + 2}\.', f'mlp.{index}.') for index in range(8)),
    ],
}


def rename(key: str, part: str = 'model') -> str:
    """Our name for an original key, which is as within a part of :data:`RULES`.

    Raises:
        KeyError: If the original has no such key.
    """
    for pattern, ours, *then in RULES[part]:
        match = re.match(pattern, key)
        if match:
            rest = key[match.end() :]
            return match.expand(ours) + (rename(rest, *then) if then else rest)
    raise KeyError(key)


def convert_original(original: StateDict, model: nn.Module) -> StateDict:
    """The original's weights under the names of ``model``.

    Args:
        original: State dict of one of the original's models; a ``module.`` that
            DataParallel puts before every name is dropped.
        model: A DualGasModel of the same architecture.

    Returns:
        A state dict with exactly the names and shapes of ``model``'s.

    Raises:
        UserError: Naming the keys that map to nothing in ``model``, that ``model``
            lacks, whose shape differs, or, for a shared encoder, that differ between
            the gases.
    """
    original = {key.removeprefix('module.'): value for key, value in original.items()}
    ours = model.state_dict()
    shared = any(name.startswith('backbone.encoder.') for name in ours)
    state: StateDict = {}
    wrong = []
    for key, value in original.items():
        try:
            name = rename(key)
        except KeyError:
            wrong.append(f'{key} is no name of the original FUME')
            continue
        if shared:
            name = re.sub(r'^backbone\.encoders\.\w+', 'backbone.encoder', name)
        if '.feature_fusion.attention.' in key and key.endswith('weight'):
            value = value.flatten(1)  # a 1×1 convolution there, a linear layer here
        if name not in ours:
            wrong.append(f'{key} ({name}) is not in the model')
        elif value.shape != ours[name].shape:
            theirs, size = tuple(value.shape), tuple(ours[name].shape)
            wrong.append(f'{key} is {theirs}, {name} {size}')
        elif name in state and not torch.equal(state[name], value):
            wrong.append(f'{key} differs from the other gas, but the encoder is shared')
        state[name] = value
    wrong += [f'{name} has no counterpart' for name in ours if name not in state]
    if wrong:
        more = f'; and {len(wrong) - _SHOWN} more' if len(wrong) > _SHOWN else ''
        raise UserError(
            f'{len(wrong)} keys do not map: {"; ".join(wrong[:_SHOWN])}{more}; give '
            'the config of the model that the checkpoint was saved from (FUMEModel: '
            'fume_r50_original; FUMEFastSCNN: fume_fastscnn or '
            'fume_fastscnn_separate; FUMEFastSCNNNoAttention: fume_fastscnn_concat).'
        )
    return state
