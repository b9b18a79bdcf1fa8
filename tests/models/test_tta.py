"""Test-time augmentation: its views, and what they are merged to."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from fume_mm.datasets.samplers import collate_samples
from fume_mm.datasets.transforms import DualGasTestTimeAug, PackDualGasInputs
from fume_mm.engine.config import load_config
from fume_mm.engine.hooks.training_hooks import disagreement
from fume_mm.errors import UserError
from fume_mm.models import DualGasModel, DualGasTTAModel
from fume_mm.models.data_preprocessor import DualGasDataPreprocessor
from fume_mm.models.tta_model import merge_views
from fume_mm.registry import MODELS, TRANSFORMS, register_all_modules
from fume_mm.structures import GASES, DualGasDataSample
from tests.objective import HEALTH, LOSS_DECODE, PREPROCESSOR

CONFIGS = sorted(Path(__file__).parents[2].glob('configs/*/*.py'))
# identity, mirrored, and 672x512 with 640x480 cut out
FUME = [{}, {'flip': True}, {'zoom': (672 / 640, 512 / 480)}]


def results(*gases: str, size: tuple[int, int] = (24, 32)) -> dict[str, Any]:
    """What a pipeline holds before it packs; masks are twice the frames' size."""
    generator = np.random.default_rng(0)
    large = (2 * size[0], 2 * size[1])
    gases = gases or GASES
    return {
        'sample_id': 'a',
        'class_id': 1,
        'frame_paths': dict.fromkeys(gases, 'x.png'),
        'frames': {g: generator.integers(0, 256, size, dtype=np.uint8) for g in gases},
        'masks': {g: generator.integers(0, 3, large, dtype=np.uint8) for g in gases},
        'ori_shape': dict.fromkeys(gases, large),
    }


