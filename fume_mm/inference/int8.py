"""Convolutions of an ONNX file in whole numbers of 8 bits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from fume_mm.errors import UserError

from .export_check import Inputs, real_inputs, samples_of

#: Samples that show what values the maps have.
_SAMPLES = 32
#: Parts that stay in floating point: attention, fusion, health, the mask's logits. So
#: do the channels' gates and the norms' remains, which are no convolutions.
_FLOATING = ('model.neck', 'model.health_head', '.attention', '.conv_seg')


def calibration_inputs(
    cfg: Config, model: Any, size: tuple[int, int]
) -> tuple[Inputs, ...]:
    """Training frames of a config as the graph takes them, one sample each.

    Args:
        cfg: A whole config.
        model: Which has ``gases``.
        size: (H, W) of the frames.

    Raises:
        UserError: If the training set is not on disk.
    """
    loader = cfg.get('train_dataloader')
    samples = samples_of(loader.dataset) if loader else []
    wanted = {*model.gases}
    samples = [sample for sample in samples if wanted & {*sample.frames}]
    if not samples:
        raise UserError(
            f'{cfg.filename}: int8 is calibrated on frames of the training set, and '
            'train_dataloader.dataset names none that is on disk; set its data_root.'
        )
    picked = np.linspace(0, len(samples) - 1, min(_SAMPLES, len(samples)))
    # the first pattern has all the gases that there are
    batches = (real_inputs(model, samples[int(i)].frames, size) for i in picked.round())
    return tuple(tuple(x[:1] for x in batch) for batch in batches)


def quantise(path: Path, names: Sequence[str], inputs: Sequence[Inputs]) -> None:
    """Let the convolutions of an ONNX file compute in int8, in place.

    ONNX Runtime's static quantisation, weights by output channel, maps between the
    least and the largest value that ``inputs`` show. Seven bits of the weights, as
    processors without VNNI saturate with eight.

    Args:
        path: The file.
        names: Of its inputs.
        inputs: Their values, of several calls.
    """
    import onnx
    from onnxruntime import quantization

    nodes = onnx.load(str(path)).graph.node
    floating = [node.name for node in nodes if _stays(node)]
    calls = iter(inputs)

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            values = next(calls, None)
            if values is None:
                return None
            arrays = (torch.Tensor.numpy(x) for x in values)
            return dict(zip(names, map(np.ascontiguousarray, arrays), strict=True))

    quantization.quantize_static(
        str(path),
        str(path),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=['Conv'],
        per_channel=True,
        reduce_range=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        nodes_to_exclude=floating,
    )


def _stays(node: Any) -> bool:
    scopes = {entry.key: entry.value for entry in node.metadata_props}
    return any(part in scopes.get('namespace', '') for part in _FLOATING)
