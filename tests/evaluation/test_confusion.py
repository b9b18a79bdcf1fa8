import math

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric
from sklearn import metrics as sk

from fume_mm.errors import UserError
from fume_mm.evaluation import (
    classification_scores,
    confusion_matrix,
    segmentation_scores,
)


def test_confusion_has_truth_in_rows_and_leaves_ignored_pixels_out():
    truth = torch.tensor([[0, 0, 1], [2, 255, 2]])
    prediction = torch.tensor([[0, 2, 1], [2, 1, 0]])
    confusion = confusion_matrix(truth, prediction, num_classes=3)
    assert confusion.dtype == torch.int64
    assert confusion.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_ignore_index_may_be_a_class_id():
    truth, prediction = torch.tensor([0, 1, 2]), torch.tensor([0, 0, 2])
    confusion = confusion_matrix(truth, prediction, num_classes=3, ignore_index=0)
    assert confusion.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1]]


def test_confusion_does_not_overflow_small_integers():
    truth = torch.full((100,), 2, dtype=torch.uint8)
    confusion = confusion_matrix(truth, truth, num_classes=200)
    assert confusion.sum() == confusion[2, 2] == 100


def test_confusion_of_ignored_pixels_only_is_zero():
    truth = torch.full((2, 2), 255)
    assert confusion_matrix(truth, torch.zeros(2, 2).long(), num_classes=3).sum() == 0


@pytest.mark.parametrize(
    ('truth', 'prediction', 'message'),
    [
        ([0, 3], [0, 0], r'the truth holds \[3\]'),
        ([0, 0], [0, 5], r'the prediction holds \[5\]'),
        ([0, 0], [-1, 0], r'the prediction holds \[-1\]'),
        ([0, 0], [0], r'shape \(2,\), the prediction \(1,\)'),
    ],
)
def test_confusion_refuses_what_does_not_fit(truth, prediction, message):
    with pytest.raises(UserError, match=message):
        confusion_matrix(torch.tensor(truth), torch.tensor(prediction), num_classes=3)


@pytest.mark.parametrize('dtype', [torch.int64, torch.int16, torch.uint8])
def test_confusion_is_the_same_in_bytes_and_otherwise(dtype):
    generator = torch.Generator().manual_seed(0)
    truth, prediction = (
        torch.randint(0, 3, (9, 50), generator=generator) for _ in range(2)
    )
    truth[:2] = 255
    expected = np.zeros((3, 3), int)
    counted = truth != 255
    np.add.at(expected, (truth[counted], prediction[counted]), 1)
    prediction[:2] = 7  # what is said of ignored pixels is no one's business
    masks = truth.to(dtype), prediction.to(dtype)
    assert confusion_matrix(*masks, num_classes=3).tolist() == expected.tolist()
    # values beyond a byte take the other way
    truth[:2] = 1000
    assert (
        confusion_matrix(truth, prediction, num_classes=3, ignore_index=1000).tolist()
        == expected.tolist()
    )


def test_scores_of_a_stack_are_those_of_each_matrix():
    rng = np.random.default_rng(0)
    confusions = rng.integers(0, 4, (5, 3, 3))
    confusions[0] = 0
    confusions[1, 2] = confusions[1, :, 2] = 0
    for function in (segmentation_scores, classification_scores):
        stacked = function(confusions)
        for index, confusion in enumerate(confusions):
            one = {key: values[index] for key, values in stacked.items()}
            assert one == pytest.approx(function(confusion), nan_ok=True)


def test_segmentation_scores_by_hand():
    # 8 pixels: background 4 true (3 hit, 1 → gas), tube 2 (2 hit), gas 2 (1 hit,
    # 1 → background).
    scores = segmentation_scores(np.array([[3, 0, 1], [0, 2, 0], [1, 0, 1]]))
    assert scores == pytest.approx(
        {
            'IoU/background': 3 / 5,
            'IoU/tube': 1,
            'IoU/gas': 1 / 3,
            'gas_IoU': 1 / 3,
            'mIoU': (3 / 5 + 1 + 1 / 3) / 3,
            'Dice/background': 6 / 8,
            'Dice/tube': 1,
            'Dice/gas': 2 / 4,
            'mDice': (6 / 8 + 1 + 2 / 4) / 3,
            'pixel_accuracy': 6 / 8,
            'precision/background': 3 / 4,
            'precision/tube': 1,
            'precision/gas': 1 / 2,
            'recall/background': 3 / 4,
            'recall/tube': 1,
            'recall/gas': 1 / 2,
        }
    )


def test_class_absent_from_both_is_nan_and_leaves_the_mean():
    scores = segmentation_scores(np.array([[3, 1, 0], [1, 3, 0], [0, 0, 0]]))
    assert math.isnan(scores['gas_IoU'])
    assert math.isnan(scores['Dice/gas'])
    assert scores['mIoU'] == pytest.approx(3 / 5)
    assert scores['mDice'] == pytest.approx(6 / 8)


def test_class_only_predicted_counts_as_zero():
    scores = segmentation_scores(np.array([[3, 0, 1], [0, 0, 0], [0, 0, 0]]))
    assert scores['gas_IoU'] == 0
    assert scores['mIoU'] == pytest.approx((3 / 4 + 0) / 2)


def test_all_background_is_perfect_on_background_alone():
    scores = segmentation_scores(np.diag([10, 0, 0]))
    assert scores['mIoU'] == scores['mDice'] == scores['pixel_accuracy'] == 1
    assert math.isnan(scores['IoU/tube'])


