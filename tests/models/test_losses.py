from math import log

import pytest
import torch
import torch.nn.functional as F

from fume_mm.errors import UserError
from fume_mm.models.losses import (
    DiceLoss,
    FocalDiceLoss,
    SoftmaxFocalLoss,
    dice_loss,
    ordinal_loss,
    softmax_focal_loss,
)
from fume_mm.models.losses.focal_dice import Numbers, focal_dice_loss
from fume_mm.registry import MODELS
from tests.models import golden
from tests.objective import FOCAL_DICE, WEIGHTS

# Two pixels, two classes; probabilities (1/4, 3/4) and (1/2, 1/2).
LOGITS = torch.tensor([[[[0.0, 0.0]], [[log(3), 0.0]]]])
TARGET = torch.tensor([[[1, 0]]])
# What each pixel's focal loss with γ = 2 is: (1 - p)² · -log p.
FOCAL = [(1 / 4) ** 2 * log(4 / 3), (1 / 2) ** 2 * log(2)]


NUMBERS = {
    'SoftmaxFocalLoss': {'gamma': 2.0, **WEIGHTS},
    'DiceLoss': {'smooth': 1.0, **WEIGHTS},
    # so sharp that nothing is asked of the neighbours
    'OrdinalLoss': {'sharpness': 50.0, **WEIGHTS},
    'FocalDiceLoss': {**FOCAL_DICE, **WEIGHTS},
}


@pytest.fixture(params=NUMBERS)
def loss(request):
    return MODELS.build({'type': request.param, **NUMBERS[request.param]})


def random_case(n=3, classes=3, size=(4, 5), dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, classes, *size, generator=generator, dtype=dtype)
    target = torch.randint(classes, (n, *size), generator=generator)
    return logits, target


def test_focal_by_hand():
    assert softmax_focal_loss(LOGITS, TARGET).item() == pytest.approx(sum(FOCAL) / 2)
    total = softmax_focal_loss(LOGITS, TARGET, reduction='sum')
    assert total.item() == pytest.approx(sum(FOCAL))
    each = softmax_focal_loss(LOGITS, TARGET, reduction='none')
    assert each.flatten().tolist() == pytest.approx(FOCAL)


def test_focal_class_weights_multiply_and_do_not_normalise():
    value = softmax_focal_loss(LOGITS, TARGET, class_weight=(2, 8)).item()
    assert value == pytest.approx((8 * FOCAL[0] + 2 * FOCAL[1]) / 2)


def test_focal_of_a_class_per_sample():
    logits = torch.tensor([[0.0, log(3)], [0.0, 0.0]])
    value = softmax_focal_loss(logits, torch.tensor([1, 0])).item()
    assert value == pytest.approx(sum(FOCAL) / 2)


def test_focal_without_focus_is_cross_entropy():
    logits, target = random_case()
    torch.testing.assert_close(
        softmax_focal_loss(logits, target, gamma=0.0), F.cross_entropy(logits, target)
    )


def test_focal_ignored_pixels_leave_the_mean():
    target = torch.tensor([[[1, 255]]])
    assert softmax_focal_loss(LOGITS, target).item() == pytest.approx(FOCAL[0])
    each = softmax_focal_loss(LOGITS, target, reduction='none')
    assert each.flatten().tolist() == pytest.approx([FOCAL[0], 0])


def test_focal_pixel_weights_keep_the_denominator():
    weight = torch.tensor([[[3.0, 0.0]]])
    value = softmax_focal_loss(LOGITS, TARGET, weight=weight).item()
    assert value == pytest.approx(3 * FOCAL[0] / 2)


