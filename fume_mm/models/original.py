"""Checkpoints of the original FUME implementation, brought into ours.

The original (github.com/taminulislam/fume, MIT, plain PyTorch) names its parts
differently and writes both gases' encoders even where they are one module. Only names
and shapes are handled here; tensors are what they were.
"""

import re

import torch
from torch import Tensor, nn

from fume_mm.errors import UserError

StateDict = dict[str, Tensor]
_SHOWN = 5


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
    shared = any(name.startswith('backbone.encoder.') for name in model.state_dict())
    wanted = model.state_dict()
    state: StateDict = {}
    wrong = []
    for key, value in original.items():
        try:
            name = model_key(key, shared_encoder=shared)
        except KeyError:
            wrong.append(f'{key} is no name of the original FUME')
            continue
        tensor = reshape(key, value)
        if name not in wanted:
            wrong.append(f'{key} ({name}) is not in the model')
        elif tensor.shape != wanted[name].shape:
            shapes = tuple(tensor.shape), tuple(wanted[name].shape)
            wrong.append(f'{key} is {shapes[0]}, {name} {shapes[1]}')
        elif name in state and not torch.equal(state[name], tensor):
            wrong.append(f'{key} differs from the other gas, but the encoder is shared')
        state[name] = tensor
    wrong += [f'{name} has no counterpart' for name in wanted if name not in state]
    if wrong:
        more = f'; and {len(wrong) - _SHOWN} more' if len(wrong) > _SHOWN else ''
        raise UserError(
            f'{len(wrong)} keys do not map: {"; ".join(wrong[:_SHOWN])}{more}; give '
            'the config of the model that the checkpoint was saved from (FUMEModel: '
            'fume_r50_original; FUMEFastSCNN: fume_fastscnn or '
            'fume_fastscnn_separate; FUMEFastSCNNNoAttention: fume_fastscnn_concat).'
        )
    return state


def reshape(key: str, value: Tensor) -> Tensor:
    """Channel attention's 1×1 convolutions are linear layers here."""
    is_gate = '.feature_fusion.attention.' in key and key.endswith('weight')
    return value.flatten(1) if is_gate else value


def model_key(key: str, *, shared_encoder: bool) -> str:
    """Our name for an original key; both gases' for a shared encoder have one.

    Raises:
        KeyError: If the original has no such key.
    """
    part, _, rest = key.partition('.')
    if part in ('co2_encoder', 'ch4_encoder'):
        gas = part[:3]
        if not shared_encoder:
            return f'backbone.encoders.{gas}.{encoder_key(rest)}'
        return f'backbone.encoder.{encoder_key(rest)}'
    if part in ('co2_seg_head', 'ch4_seg_head'):
        return f'decode_head.{part[:3]}.{decode_head_key(rest)}'
    if part == 'fusion':
        return f'neck.{fusion_key(rest)}'
    if part == 'cls_head':
        return f'health_head.{health_key(rest)}'
    raise KeyError(key)


def _rename(key: str, rules: list[tuple[str, str]]) -> str:
    """``key`` after the first rule whose pattern starts it."""
    for pattern, replacement in rules:
        renamed, count = re.subn(f'^{pattern}', replacement, key)
        if count:
            return renamed
    raise KeyError(key)


def _separable(old: str, new: str) -> list[tuple[str, str]]:
    """Rules for a depthwise-separable convolution."""
    parts = ('depthwise', 'pointwise', 'bn')
    return [
        (rf'{old}\.{part}\.', rf'{new}.{index}.') for index, part in enumerate(parts)
    ]


def encoder_key(key: str) -> str:
    """Our name for a key of an encoder; mmseg's ResNet has torchvision's names."""
    if not key.startswith(('learning_to_downsample.', 'global_feature_extractor.')):
        return key
    down, extractor = 'learning_to_downsample', 'global_feature_extractor'
    if key.startswith(f'{extractor}.bottleneck'):
        match = re.fullmatch(
            rf'{extractor}\.bottleneck(\d)\.(\d)\.conv\.(\d)\.(\w+)', key
        )
        if match is None:
            raise KeyError(key)
        stage, block, index, leaf = match.groups()
        unit, kind = divmod(int(index), 3)
        name = ('conv', 'bn')[kind]
        return f'stages.{int(stage) - 1}.{block}.conv.{unit}.{name}.{leaf}'
    pyramid = f'{extractor}.ppm'
    return _rename(
        key,
        [
            (rf'{down}\.conv\.conv\.', 'downsample.0.0.'),
            (rf'{down}\.conv\.bn\.', 'downsample.0.1.'),
            *_separable(rf'{down}\.dsconv1', 'downsample.1'),
            *_separable(rf'{down}\.dsconv2', 'downsample.2'),
            *(
                (rf'{pyramid}\.conv{scale + 1}\.conv\.', f'pyramid.convs.{scale}.')
                for scale in range(4)
            ),
            (rf'{pyramid}\.out_conv\.conv\.', 'pyramid.out_conv.0.'),
            (rf'{pyramid}\.out_conv\.bn\.', 'pyramid.out_conv.1.'),
        ],
    )


def attention_key(key: str) -> str:
    """Our name for a key of spatial or cross-modal attention."""
    return _rename(key, [(r'(query|key|value)_conv\.', r'\1.'), ('gamma', 'gamma')])


def channel_attention_key(key: str) -> str:
    """Our name for a key of channel attention."""
    return _rename(key, [(r'fc1\.', 'squeeze.'), (r'fc2\.', 'excite.')])


def fusion_key(key: str) -> str:
    """Our name for a key of the attention or concat fusion."""
    part, _, rest = key.partition('.')
    if part.startswith('self_att_'):
        return f'self_attention.{part[-3:]}.{attention_key(rest)}'
    if part == 'cross_att':
        return f'cross_attention.{attention_key(rest)}'
    if part == 'channel_att':
        return f'channel_attention.{channel_attention_key(rest)}'
    return _rename(key, [(r'fusion_conv\.', 'fuse.'), (r'([01])\.', r'fuse.\1.')])


def decode_head_key(key: str) -> str:
    """Our name for a key of the DeepLabV3+ or the Fast-SCNN head."""
    return _rename(
        key,
        [
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
    )


def health_key(key: str) -> str:
    """Our name for a key of the classifier, which may begin with pool and flatten."""
    if key.startswith('classifier.'):
        return key.replace('classifier.', 'mlp.', 1)
    index, _, leaf = key.partition('.')
    return f'mlp.{int(index) - 2}.{leaf}'
