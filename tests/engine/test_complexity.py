"""Parameters and MACs against counts by hand; parts that do not fit."""

from pathlib import Path

import pytest
from mmengine.config import Config

from fume_mm.engine.complexity import complexity
from fume_mm.engine.config import load_config
from fume_mm.engine.fitting import check_parts
from fume_mm.errors import UserError
from fume_mm.registry import register_all_modules
from tests.objective import HEALTH, MASKS, PREPROCESSOR

ROOT = Path(__file__).parents[2]
register_all_modules()


def config(**parts: object) -> Config:
    model = {
        'type': 'DualGasModel',
        'data_preprocessor': PREPROCESSOR,
        'backbone': {
            'type': 'DualStreamBackbone',
            'shared': True,
            'encoder': {'type': 'FastSCNNEncoder'},
        },
        'neck': {'type': 'AddFusion', 'in_channels': 128},
        'health_head': {
            'type': 'HealthHead',
            'in_channels': 128,
            'hidden_channels': (),
            **HEALTH,
        },
    }
    return Config({'model': model | parts})


def test_a_part_of_another_width_is_named_instead_of_counted() -> None:
    narrow = config()
    narrow.model.health_head.in_channels = 64
    with pytest.raises(
        UserError, match=r'model\.health_head \(HealthHead\) cannot take'
    ):
        complexity(narrow, size=(64, 96))


def test_macs_of_each_layer_by_hand() -> None:
    cost = complexity(config(), size=(64, 96))
    # a linear layer of 128 to 3 on one sample
    assert cost.by_part['health_head'] == (128 * 3 + 3, 128 * 3)
    assert cost.by_part['neck'] == (0, 0)
    half, quarter, eighth = (32 * 48, 16 * 24, 8 * 12)  # positions at each stride
    stem = half * 9 * 32
    second = quarter * (9 * 32 + 32 * 48)
    third = eighth * (9 * 48 + 48 * 64)
    head = complexity(config(), size=(64, 96), gases=('co2',))
    assert cost.by_part['backbone'][1] == 2 * head.by_part['backbone'][1]
    assert cost.parameters == 1_071_888 + 128 * 3 + 3
    shallow = config(
        backbone={
            'type': 'DualStreamBackbone',
            'shared': True,
            'encoder': {
                'type': 'FastSCNNEncoder',
                'stage_channels': (),
                'stage_blocks': (),
                'stage_strides': (),
                'out_channels': 128,
            },
        }
    )
    # four bins: 64 to 16 at each position; then 128 to 128 at all
    pyramid = (1 + 4 + 9 + 36) * 64 * 16 + eighth * 128 * 128
    found = complexity(shallow, size=(64, 96), gases=('co2',)).by_part['backbone'][1]
    assert found == stem + second + third + pyramid


def test_what_only_training_has_is_counted_apart() -> None:
    head = {'type': 'FastSCNNHead', **MASKS}
    plain = complexity(config(decode_head=head), size=(64, 96))
    helped = complexity(config(decode_head=head, auxiliary_head=head), size=(64, 96))
    assert plain.parameters == helped.parameters
    assert helped.training_parameters == plain.by_part['decode_head'][0] == 139_974
    assert plain.macs == helped.macs


def test_no_network_has_no_macs() -> None:
    path = ROOT / 'configs/baselines/random_forest.py'
    cost = complexity(load_config(str(path)))
    assert (cost.parameters, cost.macs, cost.gases) == (0, 0, ())


@pytest.mark.parametrize(
    ('parts', 'said'),
    [
        (
            {'neck': {'type': 'ConcatFusion', 'in_channels': 64}},
            r'model\.neck \(Concat',
        ),
        (
            {'decode_head': {'type': 'DeepLabV3PlusHead', **MASKS}},
            r'model\.decode_head \(DeepLab',
        ),
        (
            {'health_head': {'type': 'HealthHead', 'in_channels': 256, **HEALTH}},
            r'model\.health_head \(HealthHead\) cannot take what it is given',
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(parts: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_parts(config(**parts))
