"""Training that is a fit: one pass over the data, then all at once, no optimiser."""

from typing import Any

from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop
from torch import nn
from torch.utils.data import DataLoader

from fume_mm.errors import UserError
from fume_mm.registry import LOOPS, OPTIM_WRAPPER_CONSTRUCTORS

from .fitting import bare_model


@LOOPS.register_module()
class FitLoop(EpochBasedTrainLoop):
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
