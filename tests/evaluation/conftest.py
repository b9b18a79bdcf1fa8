import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fume_mm.structures import DualGasDataSample


def seg_part(truth, prediction):
    """SegDataSample of masks given as nested lists; either may be None."""
    part = SegDataSample()
    for name, mask in (('gt_sem_seg', truth), ('pred_sem_seg', prediction)):
        if mask is not None:
            part.set_data({name: PixelData(data=torch.as_tensor(mask)[None])})
    return part


def build_sample(
    sample_id,
    *,
    co2=None,
    ch4=None,
    health=None,
    predicted=None,
    scores=None,
    groups=(),
):
    sample = DualGasDataSample(
        metainfo={'sample_id': sample_id, 'groups': groups, 'ph_value': 6.5}
    )
    for gas, masks in (('co2', co2), ('ch4', ch4)):
        if masks is not None:
            sample.set_gas(gas, seg_part(*masks))
    if health is not None:
        sample.set_gt_health(health)
    if predicted is not None:
        scores = torch.eye(3)[predicted]
    if scores is not None:
        sample.set_health_scores(torch.as_tensor(scores, dtype=torch.float32))
    return sample


@pytest.fixture
def make_sample():
    """Build a sample: a (truth, prediction) pair of masks per gas, and classes."""
    return build_sample


def random_mask(rng, shape):
    """Rectangles of tube and gas, or none of them, or noise."""
    mask = np.zeros(shape, np.int64)
    for class_id in (1, 2):
        if rng.random() < 0.75:
            top, left = (int(rng.integers(side)) for side in shape)
            bottom, right = top + rng.integers(1, 12), left + rng.integers(1, 12)
            mask[top:bottom, left:right] = class_id
    if rng.random() < 0.2:
        mask = rng.integers(3, size=shape)
    return mask


@pytest.fixture
def random_samples():
    """Build n samples of several vessels: all patterns, empty masks, ignored pixels."""

    def build(count, *, vessels=6, seed=0, shape=(20, 26)):
        rng = np.random.default_rng(seed)
        samples = []
        for index in range(count):
            vessel = int(rng.integers(vessels))
            masks = {}
            for gas in ([['co2'], ['ch4'], ['co2', 'ch4']])[rng.integers(3)]:
                truth, prediction = (random_mask(rng, shape) for _ in range(2))
                truth[: rng.integers(4)] = 255
                masks[gas] = (truth, prediction)
            scores = rng.dirichlet([1, 1, 1])
            if rng.random() < 0.3:  # equal ones must be counted as equal
                scores = np.eye(3)[rng.integers(3)] * 0.5 + 0.5 / 3
            samples.append(
                build_sample(
                    f's{index}',
                    **masks,
                    health=vessel % 3,
                    scores=scores,
                    groups=(f'v{vessel}',),
                )
            )
        return samples

    return build
