"""Exported models without torch: NumPy, OpenCV and ONNX Runtime or OpenVINO."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.digests import is_sealed
from fume_mm.io.images import Frame
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult, require_finite

from .graph import METADATA_KEY, GraphInfo, is_small, precision_of
from .predictor import read_frames
from .trust.verdicts import Trust, with_verdict


@dataclass
class Engine:
    """What runs a graph on the CPU.

    Attributes:
        description: The file's description of itself; None without one.
        run: Inputs by name and names of outputs in, these outputs by name out; others
            are not computed or not copied.
        bfloat16: Whether it computes in that.
    """

    description: str | None
    run: Callable[[dict[str, np.ndarray], Sequence[str]], dict[str, np.ndarray]]
    bfloat16: bool = False


def _open_onnx(path: Path, threads: int | None) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0 is its own choice
    options.log_severity_level = 3
    # Threads that wait sleep. Spinning, the default, gains little where nothing else
    # runs; beside a camera's decoder and a video's encoder it takes their cores.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    session = onnxruntime.InferenceSession(
        str(path), options, providers=['CPUExecutionProvider']
    )

    def run(
        inputs: dict[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        return dict(zip(outputs, session.run(list(outputs), inputs), strict=True))

    metadata = session.get_modelmeta().custom_metadata_map
    return Engine(metadata.get(METADATA_KEY), run)


def _open_openvino(path: Path, threads: int | None) -> Engine:
    import openvino

    core = openvino.Core()
    model = core.read_model(str(path))
    description = None
    if model.has_rt_info([METADATA_KEY]):
        description = str(model.get_rt_info([METADATA_KEY]).astype(str))
    # float32 also where the processor would rather take bfloat16, but where it was
    # asked for; a processor that has none takes float32 then
    kind = 'bf16' if precision_of(description) == 'bf16' else 'f32'
    settings: dict[str, Any] = {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': kind,
    }
    if threads:
        settings['INFERENCE_NUM_THREADS'] = threads
    compiled = core.compile_model(model, 'CPU', settings)

    def run(
        inputs: dict[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        values = compiled(inputs, share_inputs=True, share_outputs=True)
        return {name: values[name].copy() for name in outputs}

    bfloat16 = 'bfloat16' in str(compiled.get_property('INFERENCE_PRECISION_HINT'))
    return Engine(description, run, bfloat16=bfloat16)


ENGINES = {'.onnx': _open_onnx, '.xml': _open_openvino}


def open_engine(path: str | Path, threads: int | None = None) -> Engine:
    """The engine of an exported file, by its ending.

    Raises:
        UserError: If there is no such file or engine, or the file is damaged. One
            without a digest is opened; :meth:`.graph.GraphInfo.from_json` refuses it.
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
        weights = (
            path.with_suffix('.bin').read_bytes() if path.suffix == '.xml' else b''
        )
        is_sealed(path.read_bytes(), path, weights)
        return ENGINES[path.suffix](path, threads)
    except UserError:
        raise
    except ImportError as error:
        package = 'onnxruntime' if path.suffix == '.onnx' else 'openvino'
        raise UserError(
            f'{path}: needs {error.name}; pip install {package}.'
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
        gases: Those the model looks at.
        labels: What its classes are.
        training_data: What its weights learned from (``'simulated'``); None for real
            frames, and where it is not known.
        trust: How far its verdicts go, as its file knows.

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
        self.path = str(path)
        self.engine = open_engine(path, threads)
        self.info = GraphInfo.from_json(self.engine.description, path=str(path))
        self.scale = tuple(scale or self.info.scale)
        if self.info.fixed and self.scale != self.info.scale:
            width, height = self.info.scale
            raise UserError(
                f'{path}: takes {width}x{height} only; leave scale out, or export '
                'it with --dynamic-size.'
            )
        self._outputs = [name for name in self.info.outputs if is_small(name)]
        self.gases = self.info.gases
        self.labels = self.info.labels
        learned = self.info.training_data
        self.training_data = None if learned == 'real' else learned
        self.trust = Trust(self.info.trust or {}, self.training_data, self.labels)

    def __call__(
        self, co2: Frame | None = None, ch4: Frame | None = None
    ) -> DualGasResult:
        """Predict one sample; frames as :func:`read_frame` takes them."""
        return self.predict([{'name': 'sample', 'co2': co2, 'ch4': ch4}])[0]

    def predict(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool = False
    ) -> list[DualGasResult]:
        """See :meth:`.predictor.Predictor.predict`."""
        if not samples:
            return []
        start = time.perf_counter()
        loaded = [read_frames(sample, self.gases) for sample in samples]
        read = time.perf_counter()
        frames = [x for x, _ in loaded]
        outputs = self._run(self._stack(frames))
        results = []
        for i, sample in enumerate(samples):
            of_sample = {name: values[i] for name, values in outputs.items()}
            name = str(sample.get('name'))
            result = self._result(name, *loaded[i], of_sample, probabilities)
            results.append(
                with_verdict(result, self.trust, given=sample, gases=self.gases)
            )
        infer = time.perf_counter() - read
        for result in results:
            result.seconds['read'] = (read - start) / len(samples)
            result.seconds['infer'] = infer / len(samples)
        return results

    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the engine gives, if it is what the file says that it gives."""
        try:
            outputs = self.engine.run(inputs, self._outputs)
            problem = None
        except Exception as error:  # each engine has kinds of its own
            outputs, problem = {}, (str(error).strip().splitlines() or ['?'])[0]
        for name, values in outputs.items():
            whose = 'health_classes' if name == 'health' else 'classes'
            number = len(getattr(self.info, whose))
            if values.shape[1] != number:
                problem = f'{name} has {values.shape[1]} classes, {whose} {number}'
        if problem:
            raise UserError(
                f'{self.path}: is not what it says of itself ({problem}); export it '
                'again.'
            )
        return outputs

    def _stack(self, frames: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Any]:
        shape = len(frames), 1, *self.scale[::-1]
        inputs = {gas: np.zeros(shape, np.uint8) for gas in self.gases}
        for i, sample in enumerate(frames):
            for gas in sample.keys() & inputs.keys():
                cv2.resize(sample[gas], self.scale, dst=inputs[gas][i, 0])
        present = [[gas in x and gas in inputs for gas in GASES] for x in frames]
        return {**inputs, 'present': np.array(present)}

    def _result(
        self,
        name: str,
        frames: dict[str, np.ndarray],
        read_as: dict[str, str],
        outputs: dict[str, np.ndarray],
        probabilities: bool,
    ) -> DualGasResult:
        masks: dict[str, np.ndarray] = {}
        shares: dict[str, np.ndarray] = {}
        for gas in (gas for gas in self.gases if gas in frames):
            coarse = outputs.get(f'{gas}_coarse')
            if coarse is None:
                continue
            require_finite(coarse, f'{name}, {gas}')
            # enlarged once, from the decoder's size to the frame's, as the model;
            # bilinear with half-pixel centres, as PyTorch does. In the graph it takes
            # a fifth of an engine's time, here a sixth of that.
            size = frames[gas].shape[::-1]
            logits = np.stack([cv2.resize(plane, size) for plane in coarse])
            masks[gas] = _classes(logits)
            if probabilities:
                shares[gas] = _softmax(logits)
        health = outputs.get('health')
        return DualGasResult(
            name,
            masks,
            shares,
            health,
            frames=frames,
            read_as=read_as,
            labels=self.labels,
        )


def _classes(logits: np.ndarray) -> np.ndarray:
    """``argmax`` over the first axis, (H, W) uint8, in a fraction of NumPy's time."""
    best = logits[0].copy()
    classes = np.zeros(best.shape, np.uint8)
    for class_id in range(1, len(logits)):
        np.copyto(classes, np.uint8(class_id), where=logits[class_id] > best)
        np.maximum(best, logits[class_id], out=best)
    return classes


def _softmax(logits: Any) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=0, keepdims=True))
    return powers / powers.sum(axis=0, keepdims=True)
