import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from fume_mm.errors import UserError
from fume_mm.models.heads import DeepLabV3PlusHead, FastSCNNHead, HealthHead
from fume_mm.models.layers import SingleFrameBN
from fume_mm.models.losses import FocalDiceLoss, softmax_focal_loss
from fume_mm.models.rows import CompactRows
from fume_mm.registry import MODELS
from fume_mm.structures import DualGasDataSample
from tests.models import golden
from tests.objective import FOCAL_DICE, HEALTH, MASKS, WEIGHTS

ROWS = CompactRows(torch.ones(1, 2, dtype=torch.bool))


def deeplab(**options):
    return DeepLabV3PlusHead((8, 12), in_index=(0, 1), channels=16, **MASKS | options)


def fast_scnn(**options):
    return FastSCNNHead((8, 12), channels=16, **MASKS | options)


@pytest.fixture(params=[deeplab, fast_scnn])
def build(request):
    return request.param


def features(n=2, size=(12, 16)):
    torch.manual_seed(0)
    high = [-(-side // 4) for side in size]
    return torch.randn(n, 8, *size), torch.randn(n, 12, *high)


def seg_samples(n=2, size=(24, 32)):
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(3, (n, 1, *size), generator=generator)
    return [SegDataSample(gt_sem_seg=PixelData(data=mask)) for mask in masks]


@pytest.mark.parametrize('size', [(12, 16), (15, 21)])
@pytest.mark.parametrize('n', [1, 2])
def test_logits_have_the_low_level_size(build, size, n):
    head = build().eval()
    with torch.no_grad():
        assert head(features(n, size)).shape == (n, 3, *size)


def test_every_parameter_gets_a_gradient(build):
    head = build().train()
    head(features()).square().sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_one_frame_trains(build):
    head = build().train()
    head(features(n=1, size=(4, 4))).sum().backward()
    assert head.conv_seg.weight.grad.isfinite().all()


def test_default_norm_and_its_replacement(build):
    norms = [m for m in build().modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert all(isinstance(norm, SingleFrameBN) for norm in norms)
    other = build(norm_cfg={'type': 'GN', 'num_groups': 2})
    assert not [m for m in other.modules() if isinstance(m, nn.BatchNorm2d)]


def test_features_are_selected_by_index():
    low, high = features()
    junk = torch.zeros(1)
    head = FastSCNNHead((8, 12), in_index=(0, 3), channels=16, **MASKS).eval()
    same = FastSCNNHead((8, 12), channels=16, **MASKS).eval()
    same.load_state_dict(head.state_dict())
    assert torch.equal(head((low, junk, junk, high)), same((low, high)))


def test_loss_through_mmseg(build):
    head = build(dropout_ratio=0.0).eval()
    samples = seg_samples()
    losses = head.loss(features(), samples, train_cfg={})
    assert set(losses) == {'loss_focal_dice'}
    logits = F.interpolate(head(features()), size=(24, 32), mode='bilinear')
    mask = torch.cat([sample.gt_sem_seg.data for sample in samples])
    loss = FocalDiceLoss(**FOCAL_DICE, **WEIGHTS).compute(logits, mask)
    torch.testing.assert_close(losses['loss_focal_dice'], loss, rtol=1e-6, atol=0)


def test_losses_by_name_and_from_mmseg(build):
    head = build(
        loss_decode=[
            {'type': 'mmseg.CrossEntropyLoss', 'loss_weight': 0.4},
            {
                'type': 'fume_mm.DiceLoss',
                'smooth': 1.0,
                **WEIGHTS,
                'loss_weight': 0.6,
            },
        ]
    )
    losses = head.loss(features(), seg_samples(), train_cfg={})
    assert set(losses) == {'loss_ce', 'loss_dice'}


def test_ignored_frame_costs_nothing(build):
    samples = seg_samples()
    for sample in samples:
        sample.gt_sem_seg.data.fill_(255)
    losses = build().loss(features(), samples, train_cfg={})
    assert losses['loss_focal_dice'].item() == 0


def test_prediction_through_mmseg_has_the_frame_size(build):
    head = build().eval()
    with torch.no_grad():
        logits = head.predict(features(), [{'img_shape': (47, 63)}] * 2, test_cfg={})
    assert logits.shape == (2, 3, 47, 63)


def test_unknown_options_are_errors(build):
    with pytest.raises(TypeError, match='chanels'):
        build(chanels=3)
    with pytest.raises(TypeError, match='input_transform'):
        build(input_transform='resize_concat')


def test_initialisation(build):
    head = build()
    before = {name: x.clone() for name, x in head.named_parameters()}
    head.init_weights()  # PyTorch's, which building it has done
    assert all(torch.equal(x, before[name]) for name, x in head.named_parameters())
    head = build(init_cfg={'type': 'Normal', 'layer': 'Conv2d', 'std': 0.01})
    head.init_weights()
    assert head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.5)


@pytest.mark.parametrize(
    ('name', 'count'),
    [
        (
            'DeepLabV3PlusHead',
            # ASPP: 1×1 and pooled branch, three 3×3, projection; each with bias, norm
            2 * (2049 * 256 + 512)
            + 3 * ((9 * 2048 + 1) * 256 + 512)
            + (1281 * 256 + 512)
            # low-level 256 → 48; 3×3 304 → 256 → 256; classes
            + (257 * 48 + 96)
            + ((9 * 304 + 1) * 256 + 512)
            + ((9 * 256 + 1) * 256 + 512)
            + 257 * 3,
        ),
        (
            'FastSCNNHead',
            # low-level depthwise, pointwise, norm; high-level 1×1, norm
            (9 * 64 + 64 * 128 + 256)
            + (128 * 128 + 256)
            # gate 128-32-128; two depthwise-separable; classes
            + (129 * 32 + 33 * 128)
            + 2 * (9 * 128 + 128 * 128 + 256)
            + 129 * 3,
        ),
    ],
)
def test_heads_by_name_with_published_sizes(name, count):
    with torch.device('meta'):
        head = MODELS.build({'type': name, **MASKS})
    assert sum(p.numel() for p in head.parameters()) == count


def health_samples(*classes):
    return [DualGasDataSample().set_gt_health(class_id) for class_id in classes]


def test_health_logits_are_of_the_mean():
    head = HealthHead(2, hidden_channels=(), **HEALTH).eval()
    with torch.no_grad():
        head.mlp[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        head.mlp[0].bias.copy_(torch.tensor([0.0, 0.0, 0.5]))
    fused = torch.tensor([[1.0, 3.0], [5.0, 7.0]]).reshape(1, 2, 1, 2)
    assert head(fused, {}, ROWS).tolist() == [[2.0, 6.0, 8.5]]


@pytest.mark.parametrize('n', [1, 3])
def test_health_head_trains(n):
    head = HealthHead(8, hidden_channels=(6, 5), **HEALTH).train()
    logits = head(torch.randn(n, 8, 3, 4), {}, ROWS)
    assert logits.shape == (n, 3)
    losses = head.loss_by_feat(logits, health_samples(*[1] * n))
    losses['loss_health'].backward()
    assert list(losses) == ['loss_health']
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name


def test_health_loss_is_weighted_focal():
    logits = torch.tensor([[0.2, -0.1, 0.4], [1.0, 0.0, -1.0]])
    head = HealthHead(8, **HEALTH)
    value = head.loss_by_feat(logits, health_samples(1, 0))['loss_health']
    expected = softmax_focal_loss(
        logits, torch.tensor([1, 0]), gamma=2.0, class_weight=(1.0, 8.0, 1.2)
    )
    torch.testing.assert_close(value, expected)


def test_health_loss_by_name():
    head = HealthHead(
        8, dropout=0.3, loss={'type': 'SoftmaxFocalLoss', 'gamma': 0.0, **WEIGHTS}
    )
    logits = torch.zeros(1, 3)
    value = head.loss_by_feat(logits, health_samples(2))['loss_health'].item()
    assert value == pytest.approx(torch.tensor(3.0).log().item())


def test_health_loss_needs_a_class():
    sample = DualGasDataSample(metainfo={'sample_id': 'vessel-7'})
    with pytest.raises(UserError, match="'vessel-7' has no health class"):
        HealthHead(8, **HEALTH).loss_by_feat(torch.zeros(1, 3), [sample])


def test_health_probabilities():
    logits = torch.tensor([[0.0, 0.0, torch.log(torch.tensor(2.0))]]).half()
    scores = HealthHead(8, **HEALTH).predict(logits)
    assert scores.dtype == torch.float32
    assert scores.flatten().tolist() == pytest.approx([1 / 4, 1 / 4, 1 / 2], rel=1e-3)


@pytest.mark.parametrize(
    ('hidden', 'in_channels', 'count'),
    [
        # inputs · units + biases, layer by layer
        ((512, 256), 2048, 2049 * 512 + 513 * 256 + 257 * 3),
        ((256, 128), 128, 129 * 256 + 257 * 128 + 129 * 3),
        ((256,), 128, 129 * 256 + 257 * 3),
    ],
)
def test_health_parameter_counts(hidden, in_channels, count):
    head = MODELS.build(
        {
            'type': 'HealthHead',
            'in_channels': in_channels,
            'hidden_channels': hidden,
            **HEALTH,
        }
    )
    assert sum(p.numel() for p in head.parameters()) == count


def test_deeplab_parity_with_the_original():
    outputs, inputs = golden.Outputs('blocks'), golden.block_inputs()
    head = DeepLabV3PlusHead((32, 64), in_index=(0, 1), **MASKS).eval()
    head.load_state_dict(golden.block_state('deeplabv3plus_head', 'decode_head'))
    with torch.no_grad():
        logits = head((inputs['low'], inputs['a']))
    logits = F.interpolate(logits, size=(48, 64), mode='bilinear')
    outputs.hold('out.deeplabv3plus_head', logits)


def test_health_parity_with_the_original():
    outputs, inputs = golden.Outputs('blocks'), golden.block_inputs()
    head = HealthHead(64, **HEALTH).eval()
    head.load_state_dict(golden.block_state('classification_head', 'health'))
    with torch.no_grad():
        logits = head(inputs['a'], {}, ROWS)
    outputs.hold('out.classification_head', logits)


def test_class_weights_of_another_number_of_health_classes_are_refused():
    loss = {**HEALTH['loss'], 'class_weight': [1.0, 8.0, 1.2]}
    said = r'model\.health_head: class_weight .* 3 numbers, but num_classes is 2'
    with pytest.raises(UserError, match=said):
        HealthHead(2, **{**HEALTH, 'loss': loss}, num_classes=2)


def test_class_weights_of_another_number_of_mask_classes_are_refused():
    loss = {**MASKS['loss_decode'], 'class_weight': [1.0, 2.0, 3.0]}
    head = {'type': 'FastSCNNHead', **MASKS, 'loss_decode': loss, 'num_classes': 2}
    said = r'model\.decode_head: class_weight .* 3 numbers, but num_classes is 2'
    with pytest.raises(UserError, match=said):
        MODELS.build(head)
