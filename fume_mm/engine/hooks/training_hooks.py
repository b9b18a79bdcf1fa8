"""Hooks that keep a run consistent, honest, fast, or partial."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import EarlyStoppingHook, Hook, LoggerHook, RuntimeInfoHook
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import HOOKS

from ..fitting import bare_model, disagreement


@HOOKS.register_module()
class ConsistencyHook(Hook):
    """Hold the model's heads against the gases, classes and palette of its datasets.

    At the end it says which samples the datasets left out since they cannot be read.

    Raises:
        UserError: Naming the dataset's and the model's side, before training,
            validation or test.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Any) -> None:
        """Check the training set, and the validation set if there is one."""
        self._check(runner, 'train')
        if runner.val_loop is not None:
            self._check(runner, 'val')

    def before_val(self, runner: Any) -> None:
        """Check the validation set."""
        self._check(runner, 'val')

    def before_test(self, runner: Any) -> None:
        """Check the test set."""
        self._check(runner, 'test')

    def after_train(self, runner: Any) -> None:
        """Say what the training and validation sets left out."""
        self._say_left_out(runner, 'train')
        if runner.val_loop is not None:
            self._say_left_out(runner, 'val')

    def after_test(self, runner: Any) -> None:
        """Say what the test set left out."""
        self._say_left_out(runner, 'test')

    def _say_left_out(self, runner: Any, split: str) -> None:
        dataset = getattr(runner, f'{split}_dataloader').dataset
        if getattr(dataset, 'bad_samples', None):
            runner.logger.warning(dataset.left_out_text())

    def _check(self, runner: Any, split: str) -> None:
        dataset = getattr(runner, f'{split}_dataloader').dataset
        model = bare_model(runner.model)
        problem = disagreement(model, getattr(dataset, 'metainfo', {}))
        if problem:
            raise UserError(
                f'{split}_dataloader.dataset ({type(dataset).__name__}) and model '
                f'disagree: {problem}.'
            )


@HOOKS.register_module()
class LossHook(RuntimeInfoHook):
    """Note the losses for the log, and stop a training that diverges.

    MMEngine's, but the losses of the iterations since the last line of the log are read
    together, when the next one is due, at the end of an epoch, and before a validation
    or a checkpoint: each reading waits for a GPU to finish all it has been given.

    The losses of this project begin near 1. One that is NaN, infinite or runaway ends
    the run, naming the loss, its iteration and the batch's samples. Batch normalisation
    keeps a run that has blown up finite for long (1e21 and falling), and validation
    would still find a "best" epoch in it.

    Args:
        limit: A loss above this has run away.

    Raises:
        UserError: In training, before the next log, checkpoint or validation.
    """

    def __init__(self, *, limit: float = 1e6) -> None:
        self.limit = limit
        self._unread: list[tuple[int, list[str], dict[str, Any]]] = []

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Keep the losses of the iteration, and read them if it is time."""
        norm = getattr(runner.optim_wrapper, 'grad_norm', None)
        kept = {} if norm is None else {'grad_norm': norm}
        samples = (data_batch or {}).get('data_samples', ())
        names = [str(x.get('sample_id')) for x in samples]
        self._unread.append((runner.iter, names, {**kept, **(outputs or {})}))
        logs = (x.interval for x in runner.hooks if isinstance(x, LoggerHook))
        if self.every_n_inner_iters(batch_idx, next(logs, 1)) or self.end_of_epoch(
            runner.train_dataloader, batch_idx
        ):
            self._read(runner)

    def before_val(self, runner: Any) -> None:
        """Read what is left."""
        self._read(runner)
        super().before_val(runner)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Read what is left."""
        self._read(runner)

    def _read(self, runner: Any) -> None:
        unread, self._unread = self._unread, []
        values = [value for *_, kept in unread for value in kept.values()]
        tensors = [x.detach().flatten() for x in values if isinstance(x, Tensor)]
        read = iter(torch.cat(tensors).tolist() if tensors else ())
        for iteration, names, kept in unread:
            numbers = {
                name: next(read) if isinstance(value, Tensor) else value
                for name, value in kept.items()
            }
            for name, number in numbers.items():
                runner.message_hub.update_scalar(f'train/{name}', number)
            # the sum last: the part that is to blame is named
            for name in sorted(numbers, key=lambda name: name == 'loss'):
                if 'loss' in name:
                    self._check(name, numbers[name], iteration, names)

    def _check(
        self, name: str, value: float, iteration: int, samples: Sequence[str]
    ) -> None:
        if not math.isfinite(value) or abs(value) > self.limit:
            raise UserError(
                f'{name} is {value:g} at iteration {iteration + 1}: training has '
                f'diverged (a loss is NaN, infinite or above {self.limit:g}); '
                'lower optim_wrapper.optimizer.lr or train without --amp.'
                f'{" Its batch: " if samples else ""}{", ".join(samples)}'
            )


@HOOKS.register_module()
class ResumableEarlyStoppingHook(EarlyStoppingHook):
    """MMEngine's early stopping; its count of epochs survives ``--resume``."""

    # before RollingCheckpointHook, which is to save the decision
    priority = 'VERY_LOW'
    KEY = 'early_stopping'

    def before_train(self, runner: Any) -> None:
        """Take up the state that the checkpoint carries."""
        if self.KEY in runner.message_hub.runtime_info:
            self.best_score, self.wait_count = runner.message_hub.get_info(self.KEY)
            if self.wait_count >= self.patience:
                runner.logger.warning('The run has been stopped early before.')
                runner.train_loop.stop_training = True

    def after_val_epoch(
        self, runner: Any, metrics: dict[str, float] | None = None
    ) -> None:
        """Decide, and leave the state for the checkpoint."""
        super().after_val_epoch(runner, metrics)
        state = [float(self.best_score), self.wait_count]
        runner.message_hub.update_info(self.KEY, state)


@HOOKS.register_module()
class FreezeHook(Hook):
    """Keep parts of the model as they were loaded: weights and running statistics.

    To train a head on features that are finished, or to fine-tune on few frames.

    Args:
        parts: Names of the model's parts, with dots for parts of parts: ``'backbone'``,
            ``'decode_head.co2'``.

    Raises:
        UserError: Before training, if the model has no such part, or nothing is left
            to train.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        self.parts = tuple(parts)
        self._frozen: list[nn.Module] = []

    def before_train(self, runner: Any) -> None:
        """Find the parts and switch their gradients off."""
        model = bare_model(runner.model)
        known = dict(model.named_modules())
        for part in self.parts:
            if part not in known or not part:
                names = ', '.join(name for name, _ in model.named_children())
                raise UserError(
                    f'FreezeHook.parts: the model has no {part!r}; its parts are '
                    f'{names}.'
                )
        self._frozen = [known[part].requires_grad_(False) for part in self.parts]
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise UserError(
                f'FreezeHook.parts: {", ".join(self.parts)} is all that the model '
                'could train; leave one out.'
            )

    def before_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Out of training mode again, which each epoch and validation sets anew."""
        for part in self._frozen:
            part.eval()


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep the model in ``torch.channels_last``: the same numbers, fewer reorderings.

    Pays off for depthwise convolutions on CPUs and for mixed precision on GPUs.
    """

    def before_run(self, runner: Any) -> None:
        """Reorder the weights in place; the optimiser keeps its parameters."""
        runner.model.to(memory_format=torch.channels_last)
