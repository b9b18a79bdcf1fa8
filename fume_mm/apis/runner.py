"""Building MMEngine's Runner from a config, on GPUs and on CPUs."""

import os

import torch
import torch.distributed
from mmengine.config import Config
from mmengine.runner import Runner

from fume_mm.errors import UserError
from fume_mm.registry import register_all_modules


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
    try:
        return Runner.from_cfg(cfg)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        text = str(error.args[0]) if error.args else str(error)
        raise UserError(
            f'{cfg.filename}: cannot be built: {text.splitlines()[0]}'
        ) from error
