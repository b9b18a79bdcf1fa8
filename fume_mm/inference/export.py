"""A model as one graph that other programs run: ONNX, OpenVINO, torch.export."""

import copy
import logging
import tempfile
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from fume_mm.engine.config import first_line
from fume_mm.errors import UserError
from fume_mm.io.digests import seal
from fume_mm.io.provenance import file_sha256
from fume_mm.models.layers import enlarge
from fume_mm.models.rows import DenseRows
from fume_mm.structures.marks import dataset_note
from fume_mm.version import __version__

from .export_check import Inputs, patterns_of, random_inputs
from .graph import METADATA_KEY, GraphInfo, output_names
from .int8 import calibration_inputs, quantise
from .torch_predictor import labels_of_model

#: Format: ending of its file.
FORMATS = {'onnx': '.onnx', 'openvino': '.xml', 'exported-program': '.pt2'}
#: Format: packages that writing it needs.
NEEDS = {
    'onnx': ('onnx', 'onnxscript', 'onnxruntime'),
    'openvino': ('onnx', 'onnxscript', 'openvino'),
    'exported-program': (),
}
#: What a file may compute in: the formats that can, beside fp32.
PRECISIONS: dict[str, tuple[str, ...]] = {
    'fp32': tuple(FORMATS),
    'bf16': ('openvino',),
    'int8': ('onnx', 'openvino'),
}
#: Models that have no graph, and why.
CANNOT = {
    'RandomForestModel': 'is a forest of decision trees on hand-made features, no '
    'network; it is used through its config',
}


class ExportGraph(nn.Module):
    """A DualGasModel with its normalisation, on tensors alone.

    Args:
        model: In eval mode.
        full_size: Whether logits and masks of the frames' size are outputs, too.
    """

    def __init__(self, model: Any, *, full_size: bool = False) -> None:
        super().__init__()
        self.model = model
        self.full_size = full_size
        self.mean = float(model.data_preprocessor.mean)
        self.std = float(model.data_preprocessor.std)
        self.names = output_names(
            model.gases,
            masks=model.decode_head is not None,
            health=model.health_head is not None,
            full_size=full_size,
        )

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """See :mod:`fume_mm.inference.graph`."""
        *frames, present = inputs
        normal = {
            gas: (x.float() - self.mean) / self.std
            for gas, x in zip(self.model.gases, frames, strict=True)
        }
        rows = DenseRows(present)
        masks, fused = self.model.run(normal, rows)
        outputs: list[Tensor] = []  # in the order of output_names
        for gas, logits in masks.items():
            coarse = rows.stream(gas, logits)
            if self.full_size:
                full = enlarge(coarse.float(), normal[gas].shape[2:])
                outputs += [full, _classes(full)]
            outputs.append(coarse)
        if self.model.health_head is not None:
            health = self.model.health_head(fused, masks, rows)
            outputs.append(health.softmax(dim=1))
        return tuple(outputs)


def _classes(logits: Tensor) -> Tensor:
    """``argmax`` over dimension 1, uint8; engines compare faster than they sort."""
    best = logits[:, 0]
    classes = torch.zeros_like(best, dtype=torch.uint8)
    for class_id in range(1, logits.shape[1]):
        classes = torch.where(logits[:, class_id] > best, class_id, classes)
        best = torch.maximum(best, logits[:, class_id])
    return classes.to(torch.uint8)


class HalfStored(nn.Module):
    """A graph whose weights are half as large in a file; it computes in float32.

    Computing in half precision, too, takes a third longer with ONNX Runtime on a
    processor, which has it for few operations and converts before and after. What is
    one number per channel (norms, biases) is small and stays float32.

    Args:
        graph: The graph; it is not changed.
    """

    def __init__(self, graph: ExportGraph) -> None:
        super().__init__()
        self.names = graph.names
        self._graph = (graph,)  # in a tuple, so that its weights are not this module's
        tensors = dict([*graph.named_parameters(), *graph.named_buffers()])
        self._stored = {name: f'value_{i}' for i, name in enumerate(tensors)}
        for name, value in tensors.items():
            halved = value.half() if _is_weight(value) else value
            self.register_buffer(self._stored[name], halved.detach())

    def forward(self, *inputs: Tensor) -> Any:
        """See :class:`ExportGraph`."""
        values = {}
        for name, key in self._stored.items():
            value = getattr(self, key)
            values[name] = value.float() if value.dtype == torch.half else value
        return torch.func.functional_call(self._graph[0], values, inputs)


def _is_weight(value: Tensor) -> bool:
    return value.dtype == torch.float32 and value.ndim > 1


