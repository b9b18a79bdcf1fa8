"""What the baselines and ablations are, beyond what every config must do."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fume_mm.engine.config import load_config
from fume_mm.models.heads import GasAwareHealthHead
from fume_mm.models.rows import CompactRows
from fume_mm.registry import EVALUATOR, MODELS, TRANSFORMS, register_all_modules
from fume_mm.structures import GASES
from tests.objective import HEALTH

ROOT = Path(__file__).parents[2] / 'configs'
SPLITS = ('train', 'val', 'test')
register_all_modules()


def config(name: str) -> Any:
    return load_config(str(ROOT / f'{name}.py'))


def parameters(name: str) -> int:
    model = MODELS.build(config(name).model)
    return sum(p.numel() for p in model.parameters())


def mlp(*widths: int) -> int:
    """Weights and biases of linear layers of these widths."""
    return sum(a * b + b for a, b in itertools.pairwise(widths))


def conv(inputs: int, outputs: int, size: int = 3, *, bias: bool = False) -> int:
    return inputs * outputs * size**2 + outputs * bias


def unit(inputs: int, outputs: int, size: int = 1, *, bias: bool = False) -> int:
    """A convolution and its norm."""
    return conv(inputs, outputs, size, bias=bias) + 2 * outputs


def separable(inputs: int, outputs: int) -> int:
    """A depthwise convolution, then a pointwise one and its norm."""
    return 9 * inputs + unit(inputs, outputs)


# The published ResNet-50 without its classifier has 23,508,032 in colour, of which the
# first convolution has 2·7·7·64 more than in one channel.
R50 = 23_508_032 - 2 * 7 * 7 * 64
# What a second encoder adds to the original FUMEFastSCNN (its two published sizes).
FASTSCNN = 2_728_124 - 1_656_236
FASTSCNN_HEAD = (
    separable(64, 128)
    + unit(128, 128)
    + mlp(128, 32, 128)
    + 2 * separable(128, 128)
    + conv(128, 3, 1, bias=True)
)
R50_HEAD = (
    # at one position, at three dilations, over the whole image; their projection
    2 * unit(2048, 256, bias=True)
    + 3 * unit(2048, 256, 3, bias=True)
    + unit(5 * 256, 256, bias=True)
    # the low level, the two convolutions of the decoder, the classes
    + unit(256, 48, bias=True)
    + unit(256 + 48, 256, 3, bias=True)
    + unit(256, 256, 3, bias=True)
    + conv(256, 3, 1, bias=True)
)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('segmentation_only_r50', R50 + R50_HEAD),
        ('segmentation_only_fastscnn', FASTSCNN + FASTSCNN_HEAD),
        ('classification_only_r50', R50 + mlp(2048, 512, 256, 3)),
        ('classification_only_fastscnn', FASTSCNN + mlp(128, 256, 128, 3)),
        ('gas_aware_r50', R50 + 2 * 128 + mlp(2048 + 128, 512, 256, 3)),
        ('gas_aware_fastscnn', FASTSCNN + 2 * 64 + mlp(128 + 64, 256, 128, 3)),
        (
            'early_fusion_r50',
            R50 + conv(1, 64, 7) + 2 * R50_HEAD + mlp(2048, 512, 256, 3),
        ),
        (
            'early_fusion_fastscnn',
            FASTSCNN + conv(1, 32) + 2 * FASTSCNN_HEAD + mlp(128, 256, 3),
        ),
        ('multi_task_r50', R50 + R50_HEAD + mlp(2048, 512, 256, 3)),
        ('multi_task_fastscnn', FASTSCNN + FASTSCNN_HEAD + mlp(128, 256, 3)),
    ],
)
def test_baselines_have_the_parameters_of_their_parts(name: str, expected: int) -> None:
    assert parameters(f'baselines/{name}') == expected


ATTENTION = 1_656_236  # fume_fastscnn
# Self-attention per gas: query and key of 16 channels, value of 128, a gate.
SELF = 2 * conv(128, 16, 1, bias=True) + conv(128, 128, 1, bias=True) + 1
CROSS = 2 * conv(128, 64, 1, bias=True) + conv(128, 128, 1, bias=True) + 1
# Both self-attentions, the cross attention, channel attention, 3x3 convolution, norm.
FUSION = 2 * SELF + CROSS + mlp(256, 16, 256) + conv(256, 128, bias=True) + 2 * 128


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('fusion_cross_modal', ATTENTION),
        ('fusion_self_attention', ATTENTION - CROSS),
        ('fusion_add', ATTENTION - FUSION),
        ('fusion_concat', ATTENTION - FUSION + conv(256, 128, 1) + 2 * 128),
        ('modality_co2_only', ATTENTION - FUSION - FASTSCNN_HEAD),
        ('modality_ch4_only', ATTENTION - FUSION - FASTSCNN_HEAD),
        ('tasks_seg_only', FASTSCNN + 2 * FASTSCNN_HEAD),
        ('tasks_cls_only', ATTENTION - 2 * FASTSCNN_HEAD),
        ('encoders_shared', ATTENTION),
        ('encoders_separate', ATTENTION + FASTSCNN),
        ('augmentation_full', ATTENTION),
        ('augmentation_minimal', ATTENTION),
        ('modality_dropout_0', ATTENTION),
        ('modality_dropout_20', ATTENTION),
        ('loss_focal_dice', ATTENTION),
        ('loss_ce', ATTENTION),
        ('loss_fume_published', ATTENTION),
        ('health_ordinal', ATTENTION),
        (
            'decoder_simple',
            ATTENTION
            + 2 * (unit(128, 128, 3) + conv(128, 3, 1, bias=True) - FASTSCNN_HEAD),
        ),
        ('task_weights_constant', ATTENTION),
        ('task_weights_schedule', ATTENTION),
        ('task_weights_dwa', ATTENTION),
        # a log variance for each task
        ('task_weights_uncertainty', ATTENTION + 2),
        ('tta', ATTENTION),
        # an MLP on the sizes of both plumes, and its gate
        ('health_plume_sizes', ATTENTION + mlp(4, 64, 3) + 1),
    ],
)
def test_ablations_have_the_parameters_of_what_they_leave(
    name: str, expected: int
) -> None:
    assert parameters(f'ablations/{name}') == expected


def test_every_ablation_and_baseline_is_listed_here() -> None:
    listed = {
        mark.args[1][i][0]
        for test in (
            test_baselines_have_the_parameters_of_their_parts,
            test_ablations_have_the_parameters_of_what_they_leave,
        )
        for mark in test.pytestmark  # type: ignore[attr-defined]
        for i in range(len(mark.args[1]))
    }
    files = [*ROOT.glob('baselines/*.py'), *ROOT.glob('ablations/*.py')]
    assert {path.stem for path in files} == listed | {'random_forest'}
    for path in files:
        lines = path.read_text().splitlines()
        assert 1 < len(lines) < 30, path
        assert lines[0].startswith('# ') and lines[1].startswith('# '), path


@pytest.mark.parametrize('encoder', ['r50', 'fastscnn'])
@pytest.mark.parametrize(
    'name', ['segmentation_only', 'classification_only', 'gas_aware', 'multi_task']
)
def test_single_stream_baselines_see_one_frame_at_a_time(
    name: str, encoder: str
) -> None:
    cfg = config(f'baselines/{name}_{encoder}')
    for split in SPLITS:
        assert cfg[f'{split}_dataloader'].dataset.per_frame
    assert 'ModalityDropout' not in steps(cfg)
    model = MODELS.build(cfg.model)
    assert model.backbone.shared
    if model.decode_head is not None:
        assert model.decode_head['co2'] is model.decode_head['ch4']


@pytest.mark.parametrize('encoder', ['r50', 'fastscnn'])
def test_early_fusion_sees_pairs_as_channels(encoder: str) -> None:
    cfg = config(f'baselines/early_fusion_{encoder}')
    assert not cfg.train_dataloader.dataset.get('per_frame', False)
    assert 'ModalityDropout' in steps(cfg)
    model = MODELS.build(cfg.model)
    first = next(m for m in model.backbone.modules() if isinstance(m, nn.Conv2d))
    assert first.in_channels == 2
    assert model.decode_head['co2'] is not model.decode_head['ch4']


def steps(cfg: Any) -> list[str]:
    return [step.type for step in cfg.train_dataloader.dataset.pipeline]


FULL = [
    'ModalityDropout',
    'LoadDualGasFrames',
    'LoadDualGasMasks',
    'ResizeDualGas',
    'DualGasAugment',
    'PackDualGasInputs',
]


def test_pipelines_lose_only_the_step_of_their_name() -> None:
    without = {
        'augmentation_full': [],
        'modality_dropout_20': [],
        'augmentation_minimal': ['DualGasAugment'],
        'modality_dropout_0': ['ModalityDropout'],
        'modality_co2_only': ['ModalityDropout'],
        'modality_ch4_only': ['ModalityDropout'],
    }
    base = config('fume/fume_fastscnn')
    assert steps(base) == FULL
    for name, lost in without.items():
        cfg = config(f'ablations/{name}')
        assert steps(cfg) == [step for step in FULL if step not in lost], name
        kept = [s for s in base.train_dataloader.dataset.pipeline if s.type not in lost]
        assert list(cfg.train_dataloader.dataset.pipeline) == kept, name
        for split in ('val', 'test'):
            pipeline = f'{split}_dataloader.dataset.pipeline'
            assert cfg.get(pipeline) == base.get(pipeline)
    assert TRANSFORMS.build(base.train_dataloader.dataset.pipeline[0]).prob == 0.2


@pytest.mark.parametrize('gas', GASES)
def test_one_modality_is_one_for_the_model_and_every_split(gas: str) -> None:
    cfg = config(f'ablations/modality_{gas}_only')
    assert cfg.model.gases == (gas,)
    for split in SPLITS:
        assert cfg[f'{split}_dataloader'].dataset.gases == (gas,)


@pytest.mark.parametrize(
    ('names', 'best', 'monitor', 'metrics'),
    [
        (
            ('ablations/tasks_seg_only', 'baselines/segmentation_only_*'),
            'seg/mIoU',
            'seg/mIoU',
            'seg',
        ),
        (
            (
                'ablations/tasks_cls_only',
                'baselines/classification_only_*',
                'baselines/gas_aware_*',
                'baselines/random_forest',
            ),
            'cls/balanced_accuracy',
            'cls/balanced_accuracy',
            'cls',
        ),
        (
            ('ablations/fusion_*', 'baselines/multi_task_*', 'baselines/early_*'),
            'joint/score',
            'cls/balanced_accuracy',
            'cls seg',
        ),
    ],
)
def test_what_is_best_is_something_that_is_scored(
    names: tuple[str, ...], best: str, monitor: str, metrics: str
) -> None:
    paths = [path for name in names for path in ROOT.glob(f'{name}.py')]
    assert len(paths) >= 3
    for path in paths:
        cfg = load_config(str(path))
        assert cfg.default_hooks.checkpoint.save_best == best, path
        by_type = {hook.type: hook for hook in cfg.custom_hooks}
        assert by_type['ResumableEarlyStoppingHook'].monitor == monitor, path
        assert len(cfg.custom_hooks) == len(config('fume/fume_fastscnn').custom_hooks)
        for split in ('val', 'test'):
            evaluator = EVALUATOR.build(cfg[f'{split}_evaluator'])
            prefixes = {metric.prefix for metric in evaluator.metrics}
            expected = set(metrics.split())
            if split == 'test' and 'seg' in expected:
                expected.add('boundary')  # takes too long for each validation
            assert prefixes == expected, path


def test_the_gas_aware_head_tells_the_gases_apart() -> None:
    torch.manual_seed(0)
    head = GasAwareHealthHead(
        8, embedding_channels=4, hidden_channels=(6,), **HEALTH
    ).eval()
    assert sum(p.numel() for p in head.parameters()) == 2 * 4 + mlp(12, 6, 3)
    fused = torch.randn(1, 8, 5, 7).expand(3, -1, -1, -1)
    present = torch.tensor([[True, False], [False, True], [True, True]])
    logits = head(fused, None, CompactRows(present))
    assert not torch.allclose(logits[0], logits[1])
    a, b = head.gas_embedding.weight.detach()
    pooled = fused.mean(dim=(2, 3))
    for row, gas in zip(logits, (a, b, (a + b) / 2), strict=True):
        assert torch.allclose(row, head.mlp(torch.cat([pooled[0], gas])), atol=1e-6)
    # a frame of one gas teaches that gas's embedding alone
    head(fused[:1], None, CompactRows(present[:1])).sum().backward()
    assert head.gas_embedding.weight.grad[0].abs().sum() > 0
    assert head.gas_embedding.weight.grad[1].abs().sum() == 0
