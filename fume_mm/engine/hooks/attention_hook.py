"""Whether attention is alive, as curves in TensorBoard."""

import math
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from torch import Tensor, nn

from fume_mm.models.layers import PositionAttention
from fume_mm.registry import HOOKS

from ..fitting import bare_model
from .tensorboard_hook import summary_writer


@HOOKS.register_module()
class AttentionHook(Hook):
    """Entropy and gate of each attention over positions, in TensorBoard.

    ``attention/<module>/entropy`` is a share of the largest
    (:meth:`~fume_mm.models.layers.PositionAttention.entropy`): near 0 the softmax is
    one position and learns nothing more, near 1 it is a mean.
    ``attention/<module>/gamma`` says how much of it the net uses. A module that no
    batch reaches, or with one position, is left out.

    Args:
        interval: Iterations between two measurements, the first one included.
    """

    def __init__(self, *, interval: int = 100) -> None:
        self.interval = interval
        self._values: dict[str, float] = {}
        self._handles: list[Any] = []

    def before_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Listen to this iteration, if it is one to measure."""
        if runner.iter % self.interval or not is_main_process():
            return
        for name, module in bare_model(runner.model).named_modules():
            if isinstance(module, PositionAttention):
                self._handles.append(self._listen(f'attention/{name}', module))

    def _listen(self, name: str, module: PositionAttention) -> Any:
        def measure(_: nn.Module, maps: tuple[Tensor, ...]) -> None:
            entropy = module.entropy(*maps).item()
            if not math.isnan(entropy):
                self._values[f'{name}/entropy'] = entropy
                self._values[f'{name}/gamma'] = module.gamma.item()

        return module.register_forward_pre_hook(measure)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Draw what was measured."""
        for handle in self._handles:
            handle.remove()
        writer = summary_writer(runner) if self._values else None
        if writer is not None:
            for name, value in self._values.items():
                writer.add_scalar(name, value, runner.iter)
        self._handles, self._values = [], {}
