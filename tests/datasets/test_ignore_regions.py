"""Pixels of 255 on their way from the PNG to loss and metric."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.pairing import pair_gases
from fume_mm.errors import UserError
from fume_mm.evaluation import SegmentationMetric
from fume_mm.io.tables import write_table
from fume_mm.models.heads import FastSCNNHead
from fume_mm.models.losses import DiceLoss, FocalDiceLoss, SoftmaxFocalLoss
from fume_mm.registry import register_all_modules
from tests.campaigns import annotations, make_campaign, read_rows
from tests.objective import FOCAL_DICE, MASKS, WEIGHTS

LOAD = [{'type': 'LoadDualGasFrames'}, {'type': 'LoadDualGasMasks'}]
PACK = {'type': 'PackDualGasInputs'}
HUD = np.s_[:10]  # ignored rows
LOSSES = [
    SoftmaxFocalLoss(gamma=2.0, **WEIGHTS),
    DiceLoss(smooth=1.0, **WEIGHTS),
    FocalDiceLoss(**FOCAL_DICE, **WEIGHTS),
]


@pytest.fixture
def root(tmp_path):
    """A campaign whose first mask has a HUD over its upper rows."""
    register_all_modules()
    make_campaign(tmp_path, vessels=1, frames=1, splits=['train'])
    set_hud(tmp_path, 255)
    frames = read_annotations(annotations(tmp_path), check_pixels=True)
    write_table(pair_gases(frames), tmp_path / 'paired_train_annotations.csv')
    return tmp_path


def set_hud(root, value):
    path = str(root / read_rows(annotations(root))[0]['mask_path'])
    mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    mask[HUD] = value
    cv2.imwrite(path, mask)


def item(root, *transforms):
    return DualGasDataset(
        'paired_train_annotations.csv',
        data_root=str(root),
        pipeline=[*LOAD, *transforms, PACK],
    )[0]['data_samples']


def predict_badly_under_the_hud(truth):
    """The truth, but gas wherever it is ignored."""
    return torch.where(truth == 255, 2, truth)


def test_png_to_tensor(root):
    truth = item(root).co2.gt_sem_seg.data[0]
    assert (truth[HUD] == 255).all()
    assert (truth[10:] < 3).all()


def test_another_value_is_refused(root):
    set_hud(root, 254)
    with pytest.raises(UserError, match='mask values 254 are no class'):
        item(root)


@pytest.mark.parametrize('loss', LOSSES, ids=lambda loss: type(loss).__name__)
def test_losses_do_not_see_what_is_predicted_there(root, loss):
    truth = item(root).co2.gt_sem_seg.data
    logits = torch.randn(1, 3, *truth.shape[1:], generator=torch.manual_seed(0))
    logits.requires_grad_()
    value = loss(logits, truth)
    value.backward()
    assert (logits.grad[:, :, HUD] == 0).all()
    assert (logits.grad[:, :, 10:] != 0).any()
    other = logits.detach().clone()
    other[:, :, HUD] = 50
    assert loss(other, truth) == value


def test_the_decode_head_does_not_see_it(root):
    sample = item(root).co2
    head = FastSCNNHead(**MASKS)
    logits = torch.randn(1, 3, 12, 16, generator=torch.manual_seed(0))
    ignored = head.loss_by_feat(logits, [sample])
    sample.gt_sem_seg.data[:] = 255
    nothing = head.loss_by_feat(logits, [sample])
    key = next(name for name in ignored if name.startswith('loss'))
    assert ignored[key] > 0
    assert nothing[key] == 0


def test_the_metric_does_not_count_it(root):
    sample = item(root)
    for gas in ('co2', 'ch4'):
        truth = sample.get(gas).gt_sem_seg.data
        prediction = PixelData(data=predict_badly_under_the_hud(truth))
        sample.get(gas).pred_sem_seg = prediction
    metric = SegmentationMetric()
    metric.process(None, [sample.to_dict()])
    rows = list(metric.results)
    scores = metric.evaluate(1)
    assert scores['seg/mIoU'] == scores['seg/gas_IoU'] == 1
    metric.results = rows
    counted = np.sum(metric.describe(metric.gather(1))['confusion']['co2'])
    assert counted == 38 * 64


@pytest.mark.parametrize(
    'transform',
    [
        {'type': 'HorizontalFlip', 'p': 1},
        {'type': 'Affine', 'rotate': (10, 10), 'scale': (1.1, 1.1), 'p': 1},
        {'type': 'ElasticTransform', 'alpha': 30, 'sigma': 6, 'p': 1},
    ],
    ids=lambda transform: transform['type'],
)
def test_augmentation_moves_it_and_invents_no_class(root, transform):
    augment = {'type': 'DualGasAugment', 'geometric': [transform]}
    truth = item(root, augment).co2.gt_sem_seg.data[0]
    assert set(truth.unique().tolist()) <= {0, 1, 2, 255}
    assert 0.5 < (truth == 255).sum() / (10 * 64) < 1.5


def test_resizing_keeps_it(root):
    truth = item(root, {'type': 'ResizeDualGas', 'scale': (128, 96)}).co2.gt_sem_seg
    assert (truth.data[0, :20] == 255).all()
    assert (truth.data[0, 20:] < 3).all()
