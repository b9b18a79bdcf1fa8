"""The leak probes: each planted leak is found, and what is none is not."""

from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
import pytest

from fume_mm.datasets.probes.gas_erased import background_features, classify_erased
from fume_mm.datasets.probes.giveaways import (
    border_of,
    find_giveaways,
    gases_by_class,
)
from fume_mm.datasets.probes.near_copies import (
    SAME_ALIGNED,
    SAME_PICTURE,
    aligned_correlation,
    correlation,
    find_near_copies,
    look_at,
    thumbnail,
)
from fume_mm.datasets.probes.painted import (
    READER_IOU,
    colour_follows_mask,
    draw_pixels,
    iou_of,
    read_painted,
)
from fume_mm.simulation import render_vessel
from fume_mm.simulation.copies import augment
from fume_mm.simulation.plan import plan_vessels
from fume_mm.simulation.presets import adapt_preset

SIZE = (160, 120)
Pictures = list[tuple[np.ndarray, np.ndarray]]


def wall(seed: int) -> np.ndarray:
    """A wall as an infrared camera sees it, with a tube, (120, 160) uint8."""
    rng = np.random.default_rng(seed)
    image = np.full((SIZE[1], SIZE[0]), rng.uniform(80, 170))
    for nodes, std in (((4, 5), 12.0), ((9, 12), 8.0), ((18, 24), 4.0)):
        coarse = rng.normal(0, std, nodes)
        image += cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    y = int(rng.integers(40, 80))
    cv2.line(image, (0, y), (int(rng.integers(20, 60)), y + 5), 40.0, 6)
    return (image + rng.normal(0, 2, image.shape)).clip(1, 255).astype(np.uint8)


@pytest.fixture(scope='module')
def simulated() -> Pictures:
    """CO2 frames and masks of 16 simulated vessels, 320x240."""
    parameters = adapt_preset('demo', vessels=16, frames_per_vessel=1, missing_co2=0.0)
    plan = plan_vessels(parameters, seed=5)
    found = []
    for vessel in plan:
        for rendered in render_vessel(parameters, vessel, seed=5):
            if rendered.gas == 'co2':
                found.append((rendered.image, rendered.mask))
    return found


# --- near copies


