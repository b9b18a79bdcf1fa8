"""A training step hands a GPU its work and does not wait for it.

There is no GPU here, so model and batch are on the device ``meta``, which has shapes
and no numbers. What is counted is every operation that on a GPU would stop the host
until all work before it is done: reading a number (``item``, ``bool``, ``tolist``),
operations whose result's size depends on numbers (``nonzero``, a mask as an index), and
copies between the host and the device but for those of ``to_device``, which on a GPU
are made from pinned memory and waited for by nobody. Tensors of the host, such as
``present``, may be read.
"""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.hooks import LoggerHook
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fume_mm.engine.config import load_config
from fume_mm.engine.fitting import shape_model
from fume_mm.engine.hooks.training_hooks import LossHook
from fume_mm.engine.runner import FullPrecision
from fume_mm.models import data_preprocessor, rows
from fume_mm.registry import register_all_modules
from tests.batches import batch

READS = ('_local_scalar_dense', 'nonzero', 'masked_select', 'equal', '_unique2')
PATTERNS = ('co2 ch4', 'co2', 'ch4', 'co2 ch4')


class Waits(TorchDispatchMode):
    """Names of the operations that would wait, and copies that would not."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.copies = 0
        self.sending = False

    def send(self, x: Tensor, device: torch.device) -> Tensor:
        """In place of ``to_device``."""
        self.sending = True
        sent = x.to(device)
        self.sending = False
        return sent

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        on_device = any(x.is_meta for x in given)
        masks = name.startswith('index') and any(
            x.dtype in (torch.bool, torch.uint8)
            for x in tree_leaves(args[1:2])
            if isinstance(x, Tensor)
        )
        if on_device and (name in READS or masks):
            self.waits.append(name)
        result = func(*args, **(kwargs or {}))
        if name in ('_to_copy', 'copy_'):
            devices = {x.device.type for x in [*given, result]}
            if len(devices) > 1 and self.sending:
                self.copies += 1
            elif len(devices) > 1:
                self.waits.append(name)
        return result


@pytest.mark.parametrize(
    'config',
    ['fume/fume_fastscnn_benchmark_health', 'baselines/early_fusion_fastscnn'],
)
def test_only_a_step_that_logs_waits(
    config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_all_modules()
    model = shape_model(load_config(f'configs/{config}.py')).to('meta').train()
    wrapper = FullPrecision(
        torch.optim.AdamW(model.parameters()), clip_grad={'max_norm': 1.0}
    )
    hook = LossHook()
    runner = SimpleNamespace(
        iter=0,
        hooks=[LoggerHook(interval=3)],
        optim_wrapper=wrapper,
        train_dataloader=range(9),
    )
    with Waits() as seen:
        for module in (rows, data_preprocessor):
            monkeypatch.setattr(module, 'to_device', seen.send)
        outputs = model.train_step(batch(*PATTERNS), wrapper)
        hook.after_train_iter(runner, 0, outputs=outputs)
        assert seen.waits == []
        # frames and masks of each gas, health classes, indices of rows
        assert seen.copies <= 6
        with pytest.raises((NotImplementedError, RuntimeError), match='meta'):
            hook.after_train_iter(runner, 2, outputs=outputs)
