"""What a run settles before its first iteration: class weights, what it watches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.logging import print_log

from fume_mm.errors import UserError
from fume_mm.evaluation import DualGasEvaluator
from fume_mm.models.losses import WeightedLoss, WeightRule
from fume_mm.structures import AVAILABILITY, GASES, availability

from .config import did_you_mean
from .fitting import bare_model
from .hooks.validation_hooks import LOSS_KEYS, ValidationLossHook


def settle_objective(runner: Any) -> None:
    """Class weights, what the run watches, and who tells task weights the time.

    Raises:
        UserError: See :func:`settle_class_weights` and :func:`check_watched`.
    """
    settle_class_weights(runner)
    check_watched(runner)
    if getattr(bare_model(runner.model), 'task_weights', None) is not None:
        runner.register_hook(TaskWeightsHook())


class TaskWeightsHook(Hook):
    """Tell the model's task weights how far training is."""

    def before_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Before each iteration."""
        weights = bare_model(runner.model).task_weights
        weights.begin_iteration(runner.epoch, runner.iter)


def settle_class_weights(runner: Any) -> None:
    """Choose the health loss's class weights by the training split, where a rule says.

    The numbers go into the losses, the log and the run's resolved config. A warning
    says where both the sampler and given weights balance the classes.

    Raises:
        UserError: If a rule shall choose and the dataset tells no classes.
    """
    model = bare_model(runner.model)
    head: Any = getattr(model, 'health_head', None)
    losses = [x for x in head.modules() if isinstance(x, WeightedLoss)] if head else []
    if not losses:
        return
    loader = runner.train_dataloader
    balanced = getattr(loader.sampler, 'balances_classes', False)
    given = [x.class_weight for x in losses if x.class_weight is not None]
    if balanced and any(len(set(x.tolist())) > 1 for x in given):
        sampler, shown = type(loader.sampler).__name__, given[0].tolist()
        print_log(
            f'Classes are balanced twice: by {sampler} and by class_weight='
            f'{[round(x, 4) for x in shown]} of the health loss. Unsure samples will '
            "be called the class of the largest weight; take class_weight='auto', or "
            'another sampler.',
            'current',
            30,
        )
    if all(loss.rule is None for loss in losses):
        return
    dataset = loader.dataset
    if not hasattr(dataset, 'health_labels'):
        raise UserError(
            f'train_dataloader.dataset ({type(dataset).__name__}) has no health_labels '
            'to choose class weights by; set model.health_head.loss.class_weight to '
            'one number per class or None.'
        )
    labels = dataset.health_labels
    counts = np.bincount(labels[labels >= 0], minlength=head.num_classes).tolist()
    device = next(model.parameters()).device
    for loss in losses:
        if loss.rule is not None:
            loss.set_class_weight(loss.rule.weights(counts, balanced=balanced), device)
    names = getattr(dataset, 'metainfo', {}).get('health_classes') or range(len(counts))
    for part, rule in _weighed(runner.cfg.model.health_head):
        weights = rule.weights(counts, balanced=balanced)
        told = ', '.join(
            f'{name} {weight:.4g} ({count} samples)'
            for name, weight, count in zip(names, weights, counts, strict=True)
        )
        why = ', as the sampler balances the classes' if balanced else ''
        print_log(f'class_weight={part["class_weight"]!r} is {told}{why}.', 'current')
        part['class_weight'] = weights
    runner.dump_config()


def _weighed(part: Any) -> Iterator[tuple[dict, WeightRule]]:
    """The dicts of a config whose class weights a rule chooses, and the rule."""
    if isinstance(part, dict):
        if rule := WeightRule.parse(part.get('class_weight')):
            yield part, rule
        part = list(part.values())
    for item in part if isinstance(part, (list, tuple)) else ():
        yield from _weighed(item)


def check_watched(runner: Any) -> None:
    """See that what is saved as best, and what stops the run, will be measured.

    Raises:
        UserError: Naming the config's key and all figures that the validation gives;
            or if the rule would keep the worst.
    """
    if runner.val_loop is None or not isinstance(
        runner.val_loop.evaluator, DualGasEvaluator
    ):
        return
    evaluator, dataset = runner.val_loop.evaluator, runner.val_dataloader.dataset
    known = evaluator.directions(_patterns(dataset))
    if any(isinstance(hook, ValidationLossHook) for hook in runner.hooks):
        known |= dict.fromkeys(LOSS_KEYS, True)
    for place, key, rule in _watched(runner.hooks):
        if key not in known:
            if evaluator.unknown_keys:
                continue
            hint = (
                "turn it on by default_hooks.val_loss=dict(type='ValidationLossHook')"
            )
            hint = f' ({hint})' if key in LOSS_KEYS else ''
            raise UserError(
                f'{place}={key!r}: the validation gives no such figure{hint}; '
                f'{did_you_mean(key, known)}its figures are {", ".join(sorted(known))}.'
            )
        better = {True: 'less', False: 'greater'}.get(known[key], rule)  # type: ignore[arg-type]
        if rule != better:
            raise UserError(
                f'{place}={key!r} with rule={rule!r} would keep the worst; set '
                f'rule={better!r} beside it.'
            )


def _watched(hooks: Any) -> Iterator[tuple[str, str, str]]:
    """Config's key, figure and rule of what hooks watch."""
    for hook in hooks:
        if isinstance(hook, CheckpointHook) and hook.save_best:
            for key, rule in zip(hook.key_indicators, hook.rules, strict=True):
                if key != 'auto':
                    yield 'default_hooks.checkpoint.save_best', key, rule
        elif isinstance(hook, EarlyStoppingHook):
            yield f'{type(hook).__name__}.monitor', hook.monitor, hook.rule


def _patterns(dataset: Any) -> set[str]:
    """The availability patterns of a dataset's samples."""
    found: set[str] = set()
    for i in range(len(dataset)):
        paths = dataset.get_data_info(i)['frame_paths']
        found.add(availability({gas: gas in paths for gas in GASES}))
        if len(found) == len(AVAILABILITY):  # of a million samples, mostly
            break
    return found
