"""How far a run is: a header, bars with rate and time left, how long it took."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from torch import nn

from fume_mm.io.progress import progress_bar
from fume_mm.registry import HOOKS
from fume_mm.structures.marks import dataset_note

from ..fitting import PARTS, bare_model


@HOOKS.register_module()
class ConsoleHook(Hook):
    """Say what a run is, and show bars where the console is a terminal.

    The Runner brings it along; a config need not name it.
    """

    # a header comes after what is refused, before what takes time
    priority = 'LOW'

    def __init__(self) -> None:
        self._start = 0.0
        self._training: Any = None
        self._samples: Any = None

    def before_train(self, runner: Any) -> None:
        """The header, and the bar of the whole training."""
        _say(runner, train_header(runner))
        self._start = time.monotonic()
        self._training = progress_bar(
            total=runner.max_iters,
            done=runner.iter,
            unit='it',
            label='train',
            show=is_main_process(),
        )

    def before_train_epoch(self, runner: Any) -> None:
        """A validation does not slow the rate of the training."""
        self._training.unpause()

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """One more."""
        self._training.update()

    def after_train(self, runner: Any) -> None:
        """How long it took."""
        self._training.close()
        took = timedelta(seconds=round(time.monotonic() - self._start))
        runner.logger.info(f'Trained in {took}: {_short(runner.work_dir)}')

    def before_val_epoch(self, runner: Any) -> None:
        """A bar of its own."""
        self._open(runner.val_dataloader, 'validate', leave=False)

    def before_test(self, runner: Any) -> None:
        """The header."""
        _say(runner, test_header(runner))

    def before_test_epoch(self, runner: Any) -> None:
        """A bar of its own."""
        self._open(runner.test_dataloader, 'test')

    def after_val_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """One more."""
        self._samples.update()

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        """The bar goes."""
        self._samples.close()

    after_test_epoch = after_val_epoch

    def _open(self, loader: Any, label: str, *, leave: bool = True) -> None:
        self._samples = progress_bar(
            total=len(loader),
            unit='it',
            label=label,
            leave=leave,
            show=is_main_process(),
        )


def train_header(runner: Any) -> dict[str, str]:
    """What a training is, by what a reader looks for."""
    loop, loader = runner.train_loop, runner.train_dataloader
    batch = getattr(loader, 'batch_size', None)
    each = f'batches of {batch}'
    if get_world_size() > 1:
        each += f' on each of {get_world_size()} processes'
    if isinstance(loop, IterBasedTrainLoop):
        length, done = f'{loop.max_iters} iterations, {each}', runner.iter
    else:
        epochs = f'{loop.max_epochs} epoch{"s" * (loop.max_epochs != 1)}'
        length, done = f'{epochs} of {len(loader)} iterations, {each}', runner.epoch
    length += f'; {done} are done' if done else ''
    sets = [f'{len(loader.dataset)} to train on']
    if runner.val_loop is not None:
        sets.append(f'{len(runner.val_dataloader.dataset)} to validate')
    wrapper = runner.optim_wrapper
    optimizer = getattr(wrapper, 'optimizer', None)
    rate = f', learning rate {optimizer.defaults.get("lr"):g}' if optimizer else ''
    how = {'optimiser': type(optimizer).__name__ + rate} if optimizer else {}
    return {
        **_model_lines(runner),
        'data': _data(loader.dataset),
        'samples': ', '.join(sets),
        'training': length,
        **how,
        **_place_lines(runner),
    }


def test_header(runner: Any) -> dict[str, str]:
    """What a test is, by what a reader looks for."""
    dataset = runner.test_dataloader.dataset
    return {
        **_model_lines(runner),
        'weights': str(runner._load_from or 'none: as they are initialised'),
        'data': _data(dataset),
        'samples': str(len(dataset)),
        **_place_lines(runner),
    }


def _say(runner: Any, header: dict[str, str]) -> None:
    for name, text in header.items():
        runner.logger.info(f'{name:10} {text}')


def _model_lines(runner: Any) -> dict[str, str]:
    model = bare_model(runner.model)
    model = getattr(model, 'module', model)  # of test-time augmentation
    parts = [_part(x) for name in PARTS if (x := getattr(model, name, None))]
    numbers = [(x.numel(), x.requires_grad) for x in model.parameters()]
    total = sum(number for number, _ in numbers)
    still = sum(number for number, learns in numbers if not learns)
    frozen = f', {still:,} of them frozen' if still else ''
    return {
        'model': ' '.join(
            [type(model).__name__, f'({", ".join(parts)})' * bool(parts)]
        ),
        **({'parameters': f'{total:,}{frozen}'} if total else {}),
    }


def _part(part: nn.Module) -> str:
    """The name of a part; a container's is its members'."""
    members = {type(x).__name__: None for x in part.children()}
    encoder = isinstance(part, (nn.ModuleDict, nn.ModuleList)) or hasattr(
        part, 'shared'
    )
    return ' and '.join(members) if encoder and members else type(part).__name__


def _data(dataset: Any) -> str:
    note = dataset_note(getattr(dataset, 'metainfo', None))
    place = str(getattr(dataset, 'data_root', '') or type(dataset).__name__)
    return f'{place} ({note})' if note else place


def _place_lines(runner: Any) -> dict[str, str]:
    device = next((x.device for x in runner.model.parameters()), torch.device('cpu'))
    threads = torch.get_num_threads()
    name = f'CPU, {threads} thread{"s" * (threads != 1)}'
    if device.type == 'cuda':
        name = torch.cuda.get_device_name(device)
    return {
        'device': name,
        'seed': str(runner.seed),
        'work dir': _short(runner.work_dir),
        'full log': _short(Path(runner.log_dir, f'{runner.timestamp}.log')),
    }


def _short(path: str | Path) -> str:
    """A path from here where it lies below."""
    path = Path(path)
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
