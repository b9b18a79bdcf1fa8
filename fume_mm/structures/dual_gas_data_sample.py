"""One sample: up to two gas frames of one vessel, its masks and its health."""

import torch
from mmengine.structures import BaseDataElement
from mmseg.structures import SegDataSample

from . import GASES, availability


class DualGasDataSample(BaseDataElement):
    """Truth and predictions of one sample.

    Data fields, all optional:

    - ``co2``, ``ch4`` (:class:`mmseg.structures.SegDataSample`): the gas's own part,
      so that mmseg's heads, losses and metrics work on it as they are:
      ``gt_sem_seg`` (1, H, W) uint8, ``pred_sem_seg`` (1, H, W) and ``seg_logits``
      (C, H, W). The field does not exist for a gas that the sample does not have.
    - ``gt_health``, ``pred_health`` (1,) int64: class id.
    - ``health_scores`` (C,): class probabilities.

    Metainfo as the pipeline packs it: ``sample_id``, ``groups`` (vessels or runs the
    frames come from), ``ph_value``, ``frame_paths`` and ``mask_paths`` (dicts by gas).

    Examples:
        >>> sample = DualGasDataSample(co2=SegDataSample())
        >>> sample.present
        {'co2': True, 'ch4': False}
    """

    @property
    def present(self) -> dict[str, bool]:
        """Which gases the sample has, in the order of :data:`GASES`."""
        return {gas: gas in self for gas in GASES}

    @property
    def availability(self) -> str:
        """``'both'``, ``'co2_only'`` or ``'ch4_only'``."""
        return availability(self.present)

    def set_gas(self, gas: str, value: SegDataSample) -> None:
        """Set the part of ``gas`` by name; read it back with ``sample.get(gas)``."""
        assert gas in GASES, gas
        self.set_field(value, gas, dtype=SegDataSample)

    def set_gt_health(self, class_id: int) -> 'DualGasDataSample':
        """Set the true class id; returns the sample."""
        assert class_id >= 0, class_id
        self.gt_health = torch.tensor([class_id])
        return self

    def set_health_scores(self, scores: torch.Tensor) -> 'DualGasDataSample':
        """Set class probabilities (C,) and the class they favour; returns self."""
        assert scores.ndim == 1, tuple(scores.shape)
        self.health_scores = scores
        self.pred_health = scores.argmax().reshape(1)
        return self
