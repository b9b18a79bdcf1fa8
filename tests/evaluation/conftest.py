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


@pytest.fixture
def make_sample():
    """Build a sample: a (truth, prediction) pair of masks per gas, and classes."""

    def make(sample_id, *, co2=None, ch4=None, health=None, predicted=None):
        sample = DualGasDataSample(metainfo={'sample_id': sample_id})
        for gas, masks in (('co2', co2), ('ch4', ch4)):
            if masks is not None:
                sample.set_gas(gas, seg_part(*masks))
        if health is not None:
            sample.set_gt_health(health)
        if predicted is not None:
            sample.set_health_scores(torch.eye(3)[predicted])
        return sample

    return make
