"""Training by epochs that goes on from anywhere, and training that is a fit."""

from typing import Any

import mmengine.runner
from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapperDict
from torch import nn
from torch.utils.data import DataLoader

from fume_mm.errors import UserError
from fume_mm.registry import LOOPS, OPTIM_WRAPPER_CONSTRUCTORS

from .fitting import bare_model

#: In the log, which checkpoints hold: how many samples all ranks have had of the epoch,
#: and how many the training set has.
SAMPLES, SIZE = 'epoch_samples', 'train_samples'


@LOOPS.register_module()
class EpochBasedTrainLoop(mmengine.runner.EpochBasedTrainLoop):
    """MMEngine's, which begins a resumed epoch where it was left.

    What the epoch has had already is not loaded: the sampler leaves it out.

    Raises:
        UserError: In training, if an epoch is to begin within and the sampler cannot,
            or the training set is not as large as it was.
    """

    #: Samples that all ranks together have had of the running epoch.
    samples = 0

    def run(self) -> nn.Module:
        """Train what is left; a run that has had its epochs says so."""
        if self.epoch >= self.max_epochs:
            self.runner.logger.warning(
                f'{self.runner.work_dir}: has had its {self.max_epochs} epochs, '
                'nothing is left to train.'
            )
        return super().run()

    def run_epoch(self) -> None:
        """The rest of an epoch, which is all of it unless it is resumed."""
        self.samples = resumed = self.runner.message_hub.get_info(SAMPLES, 0)
        first = self._leave_out() if resumed else 0
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for index, batch in enumerate(self.dataloader, first):
            self.samples += self.dataloader.batch_size * get_world_size()
            self.run_iter(index, batch)
        if resumed:
            self.dataloader.sampler.start = 0
            self.runner.message_hub.update_info(SAMPLES, 0)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _leave_out(self) -> int:
        """Have the sampler begin at the place; returns the first batch's number."""
        sampler, now = self.dataloader.sampler, len(self.dataloader.dataset)
        saved = self.runner.message_hub.get_info(SIZE)
        if saved != now:
            raise UserError(
                f'train_dataloader.dataset has {now} samples, and had {saved} when the '
                'checkpoint was saved within an epoch; resume with the same data, or '
                'from a checkpoint of a whole epoch (epoch_*.pth).'
            )
        if not hasattr(sampler, 'start'):
            raise UserError(
                f'train_dataloader.sampler.type is {type(sampler).__name__}, which '
                'cannot begin within an epoch; resume from a checkpoint of a whole '
                'epoch (epoch_*.pth).'
            )
        world, size = get_world_size(), self.dataloader.batch_size
        sampler.start = self.samples
        self.samples -= self.samples % world
        left = len(sampler) - self.samples // world
        batches = left // size if self.dataloader.drop_last else -(-left // size)
        # counted from the end, which hooks know an epoch's last batch by
        return len(self.dataloader) - batches


@LOOPS.register_module()
class FitLoop(mmengine.runner.EpochBasedTrainLoop):
    """Show the model every training sample once, let it fit itself, then validate.

    For models without gradients: ``train_step`` remembers a batch, ``fit(seed=...)``
    learns from what was remembered and returns how many cases that were. Hooks see one
    epoch, which ends after the fit, so logs, checkpoints and ``--resume`` are those of
    any training.

    Args:
        runner: The Runner.
        dataloader: The training loader or its config; it must drop no sample.
    """

    def __init__(self, runner: Any, dataloader: DataLoader | dict) -> None:
        super().__init__(runner, dataloader, max_epochs=1)
        model = bare_model(runner.model)
        if not hasattr(model, 'fit'):
            raise UserError(
                f'train_cfg.type is FitLoop, but {type(model).__name__} learns by '
                "gradients; set train_cfg=dict(type='EpochBasedTrainLoop', ...)."
            )
        if get_world_size() > 1:
            raise UserError('FitLoop runs in one process; use tools/train.py alone.')
        if self.dataloader.drop_last:
            raise UserError(
                'FitLoop shows every sample once; set train_dataloader.drop_last=False.'
            )
        self.model: Any = model

    def run_epoch(self) -> None:
        """Collect, then fit."""
        self.runner.call_hook('before_train_epoch')
        self.model.train()
        for index, batch in enumerate(self.dataloader):
            self.run_iter(index, batch)
        self.runner.logger.info(f'Fitting {type(self.model).__name__} ...')
        cases = self.model.fit(seed=self.runner.seed)
        self.runner.logger.info(f'Fitted to {cases} frames.')
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class NoOptimizer:
    """The empty optimiser wrapper of a model that has nothing to optimise.

    MMEngine's Runner asks for one in any training; the config gives it no options.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict | None = None
    ) -> None:
        # the Runner puts the type in
        if paramwise_cfg or optim_wrapper_cfg not in ({}, {'type': 'OptimWrapper'}):
            raise UserError(
                'optim_wrapper has options, but this model is fitted without an '
                "optimiser; set optim_wrapper=dict(constructor='NoOptimizer') and "
                'leave --amp out.'
            )

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """The empty wrapper."""
        return OptimWrapperDict()
