"""What a validation shows beside its figures: the loss, the confusion of classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook

from fume_mm.drawing.matrix import draw_matrix
from fume_mm.errors import UserError
from fume_mm.registry import HOOKS

from ..fitting import bare_model

#: Keys of the validation's losses: in all, of the masks, of the health class.
LOSS_KEYS = ('val/loss', 'val/loss_masks', 'val/loss_health')


@HOOKS.register_module()
class ValidationLossHook(Hook):
    """The losses of the validation split, as figures that may be watched.

    Each sample's loss is computed by itself, as in evaluation (no dropout, running
    statistics, without auxiliary heads) and with the masks at their size on disk; the
    mean over the samples is ``val/loss``, its parts ``val/loss_masks`` and
    ``val/loss_health``. Weights of the tasks are those of the training's last
    iteration. That takes another forward pass of each sample.

    Raises:
        UserError: In the first validation, if the model learns without losses.
    """

    # before those that log, save and stop by the figures
    priority = 'HIGHEST'

    def __init__(self) -> None:
        self._sums = np.zeros(len(LOSS_KEYS))
        self._samples = 0

    def before_val_epoch(self, runner: Any) -> None:
        """Start anew."""
        model = bare_model(runner.model)
        if not hasattr(model, 'decode_head'):
            raise UserError(
                f'ValidationLossHook: {type(model).__name__} learns without losses; '
                'take the hook out.'
            )
        self._sums[:], self._samples = 0.0, 0

    def after_val_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Add the losses of the batch's samples."""
        model = bare_model(runner.model)
        for i in range(len(data_batch['inputs'])):
            sample = {key: value[i : i + 1] for key, value in data_batch.items()}
            with torch.no_grad():
                data = model.data_preprocessor(sample, False)
                losses = model(**data, mode='loss')
            parts = {key: float(x) for key, x in losses.items() if 'loss' in key}
            total = sum(parts.values())
            parts.pop('loss_task_weights', None)
            masks = sum(x for key, x in parts.items() if '.' in key)
            health = sum(x for key, x in parts.items() if '.' not in key)
            self._sums += (total, masks, health)
            self._samples += 1

    def after_val_epoch(
        self, runner: Any, metrics: dict[str, float] | None = None
    ) -> None:
        """Put the means beside the metrics."""
        totals = torch.tensor([*self._sums, self._samples], dtype=torch.float64)
        all_reduce(totals)
        *sums, samples = totals.tolist()
        model = bare_model(runner.model)
        has = (True, model.decode_head is not None, model.health_head is not None)
        for key, value, there in zip(LOSS_KEYS, sums, has, strict=True):
            if there and metrics is not None and samples:
                metrics[key] = value / samples


@HOOKS.register_module()
class ConfusionHook(Hook):
    """The confusion of the health classes after each validation, to every backend.

    ``val/confusion`` is a picture of counts: in TensorBoard, W&B and MLflow alike.
    """

    def after_val_epoch(
        self, runner: Any, metrics: dict[str, float] | None = None
    ) -> None:
        """Draw it at the current iteration."""
        scores = getattr(runner.val_loop.evaluator, 'scores', None)
        details = scores.details.get('cls', {}) if scores is not None else {}
        if not is_main_process() or 'confusion' not in details:
            return
        counts = np.array(details['confusion']['all'])
        picture = draw_matrix(counts, details['classes'])
        trains = not isinstance(runner._train_loop, (dict, type(None)))
        runner.visualizer.add_image(
            'val/confusion', picture, runner.iter if trains else 0
        )