def likeness(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Correlation as they lie, and aligned."""
    looks = [look_at(thumbnail(image)) for image in (first, second)]
    return correlation(*looks), aligned_correlation(*looks)


def test_light_does_not_change_a_texture():
    image = wall(0)
    darker = (255 * (image / 255.0) ** 1.2 * 0.8).astype(np.uint8)
    assert likeness(image, darker)[0] > 0.98
    assert likeness(image, image)[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize('seed', range(6))
def test_other_walls_are_not_alike_even_when_aligned(seed):
    plain, aligned = likeness(wall(10 + seed), wall(20 + seed))
    assert plain < 0.5
    assert aligned < 0.75


@pytest.mark.parametrize('degrees', [-12, 0, 10])
@pytest.mark.parametrize('mirror', [False, True])
def test_a_moved_copy_is_alike_once_aligned(degrees, mirror):
    image = wall(3)
    matrix = cv2.getRotationMatrix2D((80, 60), degrees, 1.06)
    matrix[:, 2] += (9, -6)
    moved = cv2.warpAffine(image, matrix, SIZE)
    moved = cv2.flip(moved, 1) if mirror else moved
    plain, aligned = likeness(image, moved)
    assert plain < 0.7
    assert aligned >= SAME_ALIGNED


def test_too_little_in_common_is_no_copy():
    image = wall(1)
    half = image.copy()
    half[:, 40:] = 0
    looks = look_at(thumbnail(image)), look_at(thumbnail(half))
    assert correlation(*looks) == -1


def near(images: list[np.ndarray], splits: list[str]) -> list[tuple[int, int, bool]]:
    thumbs = np.stack([thumbnail(image) for image in images])
    digests = np.array([str(hash(image.tobytes())) for image in images])
    copies = find_near_copies(thumbs, np.array(splits), digests)
    return [(copy.frame, copy.other, copy.same_picture) for copy in copies]


def test_copies_and_neighbours_in_another_split_are_found_and_nothing_else():
    images = [wall(seed) for seed in range(30)]
    splits = ['train'] * 20 + ['val'] * 5 + ['test'] * 5
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 3, images[0].shape)
    images[21] = (images[2] + noise).clip(1, 255).astype(np.uint8)  # the next frame
    images[23] = cv2.flip(images[4], 1)  # mirrored
    brighter = (images[5] * 1.1).clip(1, 255).astype(np.uint8)
    matrix = cv2.getRotationMatrix2D((80, 60), 8, 0.95)
    images[27] = cv2.warpAffine(brighter, matrix, SIZE)  # turned
    assert near(images, splits) == [(21, 2, True), (23, 4, True), (27, 5, True)]


def test_the_same_place_with_another_plume_is_a_scene():
    images = [wall(seed) for seed in range(30)]
    plume = images[7].astype(float)
    cv2.ellipse(plume, (110, 60), (26, 12), 0, 0, 360, 60.0, -1)
    images[25] = plume.astype(np.uint8)
    first = correlation(*(look_at(thumbnail(images[k])) for k in (7, 25)))
    assert 0.7 < first < SAME_PICTURE
    assert near(images, ['train'] * 24 + ['test'] * 6) == [(25, 7, False)]


def test_equal_pixels_and_one_split_are_left_to_others():
    images = [wall(seed) for seed in range(8)]
    images[7] = images[0]
    assert near(images, ['train'] * 6 + ['test'] * 2) == []
    images[7] = cv2.flip(images[0], 1)
    assert near(images, ['train'] * 8) == []


def test_few_frames_are_compared_too():
    images = [wall(0), cv2.flip(wall(0), 1)]
    assert near(images, ['val', 'test']) == [(1, 0, True)]


def test_most_augmented_copies_of_simulated_frames_are_found(simulated):
    images = [image for image, _ in simulated]
    rng = np.random.default_rng(1)
    for image, mask in simulated:
        images += [
            augment(image, mask, geometry=rng, photometry=rng)[0] for _ in range(3)
        ]
    splits = np.tile(['train', 'train', 'val', 'test'], 16)
    found = near(images, sorted(splits.tolist())[::-1])
    number = len(simulated)
    original = [*range(number), *np.repeat(np.arange(number), 3)]
    assert all(original[frame] == original[other] for frame, other, _ in found)
    asked = sum(split != 'train' for split in splits)
    assert sum(same for *_, same in found) > 0.6 * asked


# --- painted labels


def painted(kind: str, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    image = image.copy()
    gas = np.uint8(mask == 2)
    if kind == 'filled':
        image[mask == 2] = 255
    elif kind == 'half transparent':
        image[mask == 2] = image[mask == 2] // 2 + 127
    elif kind == 'outlined':
        lines = cv2.findContours(gas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        cv2.drawContours(image, lines, -1, 255, 1)
    return image


def read_ious(simulated: Pictures, kind: str) -> dict[str, float]:
    rng = np.random.default_rng(0)
    frames = [
        draw_pixels(image, image, mask, rng)
        for clean, mask in simulated
        for image in [painted(kind, clean, mask)]
    ]
    groups = np.array([f'v{k}' for k in range(len(frames))])
    found = {}
    for label in READER_IOU:
        counts = read_painted(frames, groups, label=label)
        assert counts is not None
        found[label] = iou_of(counts)
    return found


def test_a_trivial_reader_reads_no_simulated_plume(simulated):
    found = read_ious(simulated, 'clean')
    assert found['gas'] < 0.6
    assert found['outline'] < 0.1


@pytest.mark.parametrize('kind', ['filled', 'half transparent', 'outlined'])
def test_a_trivial_reader_reads_what_is_painted(simulated, kind):
    found = read_ious(simulated, kind)
    assert any(found[label] > least for label, least in READER_IOU.items())


def test_counts_of_the_reader_are_those_of_an_iou():
    assert iou_of(np.array([[3, 1, 0], [3, 0, 1]])) == 6 / 8
    assert iou_of(np.array([0, 0, 0])) == 0


def test_too_few_groups_are_not_read(simulated):
    rng = np.random.default_rng(0)
    frames = [draw_pixels(image, image, mask, rng) for image, mask in simulated]
    assert read_painted(frames, np.array(['a', 'b'] * (len(frames) // 2))) is None


def test_unlabelled_pixels_are_not_drawn(simulated):
    image, mask = simulated[0]
    mask = np.where(np.arange(mask.shape[1]) < 200, np.uint8(255), mask)
    drawn = draw_pixels(image, image, mask, np.random.default_rng(0))
    assert 0 < drawn.weights.sum() < 4000 * 0.45


def colour_map(image: np.ndarray) -> np.ndarray:
    return cv2.applyColorMap(image, cv2.COLORMAP_HOT)


def filled(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    colour[mask == 2] = colour[mask == 2] // 2 + np.array([0, 0, 127], np.uint8)
    return colour


def outlined(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    lines = cv2.findContours(
        np.uint8(mask == 2), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )[0]
    cv2.drawContours(colour, lines, -1, (0, 255, 0), 1)
    return colour


@pytest.mark.parametrize('paint', [filled, outlined])
def test_colour_over_the_mask_is_found(simulated, paint: Callable):
    for image, mask in simulated[:4]:
        colour = paint(image, mask)
        assert colour_follows_mask(colour, mask)
        again = cv2.imdecode(cv2.imencode('.jpg', colour)[1], cv2.IMREAD_COLOR)
        assert colour_follows_mask(again, mask)


def test_gray_a_palette_and_a_coloured_cross_are_no_label(simulated):
    image, mask = simulated[0]
    tripled = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    cross = tripled.copy()
    cv2.drawMarker(cross, (200, 40), (0, 0, 255))
    for pixels in (image, tripled, cross, colour_map(image)):
        assert not colour_follows_mask(pixels, mask)


# --- the class by the file


def files(trait: str, values: Callable[[int, int], object]) -> pd.DataFrame:
    """15 groups of 3 frames, of three classes in turn."""
    rng = np.random.default_rng(0)
    rows = []
    for group in range(15):
        for frame in range(3):
            row = {
                'gas_type': 'co2',
                'class_name': 'HTA'[group % 3],
                'group': f'v{group}',
                'size': '64x48',
                'mode': 'uint8, 1 channel',
                'format': 'png',
                'border': '',
                'gray': rng.normal(100, 10),
            }
            rows.append(row | {trait: values(group, frame)})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ('trait', 'value', 'other'),
    [
        ('size', '80x60', '64x48'),
        ('mode', 'uint8, 3 channels', 'uint8, 1 channel'),
        ('format', 'jpg', 'png'),
        ('border', 'TB', ''),
    ],
)
def test_a_trait_of_one_class_is_found(trait, value, other):
    frames = files(trait, lambda group, _: value if group % 3 == 2 else other)
    (found,) = find_giveaways(frames)
    assert (found.trait, found.gas) == (trait, 'co2')
    # of three classes one is told for sure, one of the two others guessed
    assert found.accuracy == pytest.approx(2 / 3)
    assert f'{value}: mostly A' in found.shown
    assert frames.loc[found.frame, 'class_name'] == 'A'


def test_a_trait_of_every_class_is_none():
    assert find_giveaways(files('size', lambda group, _: f'{group // 3}x48')) == []
    assert find_giveaways(files('border', lambda _, frame: 'T' * (frame % 2))) == []


def test_one_odd_recording_gives_nothing_away():
    assert find_giveaways(files('format', lambda group, _: 'j' * (group == 2))) == []


def test_gray_levels_that_separate_are_found():
    frames = files('gray', lambda group, frame: 50 + 40 * (group % 3) + frame)
    frames = pd.concat(
        [frames, frames.assign(group=frames['group'] + 'b')], ignore_index=True
    )
    (found,) = find_giveaways(frames)
    assert (found.trait, found.accuracy) == ('gray', 1)
    assert found.shown == 'A: 131, H: 51, T: 91'


def test_a_gas_that_a_class_lacks():
    frames = pd.DataFrame(
        {
            'gas_type': ['co2', 'co2', 'co2', 'ch4'],
            'class_name': ['H', 'T', 'A', 'H'],
        }
    )
    assert gases_by_class(frames) == {'ch4': ['H']}
    assert gases_by_class(frames[:3]) == {}


def test_borders_are_named_by_side():
    image = wall(0)
    assert border_of(image) == ''
    image[:3] = 0
    image[:, -2:] = 0
    assert border_of(image) == 'TR'
    assert border_of(np.full((48, 64), 255, np.uint8)) == ''


# --- without gas


def backgrounds(shift: float) -> tuple[np.ndarray, np.ndarray]:
    features, classes = [], []
    for seed in range(45):
        image = wall(seed) / 2 + 40 + shift * (seed % 3)
        mask = np.zeros(image.shape, np.uint8)
        # the lower the pH, the larger the plume, which must not count
        cv2.ellipse(mask, (90, 60), (20 + 15 * (seed % 3), 20), 0, 0, 360, 2, -1)
        image[mask == 2] = 20
        features.append(background_features(image.astype(np.uint8), mask))
        classes.append('HTA'[seed % 3])
    return np.array(features), np.array(classes)


def test_a_background_of_each_class_is_told_without_gas():
    groups = np.arange(45).astype(str)
    found = classify_erased(*backgrounds(40), groups)
    assert found is not None and found.tells
    assert found.accuracy > 0.8 > found.chance[1]
    assert found.p == 1 / 1000
    assert found.groups == 45


def test_plumes_of_each_class_are_not_told_once_erased():
    found = classify_erased(*backgrounds(0), np.arange(45).astype(str))
    assert found is not None and not found.tells
    assert found.chance[0] < 1 / 3 < found.chance[1]


def test_the_erased_gas_leaves_no_level_behind():
    image = np.full((120, 160), 90, np.uint8)
    mask = np.zeros_like(image)
    mask[40:80, 60:120] = 2
    image[mask == 2] = 10
    features = background_features(image, mask)
    assert features[:-1] == pytest.approx(90, abs=0.5)


def test_too_few_groups_are_not_classified():
    features, classes = backgrounds(40)
    assert classify_erased(features, classes, np.array(['a', 'b', 'c'] * 15)) is None
