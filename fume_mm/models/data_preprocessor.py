"""From the loader's samples to batches on the device."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES, DualGasDataSample

from .rows import to_device


@MODELS.register_module()
class DualGasDataPreprocessor(BaseDataPreprocessor):
    """Stack, per gas, the frames that exist, and normalise them on the device.

    Args:
        mean: Gray level that becomes 0.
        std: Gray levels that become 1. FUME's 0.5 and 0.5 of full scale are 127.5.
    """

    def __init__(self, *, mean: float, std: float) -> None:
        super().__init__()
        if std <= 0:
            raise UserError(f'data_preprocessor.std must be positive, not {std}.')
        self.mean = mean
        self.std = std

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Batch what the loader collated.

        Args:
            data: ``inputs``, a list of N dicts by gas of (1, H, W) uint8, and
                optionally ``data_samples``, a list of N samples.
            training: Not used; MMEngine's signature.

        Returns:
            ``inputs``: by gas (N_g, 1, H, W) float32, only gases that some sample has,
            and ``present`` (N, 2) bool on the CPU; ``data_samples`` on the device.

        Raises:
            UserError: If frames of one gas differ in size.
        """
        frames: Sequence[dict[str, torch.Tensor]] = data['inputs']
        inputs = {
            'present': torch.tensor([[gas in item for gas in GASES] for item in frames])
        }
        for gas in GASES:
            stack = [item[gas] for item in frames if gas in item]
            if not stack:
                continue
            sizes = {tuple(frame.shape) for frame in stack}
            if len(sizes) > 1:
                raise UserError(
                    f'{gas} frames of one batch differ in size: {sorted(sizes)}; put '
                    "dict(type='ResizeDualGas') in the pipeline."
                )
            batch = to_device(torch.stack(stack), torch.device(self.device))
            inputs[gas] = (batch.float() - self.mean) / self.std
        samples = data.get('data_samples')
        if samples and torch.device(self.device).type != 'cpu':
            self._send_truths(samples)
        return {'inputs': inputs, 'data_samples': samples and self.cast_data(samples)}

    def _send_truths(self, samples: Sequence[DualGasDataSample]) -> None:
        """Move masks and classes to the device: a copy per gas, and one."""
        device = torch.device(self.device)
        for gas in GASES:
            parts = [sample.get(gas) for sample in samples if gas in sample]
            truths = [part.gt_sem_seg for part in parts if 'gt_sem_seg' in part]
            if len({truth.shape for truth in truths}) == 1:  # else one by one
                masks = torch.stack([truth.data for truth in truths])
                for truth, mask in zip(truths, to_device(masks, device), strict=True):
                    truth.data = mask
        labelled = [sample for sample in samples if 'gt_health' in sample]
        if labelled:
            classes = torch.cat([sample.gt_health for sample in labelled])
            for sample, one in zip(
                labelled, to_device(classes, device).split(1), strict=True
            ):
                sample.gt_health = one
