"""A model from a config and a checkpoint, and its predictions of frames."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from fume_mm.datasets.samplers import collate_samples
from fume_mm.datasets.transforms import LoadDualGasMasks
from fume_mm.engine.config import config_errors, first_line, load_config
from fume_mm.engine.fitting import disagreement
from fume_mm.errors import UserError
from fume_mm.io.images import Frame
from fume_mm.io.stretch import Limits
from fume_mm.io.weights import require_match, weights_of
from fume_mm.models.dual_gas_model import DualGasModel
from fume_mm.registry import MODELS, TRANSFORMS, use_scope
from fume_mm.structures import GASES, DualGasDataSample
from fume_mm.structures.dual_gas_result import DualGasResult, require_finite
from fume_mm.structures.labels import Labels
from fume_mm.structures.marks import dataset_note

from .fused_layers import fuse_layers
from .predictor import frames_of
from .trust.verdicts import TRUST, Trust, with_verdict


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
) -> DualGasModel:
    """The model of ``config``, ready for :func:`inference_model`.

    Args:
        config: A config or its path.
        checkpoint: Path of its weights; without, they are random.
        device: Where it shall run.

    Returns:
        The model in eval mode; ``model.cfg`` is the config and ``model.dataset_meta``
        the metainfo of the dataset it was trained on (empty where unknown);
        ``model.trust`` what tools/calibrate.py found (empty where it did not run).

    Raises:
        UserError: If the config cannot be built, the checkpoint does not belong to it
            or the device is not there.
    """
    use_scope()
    cfg = config if isinstance(config, Config) else load_config(str(config))
    with config_errors(cfg):
        model = MODELS.build(cfg.model)
    model.cfg = cfg
    model.dataset_meta, model.trust = {}, {}
    if checkpoint is not None:
        content = require_match(model, checkpoint)
        model.load_state_dict(weights_of(content))
        meta = content.get('meta', {})
        model.dataset_meta = meta.get('dataset_meta', {})
        model.trust = meta.get(TRUST, {})
    try:
        # channels last: convolutions, depthwise ones above all, need not reorder
        model.to(torch.device(device), memory_format=torch.channels_last)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f'device {str(device)!r} cannot be used ({first_line(error)}); '
            "'cpu' always can."
        ) from error
    fuse_layers(model)
    return model.eval()


def labels_of_model(model: DualGasModel) -> Labels:
    """What the classes of a model are, by its checkpoint, else by its config.

    Raises:
        UserError: If they are not as many as the model's heads have.
    """
    meta = model.dataset_meta
    if not meta.get('health_classes'):
        dataset = (model.cfg.get('test_dataloader') or {}).get('dataset') or {}
        meta = dataset.get('metainfo')
    labels = Labels.from_meta(meta)
    if problem := disagreement(model, labels.to_meta()):
        raise UserError(
            f'{model.cfg.filename}: its model and the classes that its checkpoint '
            f'or its config name disagree: {problem}.'
        )
    return labels


def inference_model(
    model: DualGasModel, co2: Frame | None = None, ch4: Frame | None = None
) -> DualGasDataSample:
    """Masks and health of one sample, by the pipeline that the config tests with.

    Args:
        model: As :func:`init_model` gives it.
        co2: A path or an array, see :func:`~fume_mm.io.images.read_gray`; None where
            it was not recorded.
        ch4: Likewise; the two may differ in size.

    Returns:
        The sample on the CPU, of each gas that was given ``pred_sem_seg`` (1, H, W) and
        ``seg_logits`` (C, H, W) at the frame's own size, and ``health_scores`` (C,),
        as far as the model has the heads for them.

    Raises:
        UserError: If no gas is given, or naming a frame that cannot be used.
    """
    predictor = TorchPredictor(model)
    item, _ = predictor.load(frames_of({'co2': co2, 'ch4': ch4}))
    return predictor.run([item])[0]


class TorchPredictor:
    """A model of :func:`init_model` as a :class:`.predictor.Predictor`."""

    def __init__(self, model: DualGasModel) -> None:
        use_scope()
        self.model = model
        dataset = model.cfg.test_dataloader.dataset
        with config_errors(model.cfg):
            steps = [TRANSFORMS.build(step) for step in dataset.pipeline]
        self.scale = dataset.get('scale')
        #: What the config tests with; there are no masks to load.
        self.pipeline = [x for x in steps if not isinstance(x, LoadDualGasMasks)]
        self.gases: tuple[str, ...] = getattr(model, 'gases', GASES)
        self.training_data = dataset_note(model.dataset_meta)
        self.labels = labels_of_model(model)
        known = getattr(model, 'trust', {})
        self.trust = Trust(known, self.training_data, self.labels)

    def predict(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool = False
    ) -> list[DualGasResult]:
        """See :meth:`.predictor.Predictor.predict`."""
        start = time.perf_counter()
        loaded = [
            self.load(frames_of(x, self.gases), name=x['name'], limits=x.get('limits'))
            for x in samples
        ]
        read = time.perf_counter()
        predicted = self.run([item for item, _ in loaded])
        number = max(len(samples), 1)
        infer = (time.perf_counter() - read) / number
        seconds = {'read': (read - start) / number, 'infer': infer}
        return [
            with_verdict(
                _result(
                    sample['name'],
                    pred,
                    probabilities,
                    seconds=seconds,
                    labels=self.labels,
                    **source,
                ),
                self.trust,
                given=sample,
                gases=self.gases,
            )
            for sample, pred, (_, source) in zip(
                samples, predicted, loaded, strict=True
            )
        ]

    def load(
        self,
        frames: Mapping[str, Frame],
        *,
        name: str | None = None,
        limits: Mapping[str, Limits] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Put a sample's frames through the pipeline; ``name`` is for messages.

        Returns:
            An item as the dataset gives it; and ``frames``, by gas (H, W) uint8 before
            resizing, and ``read_as``, by gas what was done to read it.
        """
        paths = {g: str(x) if isinstance(x, Path) else x for g, x in frames.items()}
        results: Any = {'frame_paths': paths, 'scale': self.scale}
        if limits:
            results['limits'] = dict(limits)
        if name is not None:
            results['sample_id'] = name
        source: dict[str, Any] = {}
        for step in self.pipeline:
            results = step(results)
            if not source and 'frames' in results:
                done = results.get('read_as', {})
                source['read_as'] = {gas: done[gas] for gas in done if done[gas]}
                source['frames'] = dict(results['frames'])
        return results, source

    def run(self, items: Sequence[Any]) -> list[DualGasDataSample]:
        """Predict items of :meth:`load`, in as few batches as their sizes allow."""
        predicted: list[Any] = [None] * len(items)
        for indices in _of_one_size([item['inputs'] for item in items]):
            with torch.no_grad():
                batch = collate_samples([items[i] for i in indices])
                for i, sample in zip(indices, self.model.test_step(batch), strict=True):
                    predicted[i] = sample.cpu()
        return predicted


