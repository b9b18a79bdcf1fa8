"""The random forest: its features by hand, its cases, its predictions."""

import math

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from fume_mm.errors import UserError
from fume_mm.models.classical import (
    FEATURES,
    RandomForestModel,
    frame_features,
)
from fume_mm.models.classical.features import (
    area_fraction,
    intensity_features,
    shape_features,
)
from fume_mm.structures import GASES
from tests.batches import batch


def named(frame: np.ndarray, mask: np.ndarray, gas: str) -> dict[str, float]:
    values = frame_features(frame, mask, gas)
    assert values.shape == (len(FEATURES),)
    assert values.dtype == np.float64
    return dict(zip(FEATURES, values.tolist(), strict=True))


def rectangle() -> np.ndarray:
    """Gas 5 wide and 3 high in a frame of 8x6, a tube above it, two pixels of HUD."""
    mask = np.zeros((6, 8), np.uint8)
    mask[0, 2:7] = 1
    mask[1:4, 2:7] = 2
    mask[5, :2] = 255
    return mask


def test_features_of_a_rectangle() -> None:
    mask = rectangle()
    frame = np.full(mask.shape, 200.0, np.float32)
    frame[mask == 2] = np.arange(1, 16)
    found = named(frame, mask, 'ch4')
    # the polygon through the border pixels' centres is 4 wide and 2 high
    expected = {
        'area_fraction': 15 / 46,
        'mean': 8,
        'std': math.sqrt((15**2 - 1) / 12),
        'median': 8,
        'lower_quartile': 4.5,
        'upper_quartile': 11.5,
        'compactness': 4 * math.pi * 8 / 12**2,
        'aspect_ratio': 5 / 3,
        'extent': 8 / 15,
        'is_co2': 0,
        'is_ch4': 1,
    }
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize('gas', GASES)
def test_a_frame_without_gas_has_zeros_and_its_gas(gas: str) -> None:
    frame = np.full((6, 8), 200, np.float32)
    found = named(frame, np.where(rectangle() == 2, 0, rectangle()), gas)
    assert {name for name, value in found.items() if value} == {f'is_{gas}'}


def test_area_is_a_share_of_what_is_labelled() -> None:
    assert area_fraction(np.array([[2, 2, 0, 1]])) == 1 / 2
    assert area_fraction(np.array([[2, 255, 255, 1]])) == 1 / 2
    assert area_fraction(np.full((2, 2), 255)) == 0


def test_intensities_of_one_and_of_no_pixel() -> None:
    assert intensity_features(np.array([7], np.uint8)).tolist() == [7, 0, 7, 7, 7]
    assert intensity_features(np.array([])).tolist() == [0] * 5


def test_the_largest_contour_counts_and_its_holes_do_not() -> None:
    region = np.zeros((12, 12), bool)
    region[0, :10] = True  # long, but encloses nothing
    region[3:8, 3:8] = True
    region[5, 5] = False
    compactness, aspect, extent = shape_features(region)
    assert compactness == pytest.approx(4 * math.pi * 16 / 16**2)
    assert (aspect, extent) == (1, 16 / 25)


@pytest.mark.parametrize(
    ('size', 'expected'), [((1, 1), [0, 1, 0]), ((1, 4), [0, 4, 0])]
)
def test_a_pixel_and_a_line_enclose_nothing(
    size: tuple[int, int], expected: list[float]
) -> None:
    region = np.zeros((6, 6), bool)
    region[2 : 2 + size[0], 1 : 1 + size[1]] = True
    assert shape_features(region).tolist() == expected


def test_a_disc_is_the_most_compact() -> None:
    y, x = np.mgrid[-40:41, -40:41]
    disc = shape_features(x**2 + y**2 <= 36**2)
    assert disc[0] == pytest.approx(1, abs=0.12)
    assert disc[0] > shape_features(np.ones((73, 73), bool))[0]
    assert disc[2] == pytest.approx(math.pi * 36**2 / 73**2, abs=0.03)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(UserError, match=r'co2 frame is 8x6 pixels, its mask 8x5'):
        frame_features(np.zeros((6, 8)), np.zeros((5, 8)), 'co2')


def fitted(*patterns: str, seed: int = 0) -> RandomForestModel:
    model = RandomForestModel(5, max_depth=3)
    assert model.train_step(batch(*patterns)) == {}
    model.fit(seed=seed)
    return model


def predict(model: RandomForestModel, *patterns: str) -> torch.Tensor:
    samples = model.test_step(batch(*patterns))
    return torch.stack([sample.health_scores for sample in samples])


def test_every_frame_is_a_case() -> None:
    model = RandomForestModel(5)
    model.train_step(batch('co2 ch4', 'co2', 'ch4'))
    model.train_step(batch('co2 ch4'))
    assert model.fit(seed=0) == 6
    with pytest.raises(UserError, match='no frame to learn from'):
        model.fit(seed=0)


