"""Cases of training: a step, its memory, the whole loop, several processes.

The step is the Runner's: its train loop runs, with the config's own hooks, optimiser
and preprocessor, and a hook takes the turns. Left out are the hooks that draw, log to
TensorBoard or stop early.
"""

import os
import socket
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import original_code as original
from benchmarks.common import Setting
from benchmarks.turns import Turns

NOT_MEASURED = ('PanelHook', 'TensorboardHook', 'ResumableEarlyStoppingHook')
R50_CONFIG = 'configs/fume/fume_r50_original.py'
#: Of a batch of the large net: memory holds no more, and its norms need two.
R50_BATCH = 2


def train(
    turns: Turns | None,
    setting: Setting,
    *,
    whole: bool = False,
    bf16: bool = False,
    config: str | None = None,
    batch: int = 0,
    launcher: str = 'none',
) -> None:
    """Train for as long as there are turns.

    Args:
        turns: None for a process that goes along with another.
        setting: The run's.
        whole: A turn is all of an iteration, loading and augmentation too, of the
            campaign where samples lack CH4. Else it is the step, of samples with both
            gases, and what comes before it is not counted.
        bf16: Under autocast to bfloat16.
        config: In place of the setting's.
        batch: In place of the setting's, if not 0.
        launcher: Of the Runner.
    """
    from mmengine.hooks import Hook

    from fume_mm.engine.config import load_config
    from fume_mm.engine.runner import build_runner

    class TurnHook(Hook):
        begun = False

        def before_train_iter(self, *_: Any, **__: Any) -> None:
            if turns is not None and not self.begun:
                turns.wait()

        def after_train_iter(
            self, runner: Any, batch_idx: int, *_: Any, **__: Any
        ) -> None:
            if turns is None:
                return
            turns.done(units=batch)
            # the end of an epoch needs all processes, which are halted between turns
            self.begun = whole or batch_idx + 1 == len(runner.train_dataloader)
            if self.begun:
                turns.wait()

    batch = batch or setting.batch
    campaign = Path(setting.scratch) / ('founding' if whole else 'both')
    options = {
        'data_root': str(campaign),
        'scale': setting.size,
        'max_epochs': 10**4,
        'train_cfg.val_interval': 10**4,
        'train_dataloader.batch_size': batch,
    }
    if not whole:
        options['train_dataloader.num_workers'] = 0
    cfg = load_config(config or setting.config, options)
    cfg.work_dir = str(setting.own / 'train')
    if not whole:
        cfg.train_dataloader.dataset.pipeline = [
            transform
            for transform in cfg.train_dataloader.dataset.pipeline
            if transform['type'] not in ('ModalityDropout', 'DualGasAugment')
        ]
    cfg.custom_hooks = [x for x in cfg.custom_hooks if x['type'] not in NOT_MEASURED]
    cfg.default_hooks.checkpoint = None
    cfg.log_level = 'ERROR'
    if bf16:
        train_in_bf16(cfg)
    runner = build_runner(cfg, launcher=launcher)
    runner.register_hook(TurnHook(), priority='LOWEST')
    runner.train()


def train_in_bf16(cfg: Any) -> None:
    """Make the optimiser's wrapper compute the losses under autocast to bfloat16."""
    from contextlib import contextmanager

    import torch
    from mmengine.optim import OptimWrapper

    from fume_mm.registry import OPTIM_WRAPPERS

    @OPTIM_WRAPPERS.register_module(name='BenchmarkBf16', force=True)
    class Bf16(OptimWrapper):
        @contextmanager
        def optim_context(self, model: Any) -> Any:
            with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
                yield

    cfg.optim_wrapper.type = 'BenchmarkBf16'


def original_step(
    turns: Turns, setting: Setting, *, bf16: bool = False, large: bool = False
) -> None:
    """A step of the original on a random batch."""
    import torch

    batch = R50_BATCH if large else setting.batch
    built = original.training(original.r50() if large else original.fastscnn())
    data = original.random_batch(batch, setting.frame)
    dtype = torch.bfloat16 if bf16 else None
    turns.repeat(lambda: original.step(built, data, dtype), units=batch)


def original_loop(turns: Turns, setting: Setting) -> None:
    """The original's epoch: its dataset, balanced sampler and loader."""
    from torch.utils.data import DataLoader, WeightedRandomSampler

    root = str(Path(setting.scratch) / 'founding')
    dataset = original.dataset(root, 'paired_train_annotations.csv', train=True)
    weights = dataset.get_sample_weights().tolist()
    loader: DataLoader = DataLoader(
        dataset,
        batch_size=setting.batch,
        sampler=WeightedRandomSampler(weights, len(weights), replacement=True),
        num_workers=2,
    )
    built = original.training(original.fastscnn())
    turns.wait()
    while True:
        for batch in loader:
            original.step(built, batch)
            turns.done(units=len(batch['class_label']))
            turns.wait()


def two_processes(turns: Turns, setting: Setting) -> None:
    """Two processes, a batch each; a turn counts both batches."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    address = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port)}
    os.environ.update(address, WORLD_SIZE='2')
    rank = 1 if os.fork() == 0 else 0  # before torch has a thread that a fork loses
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))

    class Both(Turns):
        def done(self, *, units: float = 1, **known: float) -> None:
            super().done(units=2 * units, **known)

    both = Both(turns.lines, turns.answers) if rank == 0 else None
    train(both, setting, launcher='pytorch')


step = train
step_bf16 = partial(train, bf16=True)
original_step_bf16 = partial(original_step, bf16=True)
loop = partial(train, whole=True)
large_step = partial(train, config=R50_CONFIG, batch=R50_BATCH)
original_large_step = partial(original_step, large=True)


def with_one_thread(turns: Turns, setting: Setting) -> None:
    """The step with one thread, beside a case of two."""
    import torch

    torch.set_num_threads(1)
    train(turns, setting)
