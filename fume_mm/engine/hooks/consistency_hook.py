"""Does the model fit the dataset? Asked before anything runs."""

from typing import Any

from mmengine.hooks import Hook
from torch import nn

from fume_mm.errors import UserError
from fume_mm.registry import HOOKS

from ..fitting import bare_model


@HOOKS.register_module()
class ConsistencyHook(Hook):
    """Hold the model's heads against the gases, classes and palette of its datasets.

    Raises:
        UserError: Naming the dataset's and the model's side, before training,
            validation or test.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Any) -> None:
        """Check the training set, and the validation set if there is one."""
        self._check(runner, 'train')
        if runner.val_loop is not None:
            self._check(runner, 'val')

    def before_val(self, runner: Any) -> None:
        """Check the validation set."""
        self._check(runner, 'val')

    def before_test(self, runner: Any) -> None:
        """Check the test set."""
        self._check(runner, 'test')

    def _check(self, runner: Any, split: str) -> None:
        dataset = getattr(runner, f'{split}_dataloader').dataset
        model = bare_model(runner.model)
        problem = disagreement(model, getattr(dataset, 'metainfo', {}))
        if problem:
            raise UserError(
                f'{split}_dataloader.dataset ({type(dataset).__name__}) and model '
                f'disagree: {problem}.'
            )


def disagreement(model: nn.Module, metainfo: dict[str, Any]) -> str | None:
    """What the model and the dataset's metainfo disagree on, and the way out.

    Args:
        model: With ``decode_head`` (by gas) and ``health_head``, each of which it may
            lack.
        metainfo: ``gases``, ``classes``, ``palette`` and ``health_classes``; what it
            lacks is not checked.
    """
    classes, palette = metainfo.get('classes'), metainfo.get('palette')
    if classes and palette and len(classes) != len(palette):
        return (
            f'its metainfo has {len(classes)} classes ({", ".join(classes)}) and '
            f'{len(palette)} colours in palette; give a colour for each class'
        )
    model = getattr(model, 'module', model)  # of test-time augmentation
    heads = getattr(model, 'decode_head', None)
    heads = heads if isinstance(heads, nn.ModuleDict) else {}
    gases = metainfo.get('gases')
    if gases and heads and set(gases) != set(heads):
        return (
            f'the dataset has the gases {", ".join(gases)}, the model a decode_head '
            f'for {", ".join(heads)}; make them the same'
        )
    parts = [('classes', f'{gas} decode_head', head) for gas, head in heads.items()]
    parts.append(('health_classes', 'health_head', getattr(model, 'health_head', None)))
    for key, name, part in parts:
        classes, number = metainfo.get(key), getattr(part, 'num_classes', None)
        if classes and number and number != len(classes):
            return (
                f'the dataset has {len(classes)} {key} ({", ".join(classes)}), the '
                f'{name} {number}; set model.{name.split()[-1]}.num_classes='
                f'{len(classes)}'
            )
    return None
