"""What TensorBoard can show beside scalars and pictures."""

import warnings
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.visualization import TensorboardVisBackend

from fume_mm.models.dual_gas_model import DenseForward, DualGasModel
from fume_mm.registry import HOOKS

from ..config import first_line
from ..fitting import bare_model

#: Size of the frames that the graph is drawn with.
GRAPH_SIZE = (96, 128)
#: A run's figure on the page of hyper-parameters: the best of its validations.
RANKED = ('joint/score', 'seg/mIoU', 'cls/balanced_accuracy')


@HOOKS.register_module()
class TensorboardHook(Hook):
    """Graph of the model, precision-recall curves and hyper-parameters.

    The graph is that of dense rows with a sample of both gases, drawn once before
    training; precision-recall curves of each health class against the others after each
    validation, at its iteration; hyper-parameters with the best figures when training
    ends. Without TensorBoard among the visualizer's backends it does nothing.
    """

    priority = 'LOW'

    def __init__(self) -> None:
        self._best: dict[str, float] = {}

    def before_train(self, runner: Any) -> None:
        """Draw the graph."""
        writer, model = summary_writer(runner), bare_model(runner.model)
        if writer is None or not isinstance(model, DualGasModel):
            return
        training = model.training
        device = next(model.parameters()).device
        frames = torch.zeros(len(model.gases), 1, 1, *GRAPH_SIZE, device=device)
        present = torch.ones(1, 2, dtype=torch.bool, device=device)
        model.eval()
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter('ignore')  # tracing's, about shapes
                inputs = (*frames, present)
                # not traced a second time to compare: only the graph is kept
                traced = torch.jit.trace(DenseForward(model), inputs, check_trace=False)
                writer.add_graph(traced, inputs)
        except (RuntimeError, TypeError, ValueError) as error:
            # a picture of the model is not worth a run
            runner.logger.warning(
                f'TensorBoard has no graph of the model: {first_line(error)}'
            )
        finally:
            model.train(training)

    def after_val_epoch(
        self, runner: Any, metrics: dict[str, float] | None = None
    ) -> None:
        """Draw the curves, and remember the best figures."""
        for key in RANKED:
            value = (metrics or {}).get(key)
            if value is not None and value > self._best.get(key, float('-inf')):
                self._best[key] = float(value)
        writer = summary_writer(runner)
        scores = getattr(runner.val_loop.evaluator, 'scores', None)
        table = getattr(scores, 'table', None)
        if writer is None or scores is None or table is None:
            return
        labels = scores.labels
        for name, column in zip(
            labels.health_classes, labels.score_columns, strict=True
        ):
            if column in table and table[column].notna().any():
                true = (table['true_class'] == name).to_numpy()
                ranked = table[column].to_numpy(float)
                writer.add_pr_curve(f'val/{name}', true, ranked, runner.iter)

    def after_train(self, runner: Any) -> None:
        """Write the hyper-parameters."""
        writer = summary_writer(runner)
        if writer is None or not self._best:
            return
        figures = {f'best/{key}': value for key, value in self._best.items()}
        writer.add_hparams(hyper_parameters(runner), figures, run_name='.')


def hyper_parameters(runner: Any) -> dict[str, str | int | float]:
    """What runs are usually compared by."""
    cfg = runner.cfg
    optimizer = cfg.optim_wrapper.get('optimizer') or {}  # the forest has none
    return {
        'config': Path(cfg.filename or 'config').stem,
        'seed': int(runner.seed),
        'optimizer': str(optimizer.get('type')),
        'lr': float(optimizer.get('lr', float('nan'))),
        'weight_decay': float(optimizer.get('weight_decay', 0.0)),
        'batch_size': int(cfg.train_dataloader.batch_size),
        'epochs': int(runner.max_epochs),
        'neck': str((cfg.model.get('neck') or {}).get('type')),
        'parameters': sum(p.numel() for p in runner.model.parameters()),
    }


def summary_writer(runner: Any) -> Any:
    """TensorBoard's SummaryWriter of the run, on the main process."""
    if not is_main_process():
        return None
    for backend in runner.visualizer._vis_backends.values():
        if isinstance(backend, TensorboardVisBackend):
            return backend.experiment
    return None