def test_views_of_a_frame_at_the_size_of_the_cameras() -> None:
    item = results(size=(480, 640))
    frame = item['frames']['co2']
    views = DualGasTestTimeAug(FUME)(item)
    whole, mirrored, cut = (view['co2'][0].numpy() for view in views['inputs'])
    assert np.array_equal(whole, frame)
    assert np.array_equal(mirrored, frame[:, ::-1])
    large = cv2.resize(frame, (672, 512), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(cut, large[16:496, 16:656])
    assert np.array_equal(item['frames']['co2'], frame)  # left alone
    whole, mirrored, cut = views['data_samples']
    assert whole.get('view') == {'flip': False}
    assert mirrored.get('view') == {'flip': True}
    assert cut.get('view') == {
        'flip': False,
        'canvas': {'co2': (512, 672), 'ch4': (512, 672)},
        'corner': {'co2': (16, 16), 'ch4': (16, 16)},
    }
    assert [view.co2.ori_shape for view in views['data_samples']] == [
        (960, 1280),
        (960, 1280),
        (480, 640),
    ]
    # the truth is that of the whole frame, once
    assert whole.co2.gt_sem_seg.data.shape == (1, 960, 1280)
    assert 'gt_sem_seg' not in mirrored.co2 and 'gt_sem_seg' not in cut.co2


def test_a_missing_gas_is_missing_in_every_view() -> None:
    views = DualGasTestTimeAug(FUME)(results('ch4'))
    assert [list(view) for view in views['inputs']] == [['ch4']] * 3
    for sample in views['data_samples']:
        assert sample.present == {'co2': False, 'ch4': True}


@pytest.mark.parametrize(
    ('views', 'said'),
    [
        ([], 'must begin with a view of the whole frame'),
        ([{'zoom': (2, 2)}], 'must begin with a view of the whole frame'),
        ([{}, {'rotate': 5}], r"views\[1\] has the unknown key 'rotate'"),
        ([{}, {'zoom': (0.5, 2)}], r'views\[1\]\.zoom must be .* at least 1'),
        ([{}, {'zoom': (2,)}], r'views\[1\]\.zoom must be .* at least 1'),
    ],
)
def test_views_that_make_no_sense_are_refused(views: list, said: str) -> None:
    with pytest.raises(UserError, match=said):
        DualGasTestTimeAug(views)


def predicted(probabilities: np.ndarray, health: list[float], view: dict) -> Any:
    """A sample of CO2 of which this, (3, h, w), was said."""
    sample = DualGasDataSample(metainfo={'view': view})
    part = SegDataSample()
    logits = torch.tensor(probabilities, dtype=torch.float32).log()
    part.seg_logits = PixelData(data=logits + 5)  # a softmax does not see a constant
    sample.set_gas('co2', part)
    return sample.set_health_scores(torch.tensor(health))


def certain(first: list[list[float]]) -> np.ndarray:
    """Probabilities (3, h, w): the first class as given, the third nothing."""
    p = np.array(first)
    return np.stack([p, 1 - p, np.full_like(p, 1e-12)])


def test_merging_equals_what_a_hand_computes() -> None:
    # 2x4 pixels: the frame as it is; mirrored; and twice as large, the centre cut out,
    # whose 2x4 pixels are the frame's middle 1x2, so half of each of its middle pixels
    whole = certain([[0.9, 0.8, 0.7, 0.6], [0.5, 0.4, 0.3, 0.2]])
    mirrored = certain([[0.1, 0.2, 0.3, 0.4], [0.8, 0.7, 0.6, 0.5]])
    cut = certain([[0.5, 0.7, 0.2, 0.4], [0.9, 0.9, 0.1, 0.3]])
    info = {'flip': False, 'canvas': {'co2': (4, 8)}, 'corner': {'co2': (1, 2)}}
    merged = merge_views(
        [
            predicted(whole, [0.6, 0.3, 0.1], {'flip': False}),
            predicted(mirrored, [0.3, 0.6, 0.1], {'flip': True}),
            predicted(cut, [0.0, 0.9, 0.1], info),
        ]
    )
    expected = np.array(
        [
            [
                (0.9 + 0.4) / 2,
                # pixel (0, 1) is rows 0, 1 and columns 2, 3 of the enlarged frame, of
                # which the crop has the lower half
                (0.8 + 0.3 + (0.5 + 0.7) / 4) / 2.5,
                (0.7 + 0.2 + (0.2 + 0.4) / 4) / 2.5,
                (0.6 + 0.1) / 2,
            ],
            [
                (0.5 + 0.5) / 2,
                (0.4 + 0.6 + (0.9 + 0.9) / 4) / 2.5,
                (0.3 + 0.7 + (0.1 + 0.3) / 4) / 2.5,
                (0.2 + 0.8) / 2,
            ],
        ]
    )
    found = merged.co2.seg_logits.data.exp()
    assert np.allclose(found[0], expected, atol=1e-6)
    assert np.allclose(found.sum(dim=0), 1, atol=1e-6)
    assert merged.co2.pred_sem_seg.data.shape == (1, 2, 4)
    wins = (expected < 0.5).astype(int)
    clear = abs(expected - 0.5) > 1e-6
    assert (merged.co2.pred_sem_seg.data[0].numpy() == wins)[clear].all()
    assert merged.health_scores.tolist() == pytest.approx([0.3, 0.6, 0.1])
    assert merged.pred_health.item() == 1


class Pointwise(nn.Module):
    """An encoder that looks at each pixel alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.conv(x).sin(),)


def pointwise_model() -> DualGasModel:
    register_all_modules()
    torch.manual_seed(0)
    head = {
        'type': 'mmseg.FCNHead',
        'in_channels': 4,
        'channels': 4,
        'num_convs': 0,
        'concat_input': False,
        'dropout_ratio': 0,
        'num_classes': 3,
        'in_index': 0,
        'loss_decode': LOSS_DECODE,
    }
    model = DualGasModel(
        {'type': 'DualStreamBackbone', 'encoder': {'type': Pointwise}, 'shared': True},
        neck={'type': 'AddFusion', 'in_channels': 4},
        decode_head=head,
        health_head={'type': 'HealthHead', 'in_channels': 4, **HEALTH},
        data_preprocessor=PREPROCESSOR | {'std': 10},
    )
    for part in model.decode_head.values():
        nn.init.normal_(part.conv_seg.weight, std=3)
    return model.eval()


@pytest.mark.parametrize('gases', [('co2', 'ch4'), ('ch4',)])
def test_what_does_not_mind_mirrors_is_the_same_with_a_mirrored_view(
    gases: tuple[str, ...],
) -> None:
    model = pointwise_model()
    packed = PackDualGasInputs()(results(*gases))
    (plain,) = model.test_step(collate_samples([packed]))
    views = DualGasTestTimeAug([{}, {'flip': True}])(results(*gases))
    (merged,) = DualGasTTAModel(model).test_step(collate_samples([views]))
    assert merged.present == plain.present
    for gas in gases:
        one, other = plain.get(gas), merged.get(gas)
        assert len(one.pred_sem_seg.data.unique()) == 3
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
        assert torch.equal(one.gt_sem_seg.data, other.gt_sem_seg.data)
        p = one.seg_logits.data.softmax(dim=0)
        assert torch.allclose(other.seg_logits.data.exp(), p, atol=1e-5)
    assert torch.allclose(merged.health_scores, plain.health_scores, atol=1e-5)


def test_a_sample_of_views_does_not_depend_on_its_neighbours() -> None:
    model = DualGasTTAModel(pointwise_model())
    transform = DualGasTestTimeAug(FUME)
    items = [transform(results(*gases)) for gases in (GASES, ('ch4',), ('co2',))]
    together = model.test_step(collate_samples(items))
    for gases, sample in zip((GASES, ('ch4',), ('co2',)), together, strict=True):
        (alone,) = model.test_step(collate_samples([transform(results(*gases))]))
        for gas in gases:
            assert sample.get(gas).seg_logits.data.shape == (3, 48, 64)
            assert torch.allclose(
                sample.get(gas).seg_logits.data,
                alone.get(gas).seg_logits.data,
                atol=1e-4,
            )
        assert torch.allclose(sample.health_scores, alone.health_scores, atol=1e-5)


def test_an_enlarged_view_says_what_the_frame_does_where_it_is_even() -> None:
    """Blocks of one gray level keep their class, but at their edges."""
    model = pointwise_model()
    item = results('co2', size=(48, 64))
    item['frames']['co2'] = np.kron(item['frames']['co2'][:3, :4], np.ones((16, 16)))
    item['frames']['co2'] = item['frames']['co2'].astype(np.uint8)
    packed = PackDualGasInputs()(dict(item))
    (plain,) = model.test_step(collate_samples([packed]))
    views = DualGasTestTimeAug([{}, {'zoom': (1.25, 1.25)}])(item)
    (merged,) = DualGasTTAModel(model).test_step(collate_samples([views]))
    away = np.kron(np.ones((3, 4)), np.pad(np.ones((20, 20)), 6)) > 0
    same = (plain.co2.pred_sem_seg.data == merged.co2.pred_sem_seg.data)[0].numpy()
    assert same[away].all()


def test_models_of_one_task_are_merged_too() -> None:
    model = pointwise_model()
    model.health_head = model.neck = None
    items = [DualGasTestTimeAug(FUME)(results())]
    (sample,) = DualGasTTAModel(model).test_step(collate_samples(items))
    assert 'health_scores' not in sample and 'pred_sem_seg' in sample.ch4
    model = pointwise_model()
    model.decode_head = None
    (sample,) = DualGasTTAModel(model).test_step(collate_samples(items))
    assert 'health_scores' in sample and 'pred_sem_seg' not in sample.ch4


def test_the_wrapped_heads_are_checked_and_a_config_is_taken() -> None:
    wrapper = DualGasTTAModel(pointwise_model())
    assert disagreement(wrapper, {}) is None
    assert 'co2 decode_head 3' in str(disagreement(wrapper, {'classes': ('a', 'b')}))
    assert 'health_head 3' in str(disagreement(wrapper, {'health_classes': ('a',)}))
    cfg = load_config(str(next(p for p in CONFIGS if p.stem == 'fume_fastscnn')))
    built = MODELS.build({**cfg.tta_model, 'module': cfg.model})
    assert isinstance(built.module, DualGasModel)
    assert isinstance(built.module.data_preprocessor, DualGasDataPreprocessor)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_config_knows_its_views(path: Any) -> None:
    cfg = load_config(str(path))
    if cfg.model.type == 'RandomForestModel':
        assert cfg.tta_model is None
        return
    assert cfg.tta_model == {'type': 'DualGasTTAModel'}
    *loading, views = (TRANSFORMS.build(step) for step in cfg.tta_pipeline)
    assert views.views == FUME
    tested = cfg.test_dataloader.dataset.pipeline
    assert list(cfg.tta_pipeline[:-1]) == list(tested[:-1])
    assert len(loading) == len(tested) - 1