def _of_one_size(inputs: Sequence[dict[str, torch.Tensor]]) -> list[list[int]]:
    """Indices of samples whose frames of a gas all have one size."""
    groups: dict[tuple[torch.Size, ...], list[int]] = {}
    for i, frames in enumerate(inputs):
        first = next(iter(frames.values())).shape
        sizes = (frames[gas].shape if gas in frames else first for gas in GASES)
        groups.setdefault(tuple(sizes), []).append(i)
    return list(groups.values())


def _result(
    name: str, sample: DualGasDataSample, probabilities: bool, **rest: Any
) -> DualGasResult:
    masks: dict[str, np.ndarray] = {}
    shares: dict[str, np.ndarray] = {}
    for gas in (gas for gas in GASES if gas in sample):
        part = sample.get(gas)
        if 'pred_sem_seg' not in part:  # no decode head, or none for this gas
            continue
        logits = part.seg_logits.data
        require_finite(logits, f'{name}, {gas}')
        masks[gas] = part.pred_sem_seg.data[0].numpy().astype(np.uint8, copy=False)
        if probabilities:
            shares[gas] = logits.float().softmax(dim=0).numpy()
    scores = sample.get('health_scores')
    health = None if scores is None else scores.float().numpy()
    return DualGasResult(name, masks, shares, health, **rest)
