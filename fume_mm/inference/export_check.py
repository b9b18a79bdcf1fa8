"""Whether an exported file gives what PyTorch gives."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from torch import Tensor

from fume_mm.engine.config import first_line
from fume_mm.errors import UserError
from fume_mm.io.digests import is_whole_zip
from fume_mm.io.images import Frame, read_gray
from fume_mm.models.layers import enlarge
from fume_mm.registry import DATASETS, EVALUATOR
from fume_mm.structures import GASES

from .exported import open_engine
from .graph import GraphInfo
from .predictor import Predictor
from .samples import SampleFrames, gather

#: Largest difference that is let pass, relative to the largest value.
TOLERANCE = 1e-3
#: Share of a mask's pixels that may differ: those where two classes are all but equal.
MASK_TOLERANCE = 1e-3
#: Of zeros: what their difference is relative to.
_SMALLEST = 1e-2
#: What a file of less precision must keep, and the metrics that tell.
SCORES = {
    'seg/mIoU': 'SegmentationMetric',
    'cls/balanced_accuracy': 'HealthMetric',
}

Inputs = tuple[Tensor, ...]


def patterns_of(gases: Sequence[str]) -> list[str]:
    """The gases that a sample of these may have: both, the one, the other."""
    return [' '.join(gases), *gases] if len(gases) > 1 else list(gases)


def random_inputs(
    model: Any, patterns: Sequence[str], size: tuple[int, int], *, seed: int = 0
) -> Inputs:
    """Random frames, one sample per pattern of gases, as the graph takes them.

    A frame that is not there is random, too.

    Args:
        model: Which has ``gases``.
        patterns: Per sample the gases that it has, ``'co2 ch4'``.
        size: (H, W).
        seed: Of the frames.
    """
    generator = torch.Generator().manual_seed(seed)
    options: Any = {'generator': generator, 'dtype': torch.uint8}
    shape = (len(patterns), 1, *size)
    frames = [torch.randint(256, shape, **options) for _ in model.gases]
    return (*frames, _present(patterns))


def real_inputs(
    model: Any, frames: Mapping[str, Frame], size: tuple[int, int]
) -> Inputs:
    """Real frames, once for each pattern of gases that can be made of them.

    Args:
        model: Which has ``gases``.
        frames: By gas, as :func:`~fume_mm.io.images.read_gray` takes them.
        size: (H, W) that they are resized to.

    Raises:
        UserError: Naming a frame that cannot be used, or if the model looks at none.
    """
    gases = [gas for gas in model.gases if gas in frames]
    if not gases:
        raise UserError(
            f'the model looks at {", ".join(model.gases)} only; give such a frame.'
        )
    patterns = patterns_of(gases)
    blank = np.zeros(size, np.uint8)
    rows = [
        cv2.resize(read_gray(frames[gas]), size[::-1]) if gas in gases else blank
        for gas in model.gases
    ]
    shape = (len(patterns), 1, *size)
    stacked = [torch.from_numpy(row).expand(shape) for row in rows]
    return (*stacked, _present(patterns))


def frames_of_test_set(cfg: Config, gases: Sequence[str]) -> dict[str, Frame]:
    """The frames of a sample of the config's test set, if that is on disk.

    Args:
        cfg: A whole config.
        gases: The sample has as many of them as any.

    Raises:
        UserError: If the set's list is broken, or a file it names.
    """
    samples = samples_of(cfg.test_dataloader.dataset)
    if not samples:
        return {}
    return max(samples, key=lambda sample: len({*sample.frames} & {*gases})).frames


def samples_of(dataset: Any) -> list[SampleFrames]:
    """The samples of a dataset of a config, none if it is not on disk.

    Raises:
        UserError: If its list is broken, or a file it names.
    """
    root = dataset.get('data_root', '')
    path = Path(dataset.get('ann_root') or root, dataset.get('ann_file', ''))
    return gather(str(path), root=root) if path.is_file() else []


def _present(patterns: Sequence[str]) -> Tensor:
    return torch.tensor([[gas in one.split() for gas in GASES] for one in patterns])


def reference(model: Any, inputs: Inputs) -> dict[str, np.ndarray]:
    """PyTorch's outputs, by its usual path: frames that are not there are not read."""
    *rows, present = inputs
    preprocessor = model.data_preprocessor
    frames = {
        gas: (x.float() - preprocessor.mean) / preprocessor.std
        for gas, x in zip(model.gases, rows, strict=True)
    }
    with torch.no_grad():
        out = model({**frames, 'present': present})
    outputs = {}
    if 'health' in out:
        outputs['health'] = out.pop('health').softmax(dim=1).numpy()
    for gas, logits in out.items():
        outputs[f'{gas}_logits'] = logits.numpy()
        outputs[f'{gas}_mask'] = logits.argmax(dim=1).numpy().astype(np.uint8)
    return outputs


