"""Exported models without torch: NumPy, OpenCV and ONNX Runtime or OpenVINO."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.images import Frame, read_gray
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult

from .graph import METADATA_KEY, GraphInfo


class Engine(Protocol):
    """What runs a graph."""

    #: The file's description of itself; None without one.
    description: str | None

    def run(
        self, inputs: dict[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """The named outputs."""
        ...


class OnnxEngine:
    """ONNX Runtime on the CPU.

    Args:
        path: A ``.onnx`` file.
        threads: None is one per core.
    """

    # Threads that wait sleep. Spinning, the default, gains little where nothing else
    # runs; beside a camera's decoder and a video's encoder it takes their cores.
    _SPIN = 'session.intra_op.allow_spinning'

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        if threads:
            options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry(self._SPIN, '0')
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider']
        )
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.description = metadata.get(METADATA_KEY)

    def run(
        self, inputs: dict[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """The named outputs; others are not computed."""
        values = self.session.run(list(outputs), inputs)
        return dict(zip(outputs, values, strict=True))


class OpenVinoEngine:
    """OpenVINO on the CPU.

    Args:
        path: A ``.xml`` file with its ``.bin`` beside it.
        threads: None is OpenVINO's choice.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(str(path))
        self.description = None
        if model.has_rt_info([METADATA_KEY]):
            self.description = str(model.get_rt_info([METADATA_KEY]).astype(str))
        # float32 also where the processor would rather take bfloat16
        settings: dict[str, Any] = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': 'f32',
        }
        if threads:
            settings['INFERENCE_NUM_THREADS'] = threads
        self.compiled = core.compile_model(model, 'CPU', settings)

    def run(
        self, inputs: dict[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """The named outputs; the others stay where they are, uncopied."""
        found = self.compiled(inputs, share_inputs=True, share_outputs=True)
        return {name: found[name].copy() for name in outputs}


ENGINES: dict[str, Callable[[Path, int | None], Engine]] = {
    '.onnx': OnnxEngine,
    '.xml': OpenVinoEngine,
}


def open_engine(path: str | Path, threads: int | None = None) -> Engine:
    """The engine of an exported file, by its ending.

    Raises:
        UserError: If there is no such file or engine, or the file is broken.
    """
    path = Path(path)
    if path.suffix not in ENGINES:
        raise UserError(
            f'{path}: is not an exported model; give a .onnx or .xml file that '
            'tools/deployment/export.py wrote.'
        )
    if not path.is_file():
        raise UserError(f'{path}: there is no such file.')
    try:
        return ENGINES[path.suffix](path, threads)
    except ImportError as error:
        raise UserError(
            f'{path}: needs {error.name}; pip install '
            f'{"onnxruntime" if path.suffix == ".onnx" else "openvino"}.'
        ) from error
    except Exception as error:  # each engine has kinds of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f'{path}: cannot be loaded ({reason}); export it again.'
        ) from error


class ExportedModel:
    """A model that tools/deployment/export.py wrote.

    Examples:
        >>> model = ExportedModel('fume.onnx')
        >>> result = model(co2='co2.png', ch4='ch4.png')
        >>> result.health_class, result.areas()

    Args:
        path: The ``.onnx`` or ``.xml`` file.
        threads: Of the engine; None is its own choice.
        scale: (width, height) to resize frames to; None is the file's own. Only a file
            exported with ``--dynamic-size`` takes another.

    Attributes:
        info: What the file says of itself.
        scale: (width, height) that frames are resized to.
        gases: Those the model looks at.
        training_data: What must be said of the data that its weights learned from
            (``'simulated'``), or None.

    Raises:
        UserError: See :func:`open_engine` and :meth:`GraphInfo.from_json`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int | None = None,
        scale: tuple[int, int] | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise UserError(f'threads is {threads}; choose 1 or more, or None.')
        self.engine = open_engine(path, threads)
        self.info = GraphInfo.from_json(self.engine.description, path=str(path))
        self.scale = tuple(scale or self.info.scale)
        if self.info.fixed and self.scale != self.info.scale:
            width, height = self.info.scale
            raise UserError(
                f'{path}: takes {width}x{height} only; leave scale out, or export '
                'it with --dynamic-size.'
            )
        self.gases = self.info.gases
        learned = self.info.training_data
        self.training_data = None if learned == 'real' else learned

    def __call__(
        self, co2: Frame | None = None, ch4: Frame | None = None
    ) -> DualGasResult:
        """What the model says of one sample; frames as :func:`read_gray` takes them."""
        given = dict(zip(GASES, (co2, ch4), strict=True))
        if co2 is None and ch4 is None:
            raise UserError(
                'no frame was given; give a CO2 frame, a CH4 frame or both.'
            )
        start = time.perf_counter()
        sample: dict[str, Any] = {'name': 'sample'}
        for gas, frame in given.items():
            if frame is not None:
                sample[gas] = read_gray(frame, what=f'the {gas} frame')
        seconds = time.perf_counter() - start
        (result,) = self.predict([sample])
        result.seconds['read'] = seconds
        return result

    def predict(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool = False
    ) -> list[DualGasResult]:
        """What the model says of each sample; see ``results.Predictor``."""
        if not samples:
            return []
        start = time.perf_counter()
        inputs = self._stack(samples)
        found = self.engine.run(inputs, self._wanted(samples, probabilities))
        results = [
            self._result(sample, i, found, probabilities)
            for i, sample in enumerate(samples)
        ]
        share = (time.perf_counter() - start) / len(samples)
        for result in results:
            result.seconds['infer'] = share
        return results

    def _stack(self, samples: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
        width, height = self.scale
        present = np.zeros((len(samples), len(GASES)), bool)
        inputs = {
            gas: np.zeros((len(samples), 1, height, width), np.uint8)
            for gas in self.gases
        }
        for i, sample in enumerate(samples):
            for gas in self.gases:
                frame = sample.get(gas)
                if frame is None:
                    continue
                _require_gray(frame, gas, sample)
                present[i, GASES.index(gas)] = True
                if frame.shape == (height, width):
                    inputs[gas][i, 0] = frame
                else:
                    cv2.resize(frame, (width, height), dst=inputs[gas][i, 0])
            if not present[i].any():
                raise UserError(
                    f"sample '{sample.get('name')}' has no frame that the model looks "
                    f'at ({", ".join(self.gases)}); give one.'
                )
        return {**inputs, 'present': present}

    def _wanted(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool
    ) -> list[str]:
        """The outputs that these samples need, for engines that compute no others."""
        wanted = []
        for gas in self.gases:
            frames = [sample.get(gas) for sample in samples]
            fits = {x.shape == self.scale[::-1] for x in frames if x is not None}
            kinds = {'mask': True in fits, 'coarse': False in fits}
            kinds['logits'] = kinds['mask'] and probabilities
            wanted += [f'{gas}_{kind}' for kind in kinds if kinds[kind]]
        return [name for name in self.info.outputs if name in (*wanted, 'health')]

    def _result(
        self,
        sample: Mapping[str, Any],
        i: int,
        found: dict[str, np.ndarray],
        probabilities: bool,
    ) -> DualGasResult:
        masks: dict[str, np.ndarray] = {}
        shares: dict[str, np.ndarray] = {}
        for gas in self.gases:
            frame = sample.get(gas)
            if frame is None or f'{gas}_logits' not in self.info.outputs:
                continue
            if frame.shape == self.scale[::-1]:
                masks[gas] = found[f'{gas}_mask'][i]
                if probabilities:
                    shares[gas] = _softmax(found[f'{gas}_logits'][i])
                continue
            # enlarged once, from the decoder's size to the frame's, as the model does
            logits = _resize(found[f'{gas}_coarse'][i], frame.shape)
            masks[gas] = _classes(logits)
            if probabilities:
                shares[gas] = _softmax(logits)
        health = found['health'][i] if 'health' in found else None
        return DualGasResult(str(sample.get('name')), masks, shares, health, {})


def _require_gray(frame: Any, gas: str, sample: Mapping[str, Any]) -> None:
    if not isinstance(frame, np.ndarray):
        told = type(frame).__name__
    elif frame.dtype != np.uint8 or frame.ndim != 2 or not frame.size:
        told = f'{frame.dtype} of shape {frame.shape}'
    else:
        return
    raise UserError(
        f"sample '{sample.get('name')}': the {gas} frame is {told}; give (H, W) uint8 "
        'gray levels, which fume_mm.io.images.read_gray makes of other images.'
    )


def _resize(logits: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """(C, h, w) to (C, *size), bilinear with half-pixel centres, as PyTorch does."""
    height, width = size
    if logits.shape[1:] == (height, width):
        return logits
    return np.stack([cv2.resize(plane, (width, height)) for plane in logits])


def _classes(logits: np.ndarray) -> np.ndarray:
    """``argmax`` over the first axis, (H, W) uint8, in a fraction of NumPy's time."""
    best = logits[0].copy()
    classes = np.zeros(best.shape, np.uint8)
    for class_id in range(1, len(logits)):
        np.copyto(classes, np.uint8(class_id), where=logits[class_id] > best)
        np.maximum(best, logits[class_id], out=best)
    return classes


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=0, keepdims=True))
    return powers / powers.sum(axis=0, keepdims=True)
