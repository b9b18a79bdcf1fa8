"""MMEngine's Runner of a config, on GPUs and on CPUs, and training with it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import HistoryBuffer, print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner
from torch import nn

from fume_mm.errors import UserError
from fume_mm.io.files import make_folder, sole_writer, write_whole
from fume_mm.io.weights import require_match
from fume_mm.registry import OPTIM_WRAPPERS, register_all_modules

from .config import config_errors
from .fitting import bare_model, check_parts
from .objective import settle_objective
from .resuming import newest_checkpoint


def _naming(build: Callable[..., Any]) -> Callable[..., Any]:
    """A method that builds a part, with errors that name the part's key."""

    def named(runner: Runner, part: Any) -> Any:
        with config_errors(runner.cfg):
            return build(runner, part)

    return named


class ConfigRunner(Runner):
    """MMEngine's Runner; what cannot be built is a UserError that names its key."""

    build_train_loop = _naming(Runner.build_train_loop)
    build_val_loop = _naming(Runner.build_val_loop)
    build_test_loop = _naming(Runner.build_test_loop)
    build_param_scheduler = _naming(Runner.build_param_scheduler)

    def train(self) -> nn.Module:
        """MMEngine's; what the run's data decide is settled before."""
        settle_objective(self)
        return super().train()

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """MMEngine's, which does not name an optimiser that it does not know."""
        with config_errors(self.cfg):
            if isinstance(optim_wrapper, dict):
                kind = optim_wrapper.get('optimizer', {}).get('type')
                if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:
                    raise KeyError(f'{kind} is not in the optimizer registry')
            return super().build_optim_wrapper(optim_wrapper)

    def scale_lr(
        self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None
    ) -> None:
        """MMEngine's, which asserts what a config has to state."""
        scale = auto_scale_lr or {}
        if scale.get('enable') and not scale.get('base_batch_size'):
            raise UserError(
                'auto_scale_lr scales the learning rate from no batch size; set '
                'auto_scale_lr=dict(enable=True, base_batch_size=8), the batch size '
                'that optim_wrapper.optimizer.lr is meant for.'
            )
        super().scale_lr(optim_wrapper, auto_scale_lr)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> Any:
        """MMEngine's, but a model without parameters has nothing to synchronise."""
        if not any(p.requires_grad for p in model.parameters()):
            return model
        return super().wrap_model(model_wrapper_cfg, model)

    def save_checkpoint(
        self, out_dir: str, filename: str, *args: Any, **options: Any
    ) -> None:
        """MMEngine's, but whole or not at all, whatever stops it."""
        if is_main_process():
            with write_whole(Path(out_dir, filename), sync=True) as part:
                super().save_checkpoint(out_dir, part.name, *args, **options)

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """MMEngine's; what a checkpoint holds is plain in the file, objects here.

        MMEngine pickles the objects of its log, which no safe reader can load.
        """
        super().call_hook(fn_name, **kwargs)
        if fn_name == 'before_save_checkpoint':
            content = kwargs['checkpoint']
            for key in ('meta', 'message_hub', 'param_schedulers'):
                if key in content:
                    content[key] = _plain(content[key])
        elif fn_name == 'after_load_checkpoint':
            content = kwargs['checkpoint']
            # MMEngine would run this text as a config
            content.get('meta', {}).pop('config', None)
            logs = content.get('message_hub', {}).get('log_scalars', {})
            for name, (values, counts, length) in logs.items():
                logs[name] = HistoryBuffer(values.numpy(), counts.numpy(), length)


