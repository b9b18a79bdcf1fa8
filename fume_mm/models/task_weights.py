"""Weights of the two tasks, masks and health, that change while training goes on.

They multiply what the model's constants ``seg_weight`` and ``health_weight`` leave of
each task's losses. Each writes ``weight_seg`` and ``weight_health`` into the log.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS

TASKS = ('seg', 'health')
Losses = dict[str, Tensor]


class TaskWeights(nn.Module, ABC):
    """Base of the task weights.

    Whatever a subclass remembers is a buffer or a parameter, so the checkpoint has it
    and a resumed run goes on as if it had not stopped.
    """

    @abstractmethod
    def weigh(self, totals: Tensor) -> Tensor:
        """The weights (2,) of the tasks whose losses are ``totals`` (2,)."""

    def penalty(self) -> Tensor | None:
        """A loss of the weights themselves, a scalar."""
        return None

    def begin_iteration(self, epoch: int, iteration: int) -> None:
        """How far training is; the runner tells before each iteration, from 0."""

    def forward(self, by_task: dict[str, Losses]) -> Losses:
        """All losses, weighted, with the weights for the log.

        Args:
            by_task: Losses by name, for each of :data:`TASKS`.
        """
        totals = torch.stack(
            [
                torch.stack([x for name, x in by_task[task].items() if 'loss' in name])
                .sum()
                .float()
                for task in TASKS
            ]
        )
        weights = self.weigh(totals)
        losses = {
            name: x * weight if 'loss' in name else x
            for task, weight in zip(TASKS, weights, strict=True)
            for name, x in by_task[task].items()
        }
        if (penalty := self.penalty()) is not None:
            losses['loss_task_weights'] = penalty
        shown = zip(TASKS, weights.detach(), strict=True)
        return losses | {f'weight_{task}': weight for task, weight in shown}


def _filled(like: Tensor, numbers: Sequence[float]) -> Tensor:
    """Numbers on the device of ``like``, without a copy that it would wait for."""
    return torch.stack([like.new_full((), number) for number in numbers])


@MODELS.register_module()
class ConstantTaskWeights(TaskWeights):
    """Two numbers, as the model's own constants are.

    Args:
        seg: Weight of the masks' losses.
        health: Weight of the health losses.
    """

    def __init__(self, *, seg: float, health: float) -> None:
        super().__init__()
        self.numbers = (seg, health)

    def weigh(self, totals: Tensor) -> Tensor:
        """The two numbers."""
        return _filled(totals, self.numbers)


@MODELS.register_module()
class ScheduledTaskWeights(TaskWeights):
    """Weights that follow a line through given points of the training.

    Args:
        points: (when, seg, health), in order of time; straight lines between, constant
            before the first and after the last.
        by: What is counted, from 0: 'epoch' or 'iter'.

    Raises:
        UserError: If the points are not in order, or ``by`` is neither.
    """

    def __init__(
        self, *, points: Sequence[tuple[float, float, float]], by: str
    ) -> None:
        super().__init__()
        if by not in ('epoch', 'iter'):
            raise UserError(f"task_weights.by is {by!r}; choose 'epoch' or 'iter'.")
        table = np.array(points, np.float64)
        if table.ndim != 2 or table.shape[1] != 3 or (np.diff(table[:, 0]) <= 0).any():
            raise UserError(
                f'task_weights.points is {points!r}; give (when, seg, health) in order '
                'of time, as in [(0, 1.0, 0.1), (10, 1.0, 1.0)].'
            )
        self.points, self.by, self.now = table, by, 0

    def begin_iteration(self, epoch: int, iteration: int) -> None:
        """Take the time."""
        self.now = epoch if self.by == 'epoch' else iteration

    def weigh(self, totals: Tensor) -> Tensor:
        """The weights of now."""
        when, *columns = self.points.T
        return _filled(totals, [float(np.interp(self.now, when, x)) for x in columns])


@MODELS.register_module()
class UncertaintyTaskWeights(TaskWeights):
    """Homoscedastic uncertainty (Kendall et al. 2018, arXiv:1705.07115, section 3.2).

    Σ exp(-s) L + s / 2 over the tasks, with s = log σ² learnt: the form that the paper
    derives for classification. At the best s a task's weight is 1 / (2 L). Give s no
    weight decay, which would pull the weights to 1::

        optim_wrapper = dict(
            paramwise_cfg=dict(custom_keys={'task_weights': dict(decay_mult=0.0)})
        )

    Args:
        log_variance: s at the start, of both tasks; 0 is a weight of 1.
    """

    def __init__(self, *, log_variance: float) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.full((len(TASKS),), float(log_variance)))

    def weigh(self, totals: Tensor) -> Tensor:
        """exp(-s)."""
        return torch.exp(-self.log_variance)

    def penalty(self) -> Tensor:
        """Σ s / 2, without which all weights would go to 0."""
        return self.log_variance.sum() / 2


@MODELS.register_module()
class DWATaskWeights(TaskWeights):
    """Dynamic weight average (Liu et al. 2019, arXiv:1803.10704, equation 7).

    A task whose loss fell less between the last two epochs gets more:
    w_k = K softmax(r_k / T) with r_k = L_k(t - 1) / L_k(t - 2), L_k(t) the mean of the
    task's loss in epoch t, before its weight. 1 in the first two epochs.

    Args:
        temperature: T > 0; the larger, the more even the weights.
    """

    weights: Tensor
    means: Tensor
    sums: Tensor
    count: Tensor
    epoch: Tensor

    def __init__(self, *, temperature: float) -> None:
        super().__init__()
        if temperature <= 0:
            raise UserError(
                f'task_weights.temperature is {temperature}; give more than 0, as 2.0.'
            )
        self.temperature = temperature
        size = len(TASKS)
        # all of them floats: processes that train together average their buffers
        self.register_buffer('weights', torch.ones(size))
        #: of the epoch before the last and of the last; NaN where there was none
        self.register_buffer('means', torch.full((2, size), float('nan')))
        self.register_buffer('sums', torch.zeros(size))
        self.register_buffer('count', torch.zeros(1))
        self.register_buffer('epoch', torch.zeros(1))
        self._told: int | None = None

    def begin_iteration(self, epoch: int, iteration: int) -> None:
        """Close the epoch before, if this is the first iteration of another."""
        told, self._told = self._told, epoch
        # the buffer, which is on the GPU and in the checkpoint, is asked once an epoch
        if epoch == told or epoch == int(self.epoch):
            return
        self.epoch.fill_(epoch)
        both = torch.cat([self.sums, self.count])
        all_reduce(both)
        self.sums.zero_()
        self.count.zero_()
        last = both[:-1] / both[-1]
        self.means.copy_(torch.stack([self.means[1], last]))
        if self.means.isfinite().all():
            tiny = torch.finfo(last.dtype).tiny
            ratio = (self.means[1] / self.means[0].clamp(min=tiny)).clamp(max=1e3)
            shares = torch.softmax(ratio / self.temperature, dim=0)
            self.weights.copy_(len(TASKS) * shares)

    def weigh(self, totals: Tensor) -> Tensor:
        """The epoch's weights; in training the losses are noted."""
        if self.training:
            self.sums += totals.detach()
            self.count += 1
        return self.weights.clone()
