"""Parts of a model that a training leaves as they are."""

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from fume_mm.errors import UserError
from fume_mm.registry import HOOKS


@HOOKS.register_module()
class FreezeHook(Hook):
    """Keep parts of the model as they were loaded: weights and running statistics.

    To train a head on features that are finished, or to fine-tune on few frames.

    Args:
        parts: Names of the model's parts, with dots for parts of parts: ``'backbone'``,
            ``'decode_head.co2'``.

    Raises:
        UserError: Before training, if the model has no such part, or nothing is left
            to train.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        self.parts = tuple(parts)
        self._frozen: list[nn.Module] = []

    def before_train(self, runner: Any) -> None:
        """Find the parts and switch their gradients off."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        known = dict(model.named_modules())
        for part in self.parts:
            if part not in known or not part:
                names = ', '.join(name for name, _ in model.named_children())
                raise UserError(
                    f'FreezeHook.parts: the model has no {part!r}; its parts are '
                    f'{names}.'
                )
        self._frozen = [known[part].requires_grad_(False) for part in self.parts]
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise UserError(
                f'FreezeHook.parts: {", ".join(self.parts)} is all that the model '
                'could train; leave one out.'
            )

    def before_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Out of training mode again, which each epoch and validation sets anew."""
        for part in self._frozen:
            part.eval()