def with_half_weights(model: Any) -> Any:
    """A copy of ``model`` whose weights have lost what :class:`HalfStored` loses."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            if _is_weight(value):
                value.copy_(value.half())
    return model


def require_exportable(cfg: Config, form: str, precision: str = 'fp32') -> None:
    """Say at once what an export would fail of.

    Raises:
        UserError: If the config's model has no graph, or naming packages that the
            format needs and that are not installed.
    """
    absent = [name for name in NEEDS[form] if find_spec(name) is None]
    if absent:
        raise UserError(
            f'format {form} needs {", ".join(absent)}; pip install {" ".join(absent)}.'
        )
    if form not in PRECISIONS[precision]:
        can = ' or '.join(PRECISIONS[precision])
        raise UserError(f'format {form} has no {precision}; choose --format {can}.')
    kind = cfg.model.type
    if kind in CANNOT:
        raise UserError(
            f'{cfg.filename}: {kind} cannot be exported: it {CANNOT[kind]}.'
        )


def export_model(
    model: Any,
    path: str | Path,
    *,
    form: str,
    scale: tuple[int, int],
    dynamic_size: bool = False,
    half: bool = False,
    precision: str = 'fp32',
    full_size: bool = False,
    checkpoint: str | None = None,
) -> GraphInfo:
    """Write a model to a file.

    Args:
        model: As :func:`~fume_mm.apis.init_model` gives it, on the CPU.
        path: The file; an OpenVINO model has a ``.bin`` beside it.
        form: A key of :data:`FORMATS`.
        scale: (width, height) of the frames.
        dynamic_size: Let the graph take other sizes, too.
        half: Store the weights in half precision.
        precision: What the file shall compute in, see :data:`PRECISIONS`.
        full_size: Let it give logits and masks of the frames' size, too.
        checkpoint: The file of its weights, for the record.

    Returns:
        What the file says of itself.

    Raises:
        UserError: If the model cannot be exported, see also
            :func:`require_exportable`.
    """
    require_exportable(model.cfg, form, precision)
    frames = None
    if precision == 'int8':
        frames = calibration_inputs(model.cfg, model, scale[::-1])
    graph: Any = ExportGraph(model.eval(), full_size=full_size)
    if half:
        graph = HalfStored(graph)
    known, labels = model.dataset_meta, labels_of_model(model)
    real = 'real' if known.get('simulated') is False else None
    info = GraphInfo(
        gases=tuple(model.gases),
        outputs=tuple(graph.names),
        scale=scale,
        fixed=not dynamic_size,
        config=Path(model.cfg.filename or 'config').name,
        training_data=dataset_note(known) or real,
        checkpoint_sha256=file_sha256(checkpoint) if checkpoint else None,
        fume_mm=__version__,
        half=half,
        precision=precision,
        classes=labels.seg_classes,
        palette=labels.seg_palette,
        health_classes=labels.health_classes,
        trust=getattr(model, 'trust', None) or None,
    )
    # two samples: an export takes a batch of one for a fixed one
    example = random_inputs(model, patterns_of(model.gases)[:1] * 2, scale[::-1])
    batch = torch.export.Dim('batch')
    axes = {0: batch}
    if dynamic_size:
        axes |= dict.fromkeys((2, 3), torch.export.Dim.DYNAMIC)
    shapes = (*(dict(axes) for _ in model.gases), {0: batch})
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter('ignore')
            program = torch.export.export(graph, example, dynamic_shapes=(shapes,))
            WRITERS[form](program, Path(path), info, frames)
        _seal(Path(path))
    except OSError as error:
        raise UserError(
            f'{path}: cannot be written ({error.strerror}); name another file.'
        ) from error
    except Exception as error:  # the exporter's own kinds of refusal are many
        listed = 'docs/deployment.md lists the models that can.'
        raise UserError(
            f'{info.config}: cannot be exported as {form}: {first_line(error)}; '
            + ('try a fixed size.' if dynamic_size else listed)
        ) from error
    return info


def describe_file(path: Path, info: GraphInfo) -> None:
    """Put ``info`` into an exported ONNX or OpenVINO file, in place of what it said."""
    if path.suffix == '.onnx':
        import onnx

        model = onnx.load(str(path))
        known = {entry.key: entry.value for entry in model.metadata_props}
        onnx.helper.set_model_props(model, {**known, METADATA_KEY: info.to_json()})
        onnx.save(model, str(path))
        _seal(path)
        return
    import openvino

    # without the file's own, which would stay open while it is written
    model = openvino.Core().read_model(
        path.read_bytes(), path.with_suffix('.bin').read_bytes()
    )
    model.set_rt_info(info.to_json(), METADATA_KEY)
    openvino.save_model(model, str(path), compress_to_fp16=False)
    _seal(path)


def _seal(path: Path) -> None:
    if path.suffix != '.pt2':  # a zip, whose own sums its reader holds
        seal(path, path.with_suffix('.bin') if path.suffix == '.xml' else None)


def _write_onnx(
    program: Any, path: Path, info: GraphInfo, frames: Sequence[Inputs] | None
) -> None:
    # it tells at length which of torchvision's operators are not there
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    exported = torch.onnx.export(
        program,
        input_names=[*info.gases, 'present'],
        output_names=list(info.outputs),
        dynamo=True,
        verbose=False,
    )
    assert exported is not None
    exported.model.metadata_props[METADATA_KEY] = info.to_json()
    exported.save(str(path), external_data=False)
    if frames is not None:
        quantise(path, [*info.gases, 'present'], frames)


def _write_openvino(
    program: Any, path: Path, info: GraphInfo, frames: Sequence[Inputs] | None
) -> None:
    import openvino

    with tempfile.TemporaryDirectory(prefix='fume_mm_') as folder:
        onnx = Path(folder) / 'model.onnx'
        _write_onnx(program, onnx, info, frames)
        # not convert_model, which would make float32 of half weights
        model = openvino.Core().read_model(str(onnx))
        model.set_rt_info(info.to_json(), METADATA_KEY)
        openvino.save_model(model, str(path), compress_to_fp16=False)
        del model  # its weights are those of the temporary file


def _write_program(
    program: Any, path: Path, info: GraphInfo, frames: Sequence[Inputs] | None
) -> None:
    assert frames is None
    torch.export.save(program, str(path), extra_files={METADATA_KEY: info.to_json()})


WRITERS = {
    'onnx': _write_onnx,
    'openvino': _write_openvino,
    'exported-program': _write_program,
}