def open_exported(
    path: str | Path, info: GraphInfo
) -> Callable[[Inputs], dict[str, np.ndarray]]:
    """An exported file, whatever its format, as a function from inputs to outputs."""
    if Path(path).suffix == '.pt2':
        if not is_whole_zip(Path(path)):
            raise UserError(
                f'{path}: is cut short, or no exported program; export it again.'
            )
        module = torch.export.load(str(path)).module()

        @torch.no_grad()
        def run(inputs: Inputs) -> dict[str, np.ndarray]:
            values = [x.numpy() for x in module(*inputs)]
            return dict(zip(info.outputs, values, strict=True))

        return run
    engine = open_engine(path)
    names = (*info.gases, 'present')
    return lambda inputs: engine.run(
        {n: np.ascontiguousarray(x) for n, x in zip(names, inputs, strict=True)},
        info.outputs,
    )


def check_export(
    model: Any, path: str | Path, info: GraphInfo, samples: Mapping[str, Inputs]
) -> dict[str, dict[str, float]]:
    """Hold an exported file against PyTorch.

    Args:
        model: What was exported; of ``info.half``,
            :func:`~fume_mm.inference.export.with_half_weights` of it.
        path: The file.
        info: What it says of itself.
        samples: By name, inputs as the graph takes them.

    Returns:
        By name and output the largest difference, relative to the largest value; of
        masks, the share of pixels that differ.

    Raises:
        UserError: If one is beyond what rounding explains, or the file cannot be run.
    """
    run = open_exported(path, info)
    differences = {}
    for name, inputs in samples.items():
        expected = reference(model, inputs)
        try:
            outputs = run(inputs)
        except Exception as error:  # each engine has kinds of its own
            raise UserError(
                f'{path}: cannot be run on {name} ({first_line(error)}); the file is '
                'not kept.'
            ) from error
        differences[name] = compare(expected, outputs)
        for output, value in differences[name].items():
            limit = MASK_TOLERANCE if output.endswith('_mask') else TOLERANCE
            if not value <= limit:  # also NaN
                raise UserError(
                    f'{path}: on {name}, {output} differs from PyTorch by {value:.2g} '
                    f'(allowed {limit:g}); the file is not kept.'
                )
    return differences


def compare(
    expected: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """The differences of :func:`check_export` for one batch.

    ``expected`` is of :func:`reference`, ``outputs`` are the file's, whose
    ``<gas>_coarse`` is enlarged and held against the logits.
    """
    differences = {}
    for name, value in outputs.items():
        # of a gas that no sample has PyTorch gives nothing, the file zeros
        truth = expected.get(name.replace('_coarse', '_logits'), np.zeros_like(value))
        if name.endswith('_mask'):
            differences[name] = float((truth != value).mean())
            continue
        if value.shape != truth.shape:
            value = enlarge(torch.from_numpy(value), truth.shape[2:]).numpy()
        scale = max(float(np.abs(truth).max()), _SMALLEST)
        differences[name] = float(np.abs(truth - value).max()) / scale
    return differences


def scores_on_test_set(cfg: Config, predictor: Predictor) -> dict[str, float]:
    """The metrics of :data:`SCORES` on the config's test set, in points.

    Args:
        cfg: A whole config.
        predictor: What predicts.

    Raises:
        UserError: If the test set is not on disk, or has no truth.
    """
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    metrics = [m for m in cfg.test_evaluator.metrics if m['type'] in SCORES.values()]
    evaluator = EVALUATOR.build({**cfg.test_evaluator, 'metrics': metrics})
    evaluator.dataset_meta = dataset.metainfo
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        frames = {'name': sample.sample_id, 'limits': sample.get('limits', {})}
        (result,) = predictor.predict([{**frames, **sample.frame_paths}])
        for gas, mask in result.masks.items():
            data = torch.from_numpy(mask)[None].long()
            sample.get(gas).pred_sem_seg = PixelData(data=data)
        if result.health_scores is not None:
            sample.set_health_scores(torch.from_numpy(result.health_scores))
        evaluator.process([sample])
    found = evaluator.evaluate(len(dataset))
    return {name: 100 * found[name] for name in SCORES if name in found}
