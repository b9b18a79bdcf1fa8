"""The original implementation's outputs, and how its weights are named here.

The files lie beside the repository and are not part of it; tests that ask for them
skip where they are absent.
"""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

GOLDEN = Path(__file__).resolve().parents[3] / 'shared' / 'golden'
StateDict = dict[str, Tensor]


def golden_file(name: str) -> Path:
    """The path of a golden file; skips the test where there is none."""
    path = GOLDEN / name
    if not path.is_file():
        pytest.skip(f'golden file {name} is not beside the repository')
    return path


def outputs(name: str) -> dict[str, Tensor]:
    """The arrays of ``<name>.npz`` as tensors."""
    with np.load(golden_file(f'{name}.npz')) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


def weights_module() -> ModuleType:
    """The generator of the deterministic weights and inputs."""
    spec = importlib.util.spec_from_file_location(
        'make_weights', golden_file('make_weights.py')
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model_state(name: str, *, shared_encoder: bool) -> StateDict:
    """The weights of original model ``name``, under the names of a DualGasModel."""
    original = weights_module().make_state_dict(
        golden_file(f'{name}_keys.json'), shared_encoder
    )
    return convert(original, shared_encoder=shared_encoder)


def block_state(block: str, rename) -> StateDict:
    """The weights of original block ``block``, renamed by ``rename``."""
    make = weights_module()
    shapes = json.loads(golden_file('blocks_keys.json').read_text())[block]
    return {
        rename(key): make.make_tensor(f'{block}.{key}', shape)
        for key, shape in shapes.items()
    }


def assert_parity(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Equal within ``tolerance`` of the largest expected value."""
    assert actual.shape == expected.shape
    error = (actual - expected).abs().max() / expected.abs().max()
    assert error < tolerance, f'relative error {error:.2e}'


def convert(original: StateDict, *, shared_encoder: bool) -> StateDict:
    """A whole original state dict, under the names of a DualGasModel."""
    state = {}
    for key, value in original.items():
        name = model_key(key, shared_encoder=shared_encoder)
        if name is not None:
            state[name] = reshape(key, value)
    return state


def reshape(key: str, value: Tensor) -> Tensor:
    """Channel attention's 1×1 convolutions are linear layers here."""
    is_gate = '.feature_fusion.attention.' in key and key.endswith('weight')
    return value.flatten(1) if is_gate else value


def model_key(key: str, *, shared_encoder: bool) -> str | None:
    """Our name for an original key; None for the second name of a shared encoder."""
    part, _, rest = key.partition('.')
    if part in ('co2_encoder', 'ch4_encoder'):
        gas = part[:3]
        if not shared_encoder:
            return f'backbone.encoders.{gas}.{encoder_key(rest)}'
        return f'backbone.encoder.{encoder_key(rest)}' if gas == 'co2' else None
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
        stage, block, index, leaf = re.fullmatch(
            rf'{extractor}\.bottleneck(\d)\.(\d)\.conv\.(\d)\.(\w+)', key
        ).groups()
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