def test_a_pair_has_the_mean_of_its_frames() -> None:
    model = fitted('co2 ch4', 'co2', 'ch4', 'co2 ch4')
    data = batch('co2 ch4')
    both = model.test_step(data)[0].health_scores
    alone = []
    for gas in GASES:
        part = batch('co2 ch4')
        for other in GASES:
            if other != gas:
                del part['inputs'][0][other]
                part['data_samples'][0].pop(other)
        (sample,) = model.test_step(part)
        assert sample.present[gas] and len(part['inputs'][0]) == 1
        alone.append(sample.health_scores)
    assert torch.allclose(both, (alone[0] + alone[1]) / 2)
    assert both.dtype == torch.float32
    assert both.sum().item() == pytest.approx(1)


def test_a_sample_does_not_depend_on_its_neighbours() -> None:
    model = fitted('co2 ch4', 'co2', 'ch4', 'co2 ch4')
    together = predict(model, 'co2', 'ch4', 'co2 ch4', 'ch4')
    assert torch.equal(together[:1], predict(model, 'co2'))
    assert torch.equal(together[:3], predict(model, 'co2', 'ch4', 'co2 ch4'))


def test_a_class_that_training_lacks_has_probability_zero() -> None:
    model = fitted('co2', 'co2')  # classes 0 and 1
    scores = predict(model, 'co2', 'co2', 'co2')
    assert scores[:, 2].tolist() == [0, 0, 0]
    assert torch.allclose(scores.sum(dim=1), torch.ones(3))


def test_the_state_dict_is_what_the_forest_grows_from() -> None:
    patterns = ('co2 ch4', 'co2', 'ch4', 'co2 ch4')
    model = fitted(*patterns, seed=3)
    state = model.state_dict()
    assert list(state) == ['cases', 'seed']
    assert RandomForestModel.free_sizes == ('cases',)
    assert state['cases'].shape == (6, len(FEATURES) + 1)
    again = RandomForestModel(5, max_depth=3)
    again.load_state_dict(state)
    assert torch.equal(predict(again, *patterns), predict(model, *patterns))
    for key, value in again.state_dict().items():
        assert torch.equal(value, state[key])
    again.load_state_dict(fitted(*patterns, seed=4).state_dict())
    assert not torch.equal(predict(again, *patterns), predict(model, *patterns))


def test_the_forest_is_scikit_learns() -> None:
    patterns = ('co2', 'ch4', 'co2')
    model = fitted(*patterns)
    cases = model.cases.numpy()
    forest = RandomForestClassifier(
        5, max_depth=3, class_weight='balanced', random_state=0
    ).fit(cases[:, :-1], cases[:, -1].astype(int))
    expected = torch.from_numpy(forest.predict_proba(cases[:, :-1])).float()
    # cases stand by gas: the first and the third sample, then the second
    assert torch.equal(predict(model, *patterns), expected[[0, 2, 1]])


def test_a_forest_that_is_not_fitted_says_so() -> None:
    model = RandomForestModel()
    model.load_state_dict(RandomForestModel().state_dict())
    with pytest.raises(UserError, match='has not been fitted'):
        predict(model, 'co2')


def cases_of(value: float, column: int, dtype: torch.dtype = torch.float64) -> dict:
    cases = torch.zeros(4, len(FEATURES) + 1, dtype=dtype)
    cases[2, column] = value
    return {'cases': cases, 'seed': torch.tensor(0)}


@pytest.mark.parametrize(
    ('state', 'reason'),
    [
        (cases_of(1.0, -1, torch.float32), r'its cases are \(4, 12\) torch\.float32'),
        (
            cases_of(1.0, -1) | {'cases': torch.zeros(3).double()},
            r'its cases are \(3,\)',
        ),
        (cases_of(float('nan'), 0), 'a feature is not a number'),
        (cases_of(3.0, -1), 'a class is none of the 3 of the model'),
        (cases_of(0.5, -1), 'a class is none of'),
        (cases_of(1.0, -1) | {'seed': torch.tensor(-1)}, 'its seed is no number'),
        (cases_of(1.0, -1) | {'seed': torch.zeros(2)}, 'its seed is no number'),
    ],
)
def test_what_no_forest_grows_from_is_refused(state: dict, reason: str) -> None:
    with pytest.raises(UserError, match=rf'can be grown from \({reason}'):
        RandomForestModel().load_state_dict(state)
    RandomForestModel().load_state_dict(cases_of(1.0, -1))


def test_frames_without_truth_are_refused() -> None:
    model = fitted('co2', 'co2')
    data = batch('co2')
    del data['data_samples'][0].co2.gt_sem_seg
    with pytest.raises(UserError, match=r"'0' has no true co2 mask"):
        model.test_step(data)
    data = batch('ch4')
    del data['data_samples'][0].gt_health
    with pytest.raises(UserError, match=r"'0' has no health class"):
        model.train_step(data)


def test_modes_and_options_that_make_no_sense_are_refused() -> None:
    inputs = {'present': torch.ones(1, 2, dtype=torch.bool)}
    with pytest.raises(UserError, match='FitLoop'):
        RandomForestModel()(inputs, mode='loss')
    with pytest.raises(UserError, match="no mode 'tensor'"):
        RandomForestModel()(inputs)
    with pytest.raises(UserError, match=r'model\.trees is 0'):
        RandomForestModel(0)
    with pytest.raises(UserError, match=r"model\.class_weight is 'even'"):
        RandomForestModel(class_weight='even')
