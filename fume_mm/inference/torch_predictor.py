"""A model from a config and a checkpoint, and what it says of frames."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config

from fume_mm.datasets.samplers import collate_samples
from fume_mm.datasets.transforms import LoadDualGasFrames, LoadDualGasMasks
from fume_mm.engine.config import config_errors, first_line, load_config
from fume_mm.errors import UserError
from fume_mm.io.images import Frame, read_gray
from fume_mm.io.weights import require_match, weights_of
from fume_mm.models.dual_gas_model import DualGasModel
from fume_mm.registry import MODELS, TRANSFORMS, register_all_modules
from fume_mm.structures import GAS_LABELS, GASES, DualGasDataSample
from fume_mm.structures.dual_gas_result import DualGasResult
from fume_mm.structures.marks import dataset_note


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
        the metainfo of the dataset it was trained on (empty where unknown).

    Raises:
        UserError: If the config cannot be built, the checkpoint does not belong to it
            or the device is not there.
    """
    register_all_modules()
    cfg = config if isinstance(config, Config) else load_config(str(config))
    with config_errors(cfg):
        model = MODELS.build(cfg.model)
    model.cfg = cfg
    model.dataset_meta = {}
    if checkpoint is not None:
        content = require_match(model, checkpoint)
        model.load_state_dict(weights_of(content))
        model.dataset_meta = content.get('meta', {}).get('dataset_meta', {})
    try:
        model.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f'device {str(device)!r} cannot be used ({first_line(error)}); '
            "'cpu' always can."
        ) from error
    return model.eval()


def inference_model(
    model: DualGasModel, co2: Frame | None = None, ch4: Frame | None = None
) -> DualGasDataSample:
    """Masks and health of one sample.

    The frames go through the pipeline that the config tests with, except for the
    loading of masks.

    Args:
        model: As :func:`init_model` gives it.
        co2: Path of the CO2 frame or the frame itself, as
            :func:`~fume_mm.io.images.read_gray` takes it; None where it was
            not recorded.
        ch4: Likewise; the two may differ in size.

    Returns:
        The sample on the CPU, of each gas that was given ``pred_sem_seg`` (1, H, W) and
        ``seg_logits`` (3, H, W) at the frame's own size, and ``health_scores`` (3,),
        as far as the model has the heads for them.

    Raises:
        UserError: If no gas is given, or naming a frame that cannot be used.
    """
    given: dict[str, Frame | None] = {'co2': co2, 'ch4': ch4}
    frames: dict[str, np.ndarray] = {
        gas: read_gray(frame, what=f'the {gas} frame')
        for gas, frame in given.items()
        if frame is not None
    }
    if not frames:
        raise UserError('no frame was given; give a CO2 frame, a CH4 frame or both.')
    paths: dict[str, str | None] = {
        gas: None if isinstance(given[gas], np.ndarray) else str(given[gas])
        for gas in frames
    }
    return TorchPredictor(model).samples([frames], paths=[paths])[0]


class TorchPredictor:
    """A model of :func:`init_model` as a predictor of many samples.

    The protocol is :class:`fume_mm.structures.dual_gas_result.Predictor`.

    Args:
        model: It is not changed.
    """

    def __init__(self, model: DualGasModel) -> None:
        self.model = model
        with config_errors(model.cfg):
            dataset = model.cfg.test_dataloader.dataset
            steps = [TRANSFORMS.build(step) for step in dataset.pipeline]
        loading = (LoadDualGasFrames, LoadDualGasMasks)
        self.pipeline = Compose(
            [step for step in steps if not isinstance(step, loading)]
        )
        #: What the model looks at.
        self.gases: tuple[str, ...] = getattr(model, 'gases', GASES)
        #: What the model was trained on, in a few words; None if there is no need.
        self.training_data: str | None = dataset_note(model.dataset_meta)

    def predict(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool = False
    ) -> list[DualGasResult]:
        """See :meth:`fume_mm.structures.dual_gas_result.Predictor.predict`."""
        start = time.perf_counter()
        frames = []
        for sample in samples:
            own: dict[str, np.ndarray] = {
                gas: sample[gas] for gas in GASES if sample.get(gas) is not None
            }
            if not any(gas in own for gas in self.gases):
                names = ' or '.join(GAS_LABELS[gas] for gas in self.gases)
                raise UserError(
                    f'{sample["name"]}: has no {names} frame, and the model looks at '
                    'no other; give one, or another model.'
                )
            frames.append(own)
        predicted = self.samples(frames)
        seconds = (time.perf_counter() - start) / max(len(samples), 1)
        return [
            _result(sample['name'], said, seconds, probabilities)
            for sample, said in zip(samples, predicted, strict=True)
        ]

    def samples(
        self,
        frames: Sequence[dict[str, np.ndarray]],
        *,
        paths: Sequence[dict[str, str | None]] | None = None,
    ) -> list[DualGasDataSample]:
        """:func:`inference_model` of several samples, in as few batches as sizes allow.

        Args:
            frames: By gas, (H, W) uint8, at least one per sample.
            paths: Where they were read from.
        """
        items = [
            self.pipeline(
                {
                    'frames': dict(own),
                    'ori_shape': {gas: frame.shape for gas, frame in own.items()},
                    'frame_paths': paths[i] if paths else dict.fromkeys(own),
                }
            )
            for i, own in enumerate(frames)
        ]
        predicted: list[Any] = [None] * len(items)
        for indices in _of_one_size([item['inputs'] for item in items]):
            with torch.no_grad():
                batch = collate_samples([items[i] for i in indices])
                for i, sample in zip(indices, self.model.test_step(batch), strict=True):
                    predicted[i] = sample.cpu()
        return predicted


def _of_one_size(inputs: Sequence[dict[str, torch.Tensor]]) -> list[list[int]]:
    """Indices of samples whose frames of a gas all have one size."""
    groups: list[tuple[dict[str, torch.Size], list[int]]] = []
    for i, own in enumerate(inputs):
        sizes = {gas: frame.shape for gas, frame in own.items()}
        for known, indices in groups:
            if all(known.get(gas, size) == size for gas, size in sizes.items()):
                known.update(sizes)
                indices.append(i)
                break
        else:
            groups.append((sizes, [i]))
    return [indices for _, indices in groups]


def _result(
    name: str, sample: DualGasDataSample, seconds: float, probabilities: bool
) -> DualGasResult:
    masks: dict[str, np.ndarray] = {}
    shares: dict[str, np.ndarray] = {}
    for gas in (gas for gas in GASES if gas in sample):
        part = sample.get(gas)
        if 'pred_sem_seg' not in part:  # no decode head, or none for this gas
            continue
        masks[gas] = part.pred_sem_seg.data[0].numpy().astype(np.uint8)
        if probabilities:
            shares[gas] = part.seg_logits.data.float().softmax(dim=0).numpy()
    scores = sample.get('health_scores')
    return DualGasResult(
        name,
        masks,
        shares,
        None if scores is None else scores.float().numpy(),
        {'infer': seconds},
    )
