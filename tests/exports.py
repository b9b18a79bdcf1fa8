"""A small model to export, and a file of our format whose answers are known."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array

from fume_mm.apis import init_model
from fume_mm.engine.config import load_config
from fume_mm.inference.graph import METADATA_KEY, GraphInfo, output_names
from fume_mm.io.digests import UNSEALED, seal
from fume_mm.structures import GASES
from tests.checkpoints import as_if_trained

ROOT = Path(__file__).parents[1]
#: (width, height)
SCALE = (96, 64)


@cache
def small_model(*, gases: tuple[str, ...] = GASES) -> Any:
    """FUME on a Fast-SCNN of few blocks that reads plume sizes, too.

    Its masks show every class, its fusion's gates are open, and frames are resized to
    :data:`SCALE`.
    """
    cfg = load_config(str(ROOT / 'configs/fume/fume_fastscnn_demo.py'))
    cfg.model.backbone.encoder.stage_blocks = (1, 1, 1)
    if len(gases) == 1:
        cfg.model.gases = gases
    cfg.test_dataloader.dataset.scale = SCALE
    torch.manual_seed(0)
    model = as_if_trained(init_model(cfg), SCALE)
    model.dataset_meta = {'simulated': True}
    return model


def write_graph(
    path: Path,
    *,
    gases: tuple[str, ...] = GASES,
    fixed: bool = True,
    full_size: bool = False,
    description: str | None = '',
    **changes: Any,
) -> Path:
    """An ONNX file of our format whose masks can be told by hand.

    Scores of a pixel of gray level x: background 100, tube x, gas 200 - 2x. So dark
    pixels (x < 50) are gas, bright ones (x > 100) tube. Coarse logits are those of 2x2
    pixels, averaged. Health is the softmax of the gases' mean logits, added.

    Args:
        path: Where to write it.
        gases: Of the model.
        fixed: See ``GraphInfo``; so are ``changes``.
        full_size: Whether logits and masks are outputs, too.
        description: In place of what the file should say of itself; None for a file
            that says nothing.
        changes: What it should say, where that is not the truth.
    """
    width, height = SCALE
    size = [height, width] if fixed else ['height', 'width']
    nodes, inputs, outputs = [], [], []
    means = []
    for gas in gases:
        inputs.append(info(gas, TensorProto.UINT8, ['n', 1, *size]))
        index = f'{gas}_index'
        nodes += [
            constant(index, np.array([GASES.index(gas)])),
            helper.make_node('Gather', ['present', index], [f'{gas}_here'], axis=1),
            helper.make_node('Cast', [gas], [f'{gas}_x'], to=TensorProto.FLOAT),
            helper.make_node('Conv', [f'{gas}_x', 'slope', 'offset'], [f'{gas}_all']),
            helper.make_node('Unsqueeze', [f'{gas}_here', 'axes'], [f'{gas}_mark']),
            helper.make_node(
                'Where', [f'{gas}_mark', f'{gas}_all', 'zero'], [f'{gas}_logits']
            ),
            helper.make_node('ArgMax', [f'{gas}_logits'], [f'{gas}_best'], axis=1),
            helper.make_node('Squeeze', [f'{gas}_best', 'axis'], [f'{gas}_class']),
            helper.make_node(
                'Cast', [f'{gas}_class'], [f'{gas}_mask'], to=TensorProto.UINT8
            ),
            helper.make_node(
                'AveragePool',
                [f'{gas}_logits'],
                [f'{gas}_coarse'],
                kernel_shape=[2, 2],
                strides=[2, 2],
            ),
            helper.make_node(
                'ReduceMean', [f'{gas}_logits', 'plane'], [f'{gas}_mean'], keepdims=0
            ),
        ]
        means.append(f'{gas}_mean')
        if full_size:
            outputs += [
                info(f'{gas}_logits', TensorProto.FLOAT, ['n', 3, *size]),
                info(f'{gas}_mask', TensorProto.UINT8, ['n', *size]),
            ]
        outputs.append(info(f'{gas}_coarse', TensorProto.FLOAT, ['n', 3, None, None]))
    constants = [
        constant('slope', np.array([0, 1, -2], np.float32).reshape(3, 1, 1, 1)),
        constant('offset', np.array([100, 0, 200], np.float32)),
        constant('axes', np.array([2, 3])),
        constant('axis', np.array([1])),
        constant('plane', np.array([2, 3])),
        constant('zero', np.array(0, np.float32)),
    ]
    nodes += [
        helper.make_node('Sum', means, ['sum']),
        helper.make_node('Softmax', ['sum'], ['health'], axis=1),
    ]
    inputs.append(info('present', TensorProto.BOOL, ['n', 2]))
    outputs.append(info('health', TensorProto.FLOAT, ['n', 3]))
    graph = helper.make_graph([*constants, *nodes], 'by_hand', inputs, outputs)
    opsets = [helper.make_opsetid('', 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    if description == '':
        said = {
            'gases': gases,
            'outputs': tuple(
                output_names(gases, masks=True, health=True, full_size=full_size)
            ),
            'scale': SCALE,
            'fixed': fixed,
            'config': 'by_hand.py',
            'training_data': 'simulated',
            'checkpoint_sha256': None,
            'fume_mm': '0.1.0',
            **changes,
        }
        description = GraphInfo(**said).to_json()
    if description is not None:
        helper.set_model_props(model, {METADATA_KEY: description})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    if UNSEALED in (description or ''):
        seal(path)
    return path


def info(name: str, kind: int, shape: list[Any]) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, value: np.ndarray) -> Any:
    return helper.make_node('Constant', [], [name], value=from_array(value))