def test_no_pixel_at_all_is_nan():
    scores = segmentation_scores(np.zeros((3, 3), int))
    assert all(math.isnan(value) for value in scores.values())


def test_segmentation_agrees_with_mmseg():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 3, (32, 40), generator=generator)
    truth[:4] = 255
    prediction = torch.randint(0, 3, (32, 40), generator=generator)
    areas = IoUMetric.intersect_and_union(prediction, truth.clone(), 3, 255)
    theirs = IoUMetric.total_area_to_metrics(*areas, metrics=['mIoU', 'mDice'])
    confusion = confusion_matrix(truth, prediction, num_classes=3).numpy()
    ours = segmentation_scores(confusion)
    names = ('background', 'tube', 'gas')
    assert [ours[f'IoU/{n}'] for n in names] == pytest.approx(theirs['IoU'].tolist())
    assert [ours[f'Dice/{n}'] for n in names] == pytest.approx(theirs['Dice'].tolist())
    assert ours['pixel_accuracy'] == pytest.approx(float(theirs['aAcc']))


EMPTY = torch.zeros(6, 7, dtype=torch.int64)
PIXEL = EMPTY.clone()
PIXEL[2, 3] = 2
HALF = EMPTY.clone()
HALF[:, 3:] = 1
UNLABELLED = torch.full_like(EMPTY, 255)


@pytest.mark.parametrize('truth', [EMPTY, PIXEL, HALF, EMPTY + 2, UNLABELLED])
@pytest.mark.parametrize('prediction', [EMPTY, PIXEL, HALF, EMPTY + 1, EMPTY + 2])
def test_adversarial_masks_agree_with_mmseg(truth, prediction):
    areas = IoUMetric.intersect_and_union(prediction, truth.clone(), 3, 255)
    theirs = IoUMetric.total_area_to_metrics(*areas, metrics=['mIoU', 'mDice'])
    ours = segmentation_scores(
        confusion_matrix(truth, prediction, num_classes=3).numpy()
    )
    for score in ('IoU', 'Dice'):
        mine = [ours[f'{score}/{name}'] for name in ('background', 'tube', 'gas')]
        assert mine == pytest.approx(list(theirs[score]), nan_ok=True)


def test_classification_scores_by_hand():
    # True: 5 Healthy (4 hit, 1 → Acidotic), 1 Transitional (→ Healthy), 4 Acidotic.
    scores = classification_scores(np.array([[4, 0, 1], [1, 0, 0], [0, 0, 4]]))
    observed, chance = 8 / 10, (5 * 5 + 1 * 0 + 4 * 5) / 100
    assert scores == pytest.approx(
        {
            'accuracy': 8 / 10,
            'balanced_accuracy': (4 / 5 + 0 + 1) / 3,
            'macro_f1': (8 / 10 + 0 + 8 / 9) / 3,
            'weighted_f1': (5 * 8 / 10 + 1 * 0 + 4 * 8 / 9) / 10,
            'kappa': (observed - chance) / (1 - chance),
            'precision/Healthy': 4 / 5,
            'precision/Transitional': float('nan'),
            'precision/Acidotic': 4 / 5,
            'recall/Healthy': 4 / 5,
            'recall/Transitional': 0,
            'recall/Acidotic': 1,
            'f1/Healthy': 8 / 10,
            'f1/Transitional': 0,
            'f1/Acidotic': 8 / 9,
            'support/Healthy': 5,
            'support/Transitional': 1,
            'support/Acidotic': 4,
        },
        nan_ok=True,
    )


def test_class_not_in_the_truth_leaves_balanced_accuracy():
    scores = classification_scores(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 2]]))
    assert math.isnan(scores['recall/Transitional'])
    assert scores['balanced_accuracy'] == pytest.approx((3 / 4 + 1) / 2)
    assert scores['macro_f1'] == pytest.approx((6 / 7 + 0 + 1) / 3)


def test_one_class_everywhere_has_no_kappa():
    scores = classification_scores(np.diag([0, 0, 7]))
    assert math.isnan(scores['kappa'])
    assert scores['accuracy'] == scores['balanced_accuracy'] == scores['macro_f1'] == 1


@pytest.mark.filterwarnings('ignore:y_pred contains classes not in y_true')
@pytest.mark.parametrize('classes', [(0, 1, 2), (0, 2), (1, 2)])
def test_classification_agrees_with_scikit_learn(classes):
    rng = np.random.default_rng(1)
    truth = rng.choice(classes, 60)
    prediction = rng.integers(0, 3, 60)
    confusion = sk.confusion_matrix(truth, prediction, labels=[0, 1, 2])
    ours = classification_scores(confusion)
    assert ours['accuracy'] == pytest.approx(sk.accuracy_score(truth, prediction))
    assert ours['balanced_accuracy'] == pytest.approx(
        sk.balanced_accuracy_score(truth, prediction)
    )
    assert ours['kappa'] == pytest.approx(sk.cohen_kappa_score(truth, prediction))
    for average in ('macro', 'weighted'):
        assert ours[f'{average}_f1'] == pytest.approx(
            sk.f1_score(truth, prediction, average=average)
        )
    columns = sk.precision_recall_fscore_support(
        truth, prediction, labels=[0, 1, 2], zero_division=np.nan
    )
    for label, values in zip(
        ('precision', 'recall', 'f1', 'support'), columns, strict=True
    ):
        mine = [ours[f'{label}/{n}'] for n in ('Healthy', 'Transitional', 'Acidotic')]
        assert mine == pytest.approx(list(values), nan_ok=True)
