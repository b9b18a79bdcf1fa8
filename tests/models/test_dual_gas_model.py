"""The model's own logic: who is initialised, which gases it takes, what it refuses."""

import copy
from typing import Any

import pytest
import torch

from fume_mm.errors import UserError
from fume_mm.models import DualGasModel
from fume_mm.registry import register_all_modules
from tests import objective
from tests.batches import batch
from tests.objective import MASKS, PREPROCESSOR

register_all_modules()
ENCODER = {'type': 'FastSCNNEncoder'}
DUAL = {'type': 'DualStreamBackbone', 'shared': True, 'encoder': ENCODER}
EARLY = {'type': 'EarlyFusionBackbone', 'encoder': ENCODER | {'in_channels': 2}}
NECK = {'type': 'ConcatFusion', 'in_channels': 128}
HEAD = {'type': 'FastSCNNHead', **MASKS}
HEALTH = {'type': 'HealthHead', 'in_channels': 128, **objective.HEALTH}


def model(**parts: Any) -> DualGasModel:
    given = {
        'data_preprocessor': PREPROCESSOR,
        'backbone': DUAL,
        'neck': NECK,
        'decode_head': HEAD,
        'health_head': HEALTH,
    }
    return DualGasModel(**copy.deepcopy(given | parts))


def run(net: DualGasModel, *patterns: str) -> dict[str, torch.Tensor]:
    data = net.eval().data_preprocessor(batch(*patterns))
    with torch.no_grad():
        return net(data['inputs'])


def test_heads_of_both_gases_are_initialised() -> None:
    init = {'type': 'Constant', 'layer': 'Conv2d', 'val': 0.5}
    head = HEAD | {'init_cfg': init}
    net = model(decode_head=head, auxiliary_head=head)
    net.init_weights()
    for gas in ('co2', 'ch4'):
        for one in (net.decode_head[gas], net.auxiliary_head[gas][0]):
            assert (one.conv_seg.weight == 0.5).all()


@pytest.mark.parametrize('fusion', ['stack', 'mean'])
def test_early_fusion_reads_a_missing_gas_as_nothing(fusion: str) -> None:
    channels = 2 if fusion == 'stack' else 1
    backbone = EARLY | {
        'fusion': fusion,
        'encoder': ENCODER | {'in_channels': channels},
    }
    net = model(backbone=backbone, neck=None)
    out = run(net, 'co2 ch4', 'ch4')
    assert out['co2'].shape == out['ch4'].shape == (2, 3, 64, 96)
    assert out['co2'][1].abs().max() == 0
    alone = run(net, 'co2 ch4', 'co2')  # the second sample must not matter to the first
    torch.testing.assert_close(alone['health'][0], out['health'][0])
    seen: list[torch.Tensor] = []
    net.backbone.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    run(net, 'co2', 'ch4')
    (x,) = seen
    if fusion == 'stack':
        assert x[0, 1].abs().max() == 0 and x[1, 0].abs().max() == 0
        assert x[0, 0].abs().max() > 0 and x[1, 1].abs().max() > 0
    else:  # the mean over the gases that exist, not half of one
        data = net.data_preprocessor(batch('co2', 'ch4'))['inputs']
        assert torch.equal(x, torch.cat([data['co2'], data['ch4']]))


def test_a_model_of_one_gas_has_parts_for_it_alone_and_leaves_the_other() -> None:
    net = model(gases=('co2',), neck={'type': 'AddFusion', 'in_channels': 128})
    assert list(net.decode_head) == ['co2']
    out = run(net, 'co2 ch4', 'co2')
    assert set(out) == {'co2', 'health'}
    assert out['co2'].shape == (2, 3, 64, 96)
    with pytest.raises(UserError, match=r'looks at co2 only, .* set dataset\.gases='):
        run(net, 'co2', 'ch4')


def test_shared_heads_decode_both_gases_with_one_set_of_weights() -> None:
    own, shared = model(), model(share_decode_head=True)
    assert shared.decode_head['co2'] is shared.decode_head['ch4']
    head = sum(p.numel() for p in own.decode_head['co2'].parameters())
    counts = [sum(p.numel() for p in net.parameters()) for net in (own, shared)]
    assert counts[0] - counts[1] == head


def test_auxiliary_heads_add_losses_in_training_alone() -> None:
    heads = [
        HEAD,
        {
            'type': 'mmseg.FCNHead',
            'in_channels': 64,
            'in_index': 0,
            'channels': 8,
            'num_classes': 3,
            'norm_cfg': {'type': 'BN'},
            'loss_decode': {'type': 'mmseg.CrossEntropyLoss', 'loss_weight': 0.4},
        },
    ]
    net = model(auxiliary_head=heads)
    data = net.train().data_preprocessor(batch('co2 ch4', 'co2'), training=True)
    losses = net(**data, mode='loss')
    names = {key for key in losses if '.aux' in key}
    parts = ('aux_0.loss_focal_dice', 'aux_1.loss_ce')
    assert names == {f'{gas}.{part}' for gas in ('co2', 'ch4') for part in parts}
    out = run(net, 'co2 ch4')
    assert set(out) == {'co2', 'ch4', 'health'}


def test_decoders_can_read_the_fused_map() -> None:
    net = model(decode_fused=True)
    out = run(net, 'co2 ch4')
    with torch.no_grad():  # what feeds the fused map now reaches the masks
        net.neck.fuse[0].weight.zero_()
    assert not torch.equal(run(net, 'co2 ch4')['co2'], out['co2'])


@pytest.mark.parametrize(
    ('parts', 'said'),
    [
        ({'neck': None}, 'neck and health_head come together'),
        ({'backbone': EARLY}, 'EarlyFusionBackbone joins the gases itself'),
        ({'decode_head': None, 'health_head': None}, 'give a decode_head, a health_h'),
        ({'decode_head': None, 'auxiliary_head': HEAD}, 'an auxiliary_head comes with'),
        ({'gases': ('co2', 'n2o')}, r'name some of co2, ch4, each once'),
        ({'gases': ('co2', 'co2')}, r'name some of co2, ch4, each once'),
        ({'gases': ()}, r'name some of co2, ch4, each once'),
        ({'neck': None, 'health_head': None, 'decode_fused': True}, 'needs a neck'),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        model(**parts)


def test_frames_of_two_sizes_cannot_be_joined() -> None:
    net = model(backbone=EARLY, neck=None).eval()
    frames = {'co2': torch.zeros(1, 1, 64, 96), 'ch4': torch.zeros(1, 1, 32, 96)}
    with pytest.raises(UserError, match=r'differ in size .* this backbone cannot join'):
        net(frames | {'present': torch.tensor([[True, True]])})