def test_dice_by_hand():
    # Class 0: Σp 3/4, Σt 1, overlap 1/2. Class 1: Σp 5/4, Σt 1, overlap 3/4.
    background, plume = 1 - (1 + 1) / (7 / 4 + 1), 1 - (3 / 2 + 1) / (9 / 4 + 1)
    assert (background, plume) == pytest.approx((3 / 11, 3 / 13))
    value = dice_loss(LOGITS, TARGET).item()
    assert value == pytest.approx((3 / 11 + 3 / 13) / 2)
    value = dice_loss(LOGITS, TARGET, class_weight=(1, 3)).item()
    assert value == pytest.approx((3 / 11 + 3 * 3 / 13) / 4)
    # Smooth 1/2: 1 - (1 + 1/2) / (7/4 + 1/2) and 1 - (3/2 + 1/2) / (9/4 + 1/2)
    value = dice_loss(LOGITS, TARGET, smooth=0.5).item()
    assert value == pytest.approx((1 / 3 + 3 / 11) / 2)


def test_dice_ignored_pixels_are_in_no_sum():
    # Left are Σp 1/4, Σt 0 for class 0, and Σp 3/4, Σt 1, overlap 3/4 for class 1.
    value = dice_loss(LOGITS, torch.tensor([[[1, 255]]])).item()
    assert value == pytest.approx((1 / 5 + 1 / 11) / 2)
    weight = torch.tensor([[[1.0, 0.0]]])
    assert dice_loss(LOGITS, TARGET, weight=weight).item() == pytest.approx(value)


