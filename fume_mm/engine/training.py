"""Training from a config, from the start or from where a run was stopped."""

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint
from torch import nn

from fume_mm.errors import UserError
from fume_mm.io.weights import require_match

from .fitting import bare_model
from .runner import build_runner


def train(
    cfg: Config,
    *,
    resume: str | None = None,
    amp: bool = False,
    launcher: str = 'none',
) -> nn.Module:
    """Train the model of ``cfg`` into its ``work_dir``.

    Args:
        cfg: Of :func:`fume_mm.engine.config.load_config`, with a ``work_dir``.
        resume: A checkpoint to go on from; ``'auto'`` for the last one of the work
            dir; None for a run from the start.
        amp: Mixed precision, whatever the config says.
        launcher: How processes were started; see :func:`.runner.build_runner`.

    Returns:
        The trained model.

    Raises:
        UserError: If a part cannot be built, the checkpoint is not there or is not of
            this model, or training diverges.
    """
    if amp:
        cfg.optim_wrapper.type = 'AutoAmpOptimWrapper'
    if resume == 'auto':
        resume = find_latest_checkpoint(cfg.work_dir)
        if resume is None:
            raise UserError(
                f'{cfg.work_dir}: there is no checkpoint to resume from; leave '
                '--resume out or give one.'
            )
    if resume:
        cfg.resume = True
        cfg.load_from = resume
    runner = build_runner(cfg, launcher=launcher)
    if resume:
        require_match(bare_model(runner.model), resume, resume=True)
    return runner.train()
