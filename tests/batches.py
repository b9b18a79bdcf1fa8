"""Collated batches of random frames, for tests of models."""

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fume_mm.datasets.samplers import collate_samples
from fume_mm.structures import GASES, DualGasDataSample


def batch(
    *patterns: str,
    size: tuple[int, int] = (64, 96),
    ori_shape: tuple[int, int] | None = None,
    classes: int = 3,
    health: int = 3,
) -> dict:
    """A collated batch of frames of ``size``; a pattern names the gases of a sample.

    ``classes`` are those of the masks, ``health`` those of the samples.
    """
    generator = torch.Generator().manual_seed(0)
    items = []
    for number, pattern in enumerate(patterns):
        sample = DualGasDataSample(metainfo={'sample_id': str(number)})
        frames = {}
        for gas in GASES:
            if gas in pattern:
                frames[gas] = torch.randint(
                    256, (1, *size), generator=generator, dtype=torch.uint8
                )
                mask = torch.randint(classes, (1, *size), generator=generator)
                part = SegDataSample(metainfo={'ori_shape': ori_shape or size})
                part.gt_sem_seg = PixelData(data=mask)
                sample.set_gas(gas, part)
        sample.set_gt_health(number % health)
        items.append({'inputs': frames, 'data_samples': sample})
    return collate_samples(items)
