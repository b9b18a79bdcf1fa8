"""MMEngine's Runner of a config, on GPUs and on CPUs, and training with it."""

import copy
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import HistoryBuffer, MMLogger, print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import LogProcessor, Runner
from torch import nn
from torch.utils.data import DataLoader

from fume_mm.datasets.data_card import keep_card
from fume_mm.errors import UserError
from fume_mm.io.files import make_folder, sole_writer, write_whole
from fume_mm.io.weights import hand_on, require_match
from fume_mm.registry import OPTIM_WRAPPERS, OPTIMIZERS, register_all_modules

from .config import config_errors
from .console import ConsoleLogProcessor, console_of
from .fitting import bare_model, check_parts
from .hooks.console_hook import ConsoleHook
from .loops import SAMPLES
from .objective import settle_objective
from .resuming import SETTINGS, check_changes, checkpoint_to_resume, settings_of
from .stopping import leave_group, stop_signals
from .workers import TIMEOUT, lost_workers, watched


def _naming(build: Callable[..., Any]) -> Callable[..., Any]:
    """A method that builds a part, with errors that name the part's key."""

    def named(runner: Runner, part: Any) -> Any:
        with config_errors(runner.cfg):
            return build(runner, part)

    return named


class ConfigRunner(Runner):
    """MMEngine's Runner; what cannot be built is a UserError that names its key."""

    #: What checkpoints say of the run, see :func:`.resuming.settings_of`.
    settings: str | None = None
    #: Whether a resumed run has another schedule than its checkpoint.
    reschedules = False

    build_val_loop = _naming(Runner.build_val_loop)
    build_test_loop = _naming(Runner.build_test_loop)
    build_param_scheduler = _naming(Runner.build_param_scheduler)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        console_of(self.logger).starting = False

    def build_logger(self, *args: Any, **options: Any) -> MMLogger:
        """MMEngine's, with a console that shows what a person reads."""
        logger = super().build_logger(*args, **options)
        console_of(logger)
        return logger

    def build_log_processor(self, log_processor: Any) -> LogProcessor:
        """MMEngine's; ours where the config names none."""
        if isinstance(log_processor, dict):
            log_processor = {'type': ConsoleLogProcessor, **log_processor}
        return super().build_log_processor(log_processor)

    def register_hooks(self, *args: Any, **options: Any) -> None:
        """MMEngine's, and the one that says on the console how far the run is."""
        super().register_hooks(*args, **options)
        self.register_hook(ConsoleHook())

    def train(self) -> nn.Module:
        """MMEngine's; what the run's data decide is settled before."""
        settle_objective(self)
        return super().train()

    def build_train_loop(self, loop: Any) -> Any:
        """MMEngine's, but ``by_epoch=True`` is the loop of this project."""
        if isinstance(loop, dict) and loop.get('by_epoch') and 'type' not in loop:
            loop = {key: loop[key] for key in loop if key != 'by_epoch'}
            loop['type'] = 'EpochBasedTrainLoop'
        with config_errors(self.cfg):
            return super().build_train_loop(loop)

    @staticmethod
    def build_dataloader(dataloader: Any, *args: Any, **options: Any) -> DataLoader:
        """MMEngine's, whose workers are not waited for without end."""
        if isinstance(dataloader, dict) and dataloader.get('num_workers'):
            dataloader = {'timeout': TIMEOUT, **dataloader}
        return watched(Runner.build_dataloader(dataloader, *args, **options))

    def test(self) -> dict:
        """MMEngine's, which ends if a worker is lost."""
        with lost_workers():
            return super().test()

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

    def resume(self, filename: str, *args: Any, **options: Any) -> None:
        """MMEngine's, but a new schedule is taken up as if it had been followed so far.

        The checkpoint's states of optimiser and schedulers hold the old one.
        """
        if not self.reschedules:
            super().resume(filename, *args, **options)
            return
        schedulers = self.param_schedulers or []
        rates = [group['lr'] for group in self.optim_wrapper.param_groups]
        states = [copy.deepcopy(x.state_dict()) for x in schedulers]
        super().resume(filename, *args, **options)
        groups = self.optim_wrapper.param_groups
        for group, rate in zip(groups, rates, strict=True):
            group['lr'] = rate
        for scheduler, state in zip(schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        length, loader = len(self.train_dataloader), self.train_dataloader
        begun = self.message_hub.get_info(SAMPLES, 0)
        begun //= (loader.batch_size or 1) * self.world_size
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # no optimiser steps between
            for count in [*[length] * self.epoch, begun]:
                # as they go in training, since each changes the rate of the one before
                for _ in range(count):
                    for scheduler in (x for x in schedulers if not x.by_epoch):
                        scheduler.step()
                if count == length:
                    for scheduler in (x for x in schedulers if x.by_epoch):
                        scheduler.step()

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
            if self.settings:
                content['meta'][SETTINGS] = self.settings
            for key in ('meta', 'message_hub', 'param_schedulers'):
                if key in content:
                    content[key] = _plain(content[key])
        elif fn_name == 'after_load_checkpoint':
            content = kwargs['checkpoint']
            # MMEngine would run this text as a config
            content.get('meta', {}).pop('config', None)
            log = content.get('message_hub', {})
            logs, info = log.get('log_scalars', {}), log.get('runtime_info', {})
            # of a copied folder they would be the original's, which are then deleted
            for key in [x for x in info if x.startswith(('best_ckpt', 'last_ckpt'))]:
                info[key] = str(Path(self.work_dir, Path(info[key]).name))
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
            is not there or is not of this model or of this config, another training
            writes to the work dir, a loader's worker is lost, or training diverges.
        SystemExit: With status 75, if SIGTERM or SIGUSR1 asked the process to stop and
            all is saved to go on from.
    """
    if amp:
        cfg.optim_wrapper.type = 'AutoAmpOptimWrapper'
    if resume is None and cfg.get('resume'):
        resume = cfg.get('load_from') or 'auto'
    ranks = os.environ.get('WORLD_SIZE', os.environ.get('SLURM_NTASKS', '1'))
    settings = settings_of(cfg, 1 if launcher == 'none' else int(ranks))
    content, reschedules = None, False
    if resume:
        resume, content = checkpoint_to_resume(cfg.work_dir, resume)
        reschedules = check_changes(resume, content, settings)
        cfg.resume = True
        cfg.load_from = resume
    register_all_modules()
    check_parts(cfg)
    first = int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0'))) == 0
    make_folder(cfg.work_dir)
    with sole_writer(cfg.work_dir) if launcher == 'none' or first else nullcontext():
        runner = build_runner(cfg, launcher=launcher)
        runner.settings, runner.reschedules = settings, reschedules
        if resume and content:
            require_match(
                bare_model(runner.model), resume, resume=True, content=content
            )
            hand_on(resume, content)
            content = None  # of gigabytes
        if first and (root := cfg.train_dataloader.dataset.get('data_root')):
            keep_card(root, cfg.work_dir, 'train')
        with stop_signals(), lost_workers():
            model = runner.train()
        if launcher != 'none':
            leave_group()
        return model
