"""Peers of mmsegmentation's own parts: counts, and what the adapters change."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmseg.models.backbones import DDRNet
from mmseg.models.decode_heads import LightHamHead
from torch import nn

from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.models.layers import SingleFrameBN
from fume_mm.models.losses import FocalDiceLoss
from fume_mm.models.peers.ddrnet import DDRNetEncoder, DDRNetHead
from fume_mm.models.peers.light_ham_head import SteadyLightHamHead, SteadyNMF
from fume_mm.models.peers.single_frame_norms import use_single_frame_norms
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES
from tests.batches import batch
from tests.objective import LOSS_DECODE

register_all_modules()
PEERS = Path(__file__).parents[2] / 'configs/peers'
#: Parameters of (encoder, one gas's head, one gas's auxiliary heads).
COUNTS = {
    'bisenetv2': (2_156_272, 1_184_771, 11_423_548),
    'carboformer': (4_732_704, 330_243, 369_923),
    'danet': (11_195_168, 1_509_771, 0),
    'ddrnet_slim': (5_620_000, 111_622, 0),
    'gasformer': (3_316_256, 330_243, 0),
    'mscan_upernet': (3_903_296, 2_084_227, 0),
}
#: Encoder and head, in millions: published designs on one image of one channel.
SINGLE_IMAGE = {
    'bisenetv2': 3.341,
    'carboformer': 5.063,  # 5.066 on three channels
    'danet': 12.705,
    'ddrnet_slim': 5.732,
    'gasformer': 3.646,
}


def config(name: str) -> Any:
    return load_config(str(PEERS / f'{name}.py')).model


def count(module: Any) -> int:
    return sum(p.numel() for p in module.parameters()) if module is not None else 0


@pytest.fixture(scope='module', params=[*COUNTS, 'cmx', 'gas_twin_former'])
def peer(request: Any) -> tuple[str, Any]:
    torch.manual_seed(0)
    return request.param, MODELS.build(config(request.param))


@pytest.mark.parametrize('peer', ['ddrnet_slim'], indirect=True)
def test_a_head_of_several_logits_in_training_has_a_loss_in_evaluation(
    peer: tuple[str, Any],
) -> None:
    model = peer[1].eval()
    data = model.data_preprocessor(batch('co2 ch4', 'co2', size=(64, 96)), False)
    with torch.no_grad():
        losses = model(**data, mode='loss')
    assert {'co2.loss_focal_dice', 'ch4.loss_focal_dice'} <= losses.keys()
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize('peer', COUNTS, indirect=True)
def test_parameters(peer: tuple[str, Any]) -> None:
    name, model = peer
    parts = [model.backbone, model.decode_head['co2']]
    auxiliary = model.auxiliary_head and model.auxiliary_head['co2']
    found = tuple(map(count, [*parts, auxiliary]))
    assert found == COUNTS[name]
    if name in SINGLE_IMAGE:
        assert round(sum(found[:2]) / 1e6, 3) == SINGLE_IMAGE[name]
    for gas in GASES:
        assert count(model.decode_head[gas]) == found[1]


def test_carboformer_on_three_channels_has_its_own_paper_s_count() -> None:
    cfg = config('carboformer')
    cfg.backbone.encoder.in_channels = 3
    model = MODELS.build(cfg)
    total = count(model.backbone) + count(model.decode_head['co2'])
    assert total == 5_066_083
    assert round(total / 1e6, 2) == 5.07


def test_a_lone_frame_trains(peer: tuple[str, Any]) -> None:
    _, model = peer
    model.train()
    data = model.data_preprocessor(batch('ch4'), training=True)
    total, _ = model.parse_losses(model(**data, mode='loss'))
    assert torch.isfinite(total)
    total.backward()
    model.zero_grad(set_to_none=True)


def test_samples_do_not_depend_on_their_neighbours(peer: tuple[str, Any]) -> None:
    _, model = peer
    model.eval()
    present = torch.tensor([[True, True], [True, False], [False, True]])
    frames = {gas: torch.randn(3, 1, 64, 96) for gas in GASES}
    with torch.no_grad():
        together = model({**frames, 'present': present})
        for n in range(3):
            own = {gas: x[n : n + 1] for gas, x in frames.items()}
            alone = model({**own, 'present': present[n : n + 1]})
            for key, value in alone.items():
                torch.testing.assert_close(
                    value[0], together[key][n], rtol=1e-3, atol=1e-4
                )


def test_auxiliary_losses_are_weighted_as_published() -> None:
    weights = {
        name: [
            [loss.loss_weight for loss in head.modules() if type(loss) is FocalDiceLoss]
            for head in MODELS.build(config(name)).auxiliary_head['ch4']
        ]
        for name in ('bisenetv2', 'carboformer')
    }
    assert weights == {'bisenetv2': [[1.0]] * 4, 'carboformer': [[0.4]]}
    head = MODELS.build(config('ddrnet_slim')).decode_head['ch4']
    assert [loss.loss_weight for loss in head.loss_decode] == [1.0, 0.4]


@pytest.mark.parametrize('name', ['bisenetv2', 'danet', 'ddrnet_slim'])
def test_losses_of_all_logits_are_named(name: str) -> None:
    model = MODELS.build(config(name)).train()
    data = model.data_preprocessor(batch('co2', 'co2'), training=True)
    losses = model(**data, mode='loss')
    assert [key for key in losses if 'loss' in key] == {
        'bisenetv2': [
            'co2.loss_focal_dice',
            *(f'co2.aux_{i}.loss_focal_dice' for i in range(4)),
            'loss_health',
        ],
        'danet': [
            *(f'co2.{part}.loss_focal_dice' for part in ('pam_cam', 'pam', 'cam')),
            'loss_health',
        ],
        'ddrnet_slim': ['co2.loss_context', 'co2.loss_spatial', 'loss_health'],
    }[name]


def test_single_frame_norms_replace_every_plain_one() -> None:
    cfg = config('bisenetv2').backbone.encoder
    plain = MODELS.build(cfg.encoder)
    norms = sum(type(m) is nn.BatchNorm2d for m in plain.modules())
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        plain.train()(torch.randn(1, 1, 64, 96))
    fitted = MODELS.build(cfg)
    assert sum(type(m) is nn.BatchNorm2d for m in fitted.modules()) == 0
    assert sum(type(m) is SingleFrameBN for m in fitted.modules()) == norms > 0
    maps = fitted.train()(torch.randn(1, 1, 64, 96))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (128, 8, 12),
        (16, 16, 24),
        (32, 8, 12),
        (64, 4, 6),
        (128, 2, 3),
    ]


def test_single_frame_norms_keep_a_norm_s_settings() -> None:
    module = nn.Sequential(nn.BatchNorm2d(4, eps=0.1, momentum=0.2, affine=False))
    use_single_frame_norms(module)
    norm = module[0]
    assert (norm.eps, norm.momentum, norm.affine) == (0.1, 0.2, False)


def test_ddrnet_gives_mmseg_s_map_last_and_takes_any_size() -> None:
    torch.manual_seed(0)
    ours = DDRNetEncoder()
    theirs = DDRNet(in_channels=1)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 1, 64, 96)
    with torch.no_grad():
        (found,) = ours.eval()(x)
        torch.testing.assert_close(found, theirs.eval()(x))
        for size, cells in ((61, 89), (8, 12)), ((65, 97), (9, 13)):
            (found,) = ours(torch.randn(1, 1, *size))
            assert found.shape == (1, 128, *cells)
    with pytest.raises(RuntimeError, match='must match'):
        theirs(torch.randn(1, 1, 61, 89))
    auxiliary, main = ours.train()(x)
    assert auxiliary.shape == (2, 64, 8, 12)
    assert main.shape == (2, 128, 8, 12)


def test_ddrnet_head_gives_a_pair_in_training_only() -> None:
    head = DDRNetHead(loss_decode=[LOSS_DECODE] * 2).train()
    maps = (torch.randn(2, 64, 8, 12), torch.randn(2, 128, 8, 12))
    assert [x.shape for x in head(maps)] == [(2, 3, 8, 12)] * 2
    assert head.eval()(maps[1:]).shape == (2, 3, 8, 12)
    with pytest.raises(UserError, match='give a list of two losses'):
        DDRNetHead(loss_decode=LOSS_DECODE)


def ham(head_class: type, **options: Any) -> Any:
    torch.manual_seed(0)
    return head_class(
        in_channels=[4, 8],
        in_index=[0, 1],
        channels=8,
        ham_channels=8,
        ham_kwargs={'MD_R': 4, **options},
        num_classes=3,
        norm_cfg={'type': 'GN', 'num_groups': 2},
        loss_decode=LOSS_DECODE,
    )


def test_light_ham_evaluates_alike_and_trains_at_random() -> None:
    maps = (torch.rand(1, 4, 8, 12), torch.rand(1, 8, 4, 6))
    with torch.no_grad():
        first, second = ham(SteadyLightHamHead).eval(), ham(SteadyLightHamHead).eval()
        assert torch.equal(first(maps), first(maps))
        assert torch.equal(first(maps), second(maps))
        theirs = ham(LightHamHead).eval()
        assert not torch.equal(theirs(maps), theirs(maps))
        nmf = first.hamburger.ham.train()
        x = torch.rand(1, 8, 8, 12)
        assert not torch.equal(nmf(x), nmf(x))


def test_light_ham_keeps_mmseg_s_weights_and_numbers() -> None:
    ours, theirs = ham(SteadyLightHamHead).eval(), ham(LightHamHead).eval()
    theirs.load_state_dict(ours.state_dict())
    theirs.hamburger.ham.rand_init = False
    theirs.hamburger.ham.bases = ours.hamburger.ham.bases
    maps = (torch.rand(2, 4, 8, 12), torch.rand(2, 8, 4, 6))
    with torch.no_grad():
        torch.testing.assert_close(ours(maps), theirs(maps))


def test_factorisation_does_not_overflow_in_half_precision() -> None:
    nmf = SteadyNMF(8, {'MD_R': 4}).eval()
    x = torch.rand(1, 8, 60, 80) * 100
    with torch.autocast('cpu', dtype=torch.float16):
        found = nmf(x.half())
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float(), nmf(x), rtol=0.01, atol=0.5)
