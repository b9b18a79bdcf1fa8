"""Test-time augmentation: one prediction from several views of a sample."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from torch import Tensor
from torch.nn import functional as F

from fume_mm.registry import MODELS
from fume_mm.structures import GASES, DualGasDataSample

from .layers import enlarge


@MODELS.register_module()
class DualGasTTAModel(BaseTTAModel):
    """Wraps a model; predicts each view, brings it back and averages.

    The views are what
    :class:`~fume_mm.datasets.transforms.DualGasTestTimeAug` makes. Averaged are
    probabilities: of the masks per gas and pixel over the views that show the pixel, of
    the health class over all views. Its one argument, ``module``, is the model or its
    config.
    """

    def test_step(self, data: dict[str, list]) -> list[DualGasDataSample]:
        """Predict a batch.

        Args:
            data: ``inputs`` and ``data_samples``, of each of N samples a list with an
                entry per view.

        Returns:
            The N samples.
        """
        predictions = []
        for i in range(len(data['inputs'][0])):
            view = {key: [views[i] for views in value] for key, value in data.items()}
            predictions.append(self.module.test_step(view))
        return self.merge_preds(list(zip(*predictions, strict=True)))

    def merge_preds(
        self, data_samples_list: Sequence[Sequence[DualGasDataSample]]
    ) -> list[DualGasDataSample]:
        """One sample of the views of each; see :func:`merge_views`."""
        return [merge_views(views) for views in data_samples_list]


def merge_views(views: Sequence[DualGasDataSample]) -> DualGasDataSample:
    """The first view, which shows the whole frame, with the predictions of all.

    Args:
        views: Of one sample, with ``view`` in their metainfo; the first has the truth.

    Returns:
        The sample. ``seg_logits`` are the logarithms of the mean probabilities.
    """
    merged = views[0]
    for gas in (gas for gas in GASES if gas in merged):
        part = merged.get(gas)
        if 'seg_logits' not in part:
            continue
        size = tuple(part.seg_logits.data.shape[1:])
        parts = []
        for view in views:
            scores = view.get(gas).seg_logits.data.float().softmax(dim=0)
            parts.append(undo_view(scores, view.get('view'), gas, size))
        total, weight = (torch.stack(x).sum(dim=0) for x in zip(*parts, strict=True))
        mean = total / weight
        tiny = torch.finfo(mean.dtype).tiny
        part.seg_logits = PixelData(data=mean.clamp(min=tiny).log())
        mask = mean.max(0, keepdim=True).indices.to(torch.uint8)
        part.pred_sem_seg = PixelData(data=mask)
    if 'health_scores' in merged:
        scores = torch.stack([view.health_scores for view in views])
        merged.set_health_scores(scores.mean(dim=0))
    return merged


def undo_view(
    scores: Tensor, view: dict[str, Any], gas: str, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Bring the predictions of a view back to the frame.

    Args:
        scores: (C, h, w) of the view.
        view: The view's metainfo.
        gas: Whose frame it is.
        size: (H, W) of the frame; (h, w) unless the view was cut out.

    Returns:
        The scores (C, H, W) times how much of each pixel the view shows, and this share
        (1, H, W): 1 within, 0 outside of a crop, between on its border.
    """
    if view['flip']:
        scores = scores.flip(dims=(2,))
    seen = torch.ones_like(scores[:1])
    if 'canvas' in view:
        (height, width), (top, left) = view['canvas'][gas], view['corner'][gas]
        bottom = height - top - scores.shape[1]
        right = width - left - scores.shape[2]
        both = F.pad(torch.cat([scores, seen]), (left, right, top, bottom))
        both = enlarge(both[None], size)[0]
        scores, seen = both[:-1], both[-1:]
    return scores, seen