def _plain(value: Any) -> Any:
    """Containers, numbers, text and tensors that say the same as ``value``."""
    if isinstance(value, HistoryBuffer):
        return [*map(torch.from_numpy, value.data), value.max_length]
    if isinstance(value, dict):
        return {key: _plain(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    if isinstance(value, np.generic):
        return value.item()
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


class _UnreadNorm:
    """Of an optimiser wrapper: clip the gradient without asking how long it was.

    The norm stays a tensor, which the hook of the losses reads when it reads those.
    """

    optimizer: torch.optim.Optimizer
    clip_func: Callable[..., Any]
    clip_grad_kwargs: dict[str, Any]
    grad_norm: torch.Tensor | None = None

    def _clip_grad(self) -> None:
        groups = self.optimizer.param_groups
        params = [p for group in groups for p in group['params'] if p.grad is not None]
        if params:
            self.grad_norm = self.clip_func(params, **self.clip_grad_kwargs)


class FullPrecision(_UnreadNorm, OptimWrapper):
    """MMEngine's, see above."""


class MixedOnGpu(_UnreadNorm, AmpOptimWrapper):
    """MMEngine's, see above."""


class BFloat16OnCpu(FullPrecision):
    """Autocast to bfloat16, whose range is float32's: no scaling of the loss."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of forward pass and losses."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16; others are slower with it."""
    has: dict[str, Any] = getattr(torch.cpu, 'get_capabilities', dict)()
    return any(
        has.get(name) for name in ('avx512_bf16', 'amx_bf16', 'bf16', 'sve_bf16')
    )


@OPTIM_WRAPPERS.register_module(name='AutoAmpOptimWrapper')
def auto_amp_optim_wrapper(
    optimizer: torch.optim.Optimizer,
    *,
    loss_scale: str | float = 'dynamic',
    dtype: str | None = None,
    clip_grad: dict[str, Any] | None = None,
    accumulative_counts: int = 1,
) -> OptimWrapper:
    """Mixed precision on a GPU; on a CPU float32, or bfloat16 where it has that.

    Args:
        optimizer: The optimiser.
        loss_scale: Of ``AmpOptimWrapper``, on a GPU.
        dtype: 'float16' or 'bfloat16'; None is float16 on a GPU, float32 on a CPU.
        clip_grad: Of ``OptimWrapper``.
        accumulative_counts: Of ``OptimWrapper``.
    """
    common = {'clip_grad': clip_grad, 'accumulative_counts': accumulative_counts}
    if torch.cuda.is_available():
        return MixedOnGpu(
            optimizer=optimizer, loss_scale=loss_scale, dtype=dtype, **common
        )
    if dtype == 'bfloat16' and cpu_has_bfloat16():
        print_log('No GPU: training in bfloat16 and float32 on the CPU.', 'current')
        return BFloat16OnCpu(optimizer=optimizer, **common)
    why = 'instead of mixed precision'
    if dtype == 'bfloat16':
        why = 'since this CPU has no bfloat16'
    print_log(f'No GPU: training in float32 {why}.', 'current')
    return FullPrecision(optimizer=optimizer, **common)


def build_runner(cfg: Config, *, launcher: str = 'none') -> Runner:
    """The Runner of ``cfg``.

    With a launcher and no GPU the processes talk over gloo, which MMEngine's own set-up
    does not do.

    Raises:
        UserError: For a part that cannot be built, naming it.
    """
    register_all_modules()
    cfg.launcher = launcher
    if launcher != 'none':
        on_cpu = not torch.cuda.is_available()
        if on_cpu and launcher == 'pytorch':
            os.environ.setdefault('OMP_NUM_THREADS', '1')
            torch.distributed.init_process_group(backend='gloo')
        cfg.model_wrapper_cfg = {
            'type': 'MMDistributedDataParallel',
            'find_unused_parameters': cfg.pop('find_unused_parameters', True),
            'broadcast_buffers': False,
        }
        if on_cpu:
            cfg.model_wrapper_cfg['device_ids'] = None
    with config_errors(cfg):
        return ConfigRunner.from_cfg(cfg)


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
        launcher: How processes were started; see :func:`build_runner`.

    Returns:
        The trained model.

    Raises:
        UserError: If a part cannot be built or does not fit the others, the checkpoint
            is not there or is not of this model, another training writes to the
            work dir, or training diverges.
    """
    if amp:
        cfg.optim_wrapper.type = 'AutoAmpOptimWrapper'
    if resume is None and cfg.get('resume'):
        resume = cfg.get('load_from') or 'auto'
    if resume == 'auto':
        resume = newest_checkpoint(cfg.work_dir)
    if resume:
        cfg.resume = True
        cfg.load_from = resume
    register_all_modules()
    check_parts(cfg)
    first = int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0'))) == 0
    make_folder(cfg.work_dir)
    with sole_writer(cfg.work_dir) if launcher == 'none' or first else nullcontext():
        runner = build_runner(cfg, launcher=launcher)
        if resume:
            require_match(bare_model(runner.model), resume, resume=True)
        return runner.train()
