"""Hooks with which a run goes on from where it was stopped, as if it had not been."""

import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import set_random_seed
from torch import Tensor

from fume_mm.errors import STOPPED, UserError
from fume_mm.io.files import write_whole
from fume_mm.registry import HOOKS

from ..fitting import bare_model
from ..loops import SAMPLES, SIZE
from ..stopping import Agreement, leave_group, received

#: What a rank may want after an iteration.
_SAVE, _STOP = 1, 2


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed from (seed, epoch, rank) and the iteration within the epoch.

    So what an iteration draws (dropout) depends on nothing that happened in this
    process before: a run resumed anywhere goes on as if never stopped, and no state of
    a generator has to be saved.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Any) -> None:
        """Seed ``random``, NumPy and torch for what loaders draw when they start."""
        set_random_seed(_seed(runner, 0))

    def before_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Seed torch, which models draw from."""
        seed = _seed(runner, 1 + batch_idx)
        # torch.manual_seed writes down who called it, which takes long
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed(seed)


def _seed(runner: Any, place: int) -> int:
    sequence = np.random.SeedSequence([runner.seed, runner.epoch, get_rank(), place])
    return int(sequence.generate_state(1)[0])


@HOOKS.register_module()
class RollingCheckpointHook(Hook):
    """Keep ``last.pth``, which ``--resume`` goes on from, and stop when asked to.

    It is written after each epoch, and again after its validation, whose outcome (best
    score, early stopping) then is in it; so is the epoch's periodic checkpoint, if
    there is one. A run that stopped between the two validates when it is resumed.

    Within an epoch it is written every so often, and when a signal asks the run to stop
    (:mod:`fume_mm.engine.stopping`), which then exits with status 75: after the
    iteration at hand, or with several ranks, which stop at the same one, after the
    next. While gradients accumulate it waits for the update. A validation that is
    stopped is run again on resume. Loops of another kind than this project's for epochs
    stop without saving, with the status 143.

    Args:
        interval: Iterations between two within an epoch; None for none.
        minutes: Minutes, at most, between two; None for any.
    """

    priority = 'LOWEST'
    NAME = 'last.pth'
    #: In the log: the newest epoch that was validated.
    VALIDATED = 'validated_epoch'
    #: In the checkpoint: statistics of norm layers that each rank has of its own.
    BUFFERS = 'rank_buffers'

    def __init__(
        self, *, interval: int | None = None, minutes: float | None = None
    ) -> None:
        for name, value in (('interval', interval), ('minutes', minutes)):
            if value is not None and value <= 0:
                raise UserError(
                    f'RollingCheckpointHook.{name} is {value}; give a number above 0, '
                    'or None.'
                )
        self.interval = interval
        self.minutes = minutes
        self._saved = time.monotonic()
        self._stopping = False
        self._buffers: list[Any] = []

    def before_train(self, runner: Any) -> None:
        """Validate the epoch that is resumed, if that was due and did not happen."""
        self._agreement = Agreement()
        self._saved = time.monotonic()
        if runner.epoch == 0:
            runner.message_hub.update_info(self.VALIDATED, 0)
        loop, epoch = runner.train_loop, runner.epoch
        due = epoch >= loop.val_begin and (
            epoch % loop.val_interval == 0 or epoch == loop.max_epochs
        )
        if (
            due
            and runner.val_loop is not None
            # checkpoints of earlier versions do not tell
            and runner.message_hub.get_info(self.VALIDATED, epoch) < epoch
        ):
            runner.val_loop.run()

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Save within the epoch, if it is time or the run is to stop."""
        waited = time.monotonic() - self._saved
        late = self.minutes is not None and waited > 60 * self.minutes
        wish = self._agreement.ask(_STOP if received() else late * _SAVE)
        due = self.interval is not None and (runner.iter + 1) % self.interval == 0
        if not hasattr(runner.train_loop, 'samples'):
            if wish == _STOP:
                kind = type(runner.train_loop).__name__
                runner.logger.warning(f'Stopped; {kind} can save nothing within.')
                raise SystemExit(128 + signal.SIGTERM)
        elif self.end_of_epoch(runner.train_dataloader, batch_idx):
            self._stopping = wish == _STOP  # when the epoch is saved, in a moment
        elif (wish or due) and runner.optim_wrapper.should_update():
            self._buffers = self._agreement.gather(_buffers(runner))
            self._save(
                runner,
                epoch=runner.epoch,
                iteration=runner.iter + 1,
                samples=runner.train_loop.samples,
            )
            self._buffers = []
            if wish == _STOP:
                self._stop(runner, f'within epoch {runner.epoch + 1}')

    def after_train_epoch(self, runner: Any) -> None:
        """Save the epoch just trained."""
        self._save(runner, epoch=runner.epoch + 1, iteration=runner.iter)
        if self._stopping:
            self._stop(runner, f'after epoch {runner.epoch + 1}')

    def after_val_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Stop, if asked to: the epoch is saved, and validated on resume."""
        if received() and not isinstance(runner._train_loop, (dict, type(None))):
            self._stop(runner, f'in the validation of epoch {runner.epoch}', meet=False)

    def after_val_epoch(
        self, runner: Any, metrics: dict[str, float] | None = None
    ) -> None:
        """Save again with what the validation changed."""
        if runner.epoch > 0 and runner.train_loop is not None:
            runner.message_hub.update_info(self.VALIDATED, runner.epoch)
            self._save(runner, epoch=runner.epoch, iteration=runner.iter)
            periodic = Path(runner.work_dir) / f'epoch_{runner.epoch}.pth'
            if is_main_process() and periodic.exists():
                with write_whole(periodic, sync=True) as part:
                    shutil.copyfile(periodic.with_name(self.NAME), part)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Add what the ranks have of their own."""
        if self._buffers:
            checkpoint[self.BUFFERS] = self._buffers

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take up what this rank had of its own."""
        buffers = checkpoint.get(self.BUFFERS)
        if buffers:
            checkpoint['state_dict'].update(buffers[get_rank() % len(buffers)])

    def _save(
        self, runner: Any, *, epoch: int, iteration: int, samples: int = 0
    ) -> None:
        path = Path(runner.work_dir) / self.NAME
        size = len(runner.train_dataloader.dataset)
        known = {'last_ckpt': str(path), SAMPLES: samples, SIZE: size}
        runner.message_hub.update_info_dict(known)
        meta = {'epoch': epoch, 'iter': iteration}
        runner.save_checkpoint(runner.work_dir, self.NAME, meta=meta, by_epoch=True)
        self._saved = time.monotonic()
        self._agreement.drop()  # a wish of before; a signal's is repeated

    def _stop(self, runner: Any, where: str, *, meet: bool = True) -> None:
        runner.logger.warning(
            f'{received() or "A signal to another process"}: stopped {where}; '
            f'{Path(runner.work_dir, self.NAME)} is saved, --resume goes on from it.'
        )
        if meet:  # a process that ends makes a launcher end the one that still writes
            self._agreement.meet()
        leave_group(wait=meet)
        raise SystemExit(STOPPED)


def _buffers(runner: Any) -> dict[str, Tensor]:
    """Buffers of the model that a checkpoint holds, on the CPU."""
    model = bare_model(runner.model)
    names = {name for name, _ in model.named_buffers()}
    return {k: x.cpu() for k, x in model.state_dict().items() if k in names}
