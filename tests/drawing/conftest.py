import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fume_mm.structures import DualGasDataSample


def mask(height=480, width=640):
    """Tube in the upper quarter, gas in the third one."""
    values = torch.zeros(1, height, width, dtype=torch.int64)
    values[:, : height // 4] = 1
    values[:, height // 2 : height * 3 // 4] = 2
    return values


@pytest.fixture
def make_sample():
    def make(gases=('co2', 'ch4'), *, truth=True, prediction=True, size=(480, 640)):
        sample = DualGasDataSample(metainfo={'sample_id': 's1', 'ph_value': 5.9})
        for gas in gases:
            part = SegDataSample()
            if truth:
                part.gt_sem_seg = PixelData(data=mask(*size))
            if prediction:
                part.pred_sem_seg = PixelData(data=mask(*size))
            sample.set_gas(gas, part)
        if truth:
            sample.set_gt_health(1)
        if prediction:
            sample.set_health_scores(torch.tensor([0.25, 0.75, 0.0]))
        return sample

    return make


@pytest.fixture
def make_frames():
    def make(gases=('co2', 'ch4'), *, size=(480, 640)):
        return {gas: np.full(size, 100, np.uint8) for gas in gases}

    return make