def test_dice_is_the_mean_over_frames():
    logits, target = random_case(n=2)
    each = [dice_loss(logits[i : i + 1], target[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(dice_loss(logits, target), sum(each) / 2)


def test_empty_plume_costs_nothing_unless_predicted():
    target = torch.zeros(1, 1, 2, dtype=torch.long)
    right = torch.tensor([50.0, -50.0, -50.0]).reshape(1, 3, 1, 1).expand(1, 3, 1, 2)
    assert dice_loss(right, target).item() == pytest.approx(0, abs=1e-6)
    # Both pixels called gas: background 1 - 1/3, tube 0, gas 1 - 1/3.
    wrong = right.flip(1)
    assert dice_loss(wrong, target).item() == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)


def test_perfect_prediction_costs_nothing(loss):
    _, target = random_case()
    logits = 50.0 * F.one_hot(target, 3).movedim(-1, 1).float()
    logits.requires_grad_()
    value = loss(logits, target)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad.isfinite().all()


def test_everything_ignored_is_zero_with_zero_gradient(loss):
    logits, target = random_case()
    logits.requires_grad_()
    value = loss(logits, torch.full_like(target, 255))
    value.backward()
    assert value.item() == 0
    assert logits.grad.abs().max() == 0


def test_no_frame_is_zero(loss):
    logits, target = random_case(n=0)
    assert loss(logits, target).item() == 0


def test_ignore_index_may_be_another_or_none(loss):
    logits, target = random_case()
    torch.testing.assert_close(
        loss(logits, torch.where(target == 2, 7, target), ignore_index=7),
        loss(logits, torch.where(target == 2, 255, target)),
    )
    assert loss(logits, target, ignore_index=None) == loss(logits, target)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_stays_finite(loss, dtype):
    logits, target = random_case(dtype=torch.float32)
    logits = (logits * 1e4).to(dtype).requires_grad_()
    assert logits.isfinite().all()
    value = loss(logits, target)
    value.backward()
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert logits.grad.isfinite().all()


def test_autocast_does_not_change_the_value(loss):
    logits, target = random_case()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = loss(logits, target)
    torch.testing.assert_close(value, loss(logits, target))


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_focal_gradient(gamma):
    logits, target = random_case(n=2, size=(2, 3), dtype=torch.float64)
    target[0, 0, 0] = 255
    assert torch.autograd.gradcheck(
        lambda x: softmax_focal_loss(x, target, gamma=gamma, class_weight=(1, 8, 1.2)),
        logits.requires_grad_(),
    )


def test_dice_gradient():
    logits, target = random_case(n=2, size=(2, 3), dtype=torch.float64)
    target[0, 0, 0] = 255
    weight = torch.linspace(0, 2, 12, dtype=torch.float64).reshape(2, 2, 3)
    assert torch.autograd.gradcheck(
        lambda x: dice_loss(x, target, class_weight=(1, 2, 3), weight=weight),
        logits.requires_grad_(),
    )


@pytest.mark.parametrize('alpha', [None, (1.0, 8.0, 1.2)])
@pytest.mark.parametrize('corners', [False, True])
def test_losses_in_one_pass_are_those_of_the_functions(alpha, corners):
    logits, target = random_case()
    target = target.repeat_interleave(4, dim=1).repeat_interleave(3, dim=2)
    target[0, 0] = 255
    target[1] = 0  # no plume
    loss = FocalDiceLoss(
        focal_weight=0.2,
        dice_weight=0.7,
        gamma=1.5,
        smooth=0.5,
        class_weight=alpha,
        loss_weight=1.0,
    )
    found = []
    for one_pass in (True, False):
        x = logits.clone().requires_grad_()
        if one_pass:
            value = loss(x, target.to(torch.uint8), align_corners=corners)
        else:
            size, options = target.shape[1:], {'align_corners': corners}
            full = F.interpolate(x, size=size, mode='bilinear', **options)
            value = loss.compute(full, target, class_weight=loss.class_weight)
        (3 * value).backward()
        found.append((value.detach(), x.grad))
    torch.testing.assert_close(*found, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_gradient_of_losses_in_one_pass(gamma):
    logits, target = random_case(n=2, size=(2, 3), dtype=torch.float64)
    target = target.repeat_interleave(2, dim=1)
    target[0, 0, 0] = 255
    numbers = Numbers(0.4, 0.6, gamma, 1.0)
    alpha = torch.tensor([1.0, 8.0, 1.2], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: focal_dice_loss(x, target, numbers, alpha), logits.requires_grad_()
    )


def test_losses_in_one_pass_refuse_what_is_no_class():
    logits, target = random_case()
    numbers = Numbers(0.5, 0.5, 2.0, 1.0)
    with pytest.raises(UserError, match=r'holds \[0, 1, 2, 3\].* 0 to 2, and 255'):
        focal_dice_loss(logits, target.index_fill(1, torch.tensor(0), 3), numbers)
    with pytest.raises(UserError, match=r'\(3, 3, 4, 5\) and target \(2, 4, 5\)'):
        focal_dice_loss(logits, target[:2], numbers)
    with pytest.raises(UserError, match='class_weight has 2 numbers'):
        focal_dice_loss(logits, target, numbers, torch.ones(2))


def test_focus_below_one_is_finite_at_a_perfect_prediction():
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    softmax_focal_loss(logits, torch.tensor([0]), gamma=0.5).backward()
    assert logits.grad.tolist() == [[0.0, 0.0]]


def test_modules_agree_with_the_functions():
    logits, target = random_case()
    target[0, 0] = 255
    weight = torch.rand(target.shape)
    alpha = (1.0, 2.0, 5.0)
    options = {'class_weight': alpha, 'weight': weight}
    focal = softmax_focal_loss(logits, target, gamma=1.5, **options)
    dice = dice_loss(logits, target, smooth=0.5, **options)
    pairs = [
        (SoftmaxFocalLoss(gamma=1.5, class_weight=alpha, loss_weight=3.0), 3 * focal),
        (DiceLoss(smooth=0.5, class_weight=alpha, loss_weight=3.0), 3 * dice),
        (
            FocalDiceLoss(
                focal_weight=0.2,
                dice_weight=0.7,
                gamma=1.5,
                smooth=0.5,
                class_weight=alpha,
                loss_weight=1.0,
            ),
            0.2 * focal + 0.7 * dice,
        ),
    ]
    for module, expected in pairs:
        value = module(logits, target, weight=weight, ignore_index=255)
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(
    ('name', 'key'),
    [
        ('SoftmaxFocalLoss', 'loss_focal'),
        ('DiceLoss', 'loss_dice'),
        ('FocalDiceLoss', 'loss_focal_dice'),
    ],
)
def test_modules_by_name(name, key):
    given = {'type': name, **NUMBERS[name], 'class_weight': (1, 2, 3)}
    module = MODELS.build(dict(given))
    assert module.loss_name == key
    assert module.state_dict() == {}
    assert MODELS.build(given | {'loss_name': 'loss_x'}).loss_name == 'loss_x'


@pytest.mark.parametrize('function', [softmax_focal_loss, dice_loss])
def test_function_errors_name_the_mistake(function):
    logits, target = random_case()
    with pytest.raises(UserError, match='class_weight has 2 numbers'):
        function(logits, target, class_weight=(1, 2))
    with pytest.raises(UserError, match=r'\(3, 3, 4, 5\) and target \(3, 4\)'):
        function(logits, target[..., 0])


def test_setting_errors_name_the_field():
    with pytest.raises(UserError, match="reduction='avg'"):
        softmax_focal_loss(LOGITS, TARGET, reduction='avg')
    with pytest.raises(UserError, match='gamma=-1'):
        SoftmaxFocalLoss(gamma=-1, **WEIGHTS)
    with pytest.raises(UserError, match='smooth=0'):
        DiceLoss(smooth=0, **WEIGHTS)
    with pytest.raises(UserError, match=r'dice_weight=-0\.5'):
        FocalDiceLoss(**FOCAL_DICE | {'dice_weight': -0.5}, **WEIGHTS)
    with pytest.raises(TypeError, match='gama'):
        SoftmaxFocalLoss(gamma=2.0, gama=2.0, **WEIGHTS)


@pytest.mark.parametrize('name', NUMBERS)
def test_no_number_of_a_loss_has_a_default(name):
    for number in NUMBERS[name]:
        given = {key: x for key, x in NUMBERS[name].items() if key != number}
        with pytest.raises(TypeError, match=f"missing .*'{number}'"):
            MODELS.build({'type': name, **given})


def test_parity_with_the_original():
    outputs, data = golden.Outputs('losses'), golden.loss_inputs()
    alpha = (1.0, 8.0, 1.2)
    case = data['cls_logits'], data['labels']
    masks = data['co2_seg_logits'], data['co2_mask']
    focal_dice = FocalDiceLoss(**FOCAL_DICE, **WEIGHTS)
    health = SoftmaxFocalLoss(gamma=2.0, **WEIGHTS | {'class_weight': alpha})
    pairs = [
        (softmax_focal_loss(*case, class_weight=alpha), 'focal.mean'),
        (softmax_focal_loss(*case, class_weight=alpha, reduction='none'), 'focal.none'),
        (softmax_focal_loss(*case), 'focal.no_alpha'),
        (dice_loss(*masks), 'dice'),
        (focal_dice(*masks), 'focal_dice'),
        (health(*case), 'multi_task.cls_loss'),
    ]
    per_gas = []
    for index, gas in enumerate(('co2', 'ch4')):
        rows = data['present'][:, index].bool()
        logits, mask = data[f'{gas}_seg_logits'], data[f'{gas}_mask']
        per_gas.append(focal_dice(logits[rows], mask[rows]))
        pairs.append((per_gas[-1], f'multi_task.{gas}_seg_loss'))
    pairs.append((sum(per_gas) / 2, 'multi_task.seg_loss'))
    for actual, name in pairs:
        outputs.hold(name, actual, tolerance=1e-6)


def test_ordinal_by_hand_and_two_classes_off_cost_more():
    sure_of_0 = torch.tensor([[9.0, 0.0, 0.0]])
    # asked of class 0 by a sample of class 2: exp(-2s) over the sum of the three
    parts = torch.exp(-1.5 * torch.tensor([2.0, 1.0, 0.0]))
    by_hand = -(parts / parts.sum() * sure_of_0.log_softmax(1)[0]).sum()
    far = ordinal_loss(sure_of_0, torch.tensor([2]), sharpness=1.5)
    assert far.item() == pytest.approx(by_hand.item())
    assert far > ordinal_loss(sure_of_0, torch.tensor([1]), sharpness=1.5)


def test_ordinal_with_a_large_sharpness_is_cross_entropy():
    logits, target = random_case(size=())
    one_class = F.cross_entropy(logits, target)
    torch.testing.assert_close(ordinal_loss(logits, target, sharpness=99.0), one_class)
