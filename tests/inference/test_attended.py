"""Where each gas looks in the other, as numbers and as a picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fume_mm.drawing.attention_map import HEAT, SHARE, draw_attention, heat
from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.inference.attended import attend, telling_points
from fume_mm.inference.torch_predictor import init_model
from fume_mm.models.layers import CrossModalAttention

CONFIG = Path(__file__).parents[2] / 'configs/fume/fume_fastscnn.py'
RNG = np.random.default_rng(0)
FRAMES = {g: RNG.integers(256, size=(64, 96), dtype=np.uint8) for g in ('co2', 'ch4')}


def model(**changes: Any) -> Any:
    options = {
        'scale': (96, 64),
        'model.backbone.encoder.stage_blocks': (1, 1, 1),
        **changes,
    }
    torch.manual_seed(0)
    return init_model(load_config(str(CONFIG), options))


def test_weights_are_the_softmax_that_forward_gathers_with() -> None:
    torch.manual_seed(0)
    attention = CrossModalAttention(8)
    torch.nn.init.ones_(attention.gamma)
    a, b = torch.randn(2, 8, 2, 3), torch.randn(2, 8, 2, 3)
    weights = attention.weights(a, b)
    assert weights.shape == (2, 6, 6)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 6))
    gathered = weights @ attention.value(b).flatten(2).transpose(1, 2)
    expected = a + gathered.transpose(1, 2).reshape(a.shape)
    torch.testing.assert_close(attention(a, b)[0], expected)


def test_each_gas_asks_from_its_points_over_the_other_frame() -> None:
    net = model()
    net.neck.cross_attention.gamma.data.fill_(0.25)
    seen: list[Any] = []
    net.neck.cross_attention.register_forward_hook(lambda _, x, y: seen.append(x))
    frames, found = attend(net, FRAMES, [(0.0, 0.0), (0.99, 0.99)])
    assert {gas: x.shape for gas, x in frames.items()} == {
        'co2': (64, 96),
        'ch4': (64, 96),
    }
    ((co2, ch4),) = seen
    for one, x, other in zip(found, (co2, ch4), (ch4, co2), strict=True):
        weights = net.neck.cross_attention.weights(x, other)[0].numpy()
        assert np.array_equal(one.weights['1'].ravel(), weights[0])
        assert np.array_equal(one.weights['2'].ravel(), weights[-1])
        assert one.weights['1'].shape == x.shape[2:]
        assert 0.5 < one.entropy <= 1 and one.gamma == 0.25
    assert [one.gas for one in found] == ['co2', 'ch4']
    assert not net.neck.cross_attention._forward_pre_hooks


def test_a_model_without_attention_between_the_gases_is_refused() -> None:
    net = model(**{'model.neck.cross_attention': False})
    with pytest.raises(UserError, match='has no attention between the gases'):
        attend(net, FRAMES)


def test_points_lie_as_deep_as_can_be_in_each_class() -> None:
    mask = np.zeros((40, 80), int)
    mask[10:21, 60:71] = 2
    found = telling_points(mask, ('background', 'tube', 'gas'))
    assert list(found) == ['gas', 'background']
    assert found['gas'] == (65.5 / 80, 15.5 / 40)
    x, y = found['background']
    assert mask[int(y * 40), int(x * 80)] == 0 and 15 <= x * 80 <= 45


def test_the_picture_is_coloured_where_it_is_attended_to() -> None:
    gray = np.full((4, 6, 3), 100, np.uint8)
    weights = np.array([[0.0, 0.6, 0.3], [0.0, 0.1, 0.0]])
    found = heat(gray, weights)
    assert (found[:2, :2] == 100).all() and (found[2:, 4:] == 100).all()
    full = np.rint(100 * (1 - SHARE) + SHARE * np.array(HEAT))
    assert (found[:2, 2:4] == full).all()
    points = {'gas': (0.5, 0.5), 'tube': (0.1, 0.9)}
    by_name = dict.fromkeys(points, weights)
    rows = [('co2', points, by_name, 'x'), ('ch4', {'gas': (0, 0)}, by_name, 'y')]
    picture = draw_attention(FRAMES, rows)
    assert picture.shape == (2 * (64 + 18) + 6, 3 * 96 + 12, 3)
    assert (picture[-64:, -96:] == 255).all()  # ch4 asks from one point only
