"""Cases of inference: the network, the inferencer, exported files, the runtime."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import original_code as original
from benchmarks.common import Setting
from benchmarks.turns import Turns
from fume_mm.structures import GASES

SUFFIXES = {'onnx': '.onnx', 'openvino': '.xml'}


def frames(setting: Setting, batch: int = 1) -> dict[str, np.ndarray]:
    """By gas random frames (N, H, W) uint8."""
    rng = np.random.default_rng(0)
    shape = (batch, *setting.frame)
    return {gas: rng.integers(0, 256, shape, dtype=np.uint8) for gas in GASES}


def normal_inputs(model: Any, setting: Setting, gases: Any, batch: int) -> Any:
    """What the network takes: normalised frames and which there are."""
    import torch

    gases = [gas for gas in model.gases if gas in gases]
    inputs = {
        gas: torch.from_numpy(x)[:, None].float() / 127.5 - 1
        for gas, x in frames(setting, batch).items()
        if gas in gases
    }
    present = torch.tensor([[gas in gases for gas in GASES]] * batch)
    return {**inputs, 'present': present}


def network(
    turns: Turns,
    setting: Setting,
    *,
    gases: tuple[str, ...] = GASES,
    batch: int = 1,
) -> None:
    """The model that ``init_model`` gives, normalised frames to full-size logits."""
    import torch

    from fume_mm.apis import init_model

    torch.manual_seed(0)
    model = init_model(setting.config)
    inputs = normal_inputs(model, setting, gases, batch)
    with torch.inference_mode():
        turns.repeat(lambda: model(inputs), units=batch)


def original_network(
    turns: Turns,
    setting: Setting,
    *,
    gases: tuple[str, ...] = GASES,
    batch: int = 1,
) -> None:
    """The original's model; a gas that is not there is a black frame to it."""
    import torch

    model = original.fastscnn().eval()
    data = original.random_batch(batch, setting.frame)
    present = torch.tensor([[float(gas in gases) for gas in GASES]] * batch)
    inputs = [data[f'{gas}_frame'] * (gas in gases) for gas in GASES]
    with torch.no_grad():
        turns.repeat(lambda: model(*inputs, present), units=batch)


def compiled(turns: Turns, setting: Setting) -> None:
    """The same network after ``torch.compile``, which is not counted."""
    import torch

    from fume_mm.apis import init_model
    from fume_mm.models.dual_gas_model import DenseForward

    torch.manual_seed(0)
    model = init_model(setting.config)
    inputs = list(normal_inputs(model, setting, GASES, 1).values())
    forward = torch.compile(DenseForward(model))
    with torch.inference_mode():
        forward(*inputs)
        turns.repeat(lambda: forward(*inputs))


def inferencer(turns: Turns, setting: Setting, *, samples: int = 1) -> None:
    """``DualGasInferencer`` from decoded arrays, one sample after the other."""
    from fume_mm.apis import DualGasInferencer, init_model

    model = init_model(setting.config)
    model.cfg.test_dataloader.dataset.scale = setting.size
    infer = DualGasInferencer(model, batch_size=1)
    given = {gas: x[0] for gas, x in frames(setting).items()}

    def work() -> None:
        for _ in range(samples):
            infer(**given, pbar=False)

    turns.repeat(work, units=samples)


def many_frames(turns: Turns, setting: Setting, *, samples: int) -> None:
    """``DualGasInferencer.stream`` over files, which must not grow with their number.

    The sizes are those of the campaign's frames.
    """
    from fume_mm.apis import DualGasInferencer, init_model

    model = init_model(setting.config)
    model.cfg.test_dataloader.dataset.scale = setting.size
    infer = DualGasInferencer(model, batch_size=8)
    files = campaign_files(setting)
    folder = setting.own / f'frames_{samples}'
    folder.mkdir(exist_ok=True)
    for number in range(samples):
        source = files[number % len(files)]
        for gas, path in source.items():
            link = folder / f'{number:05d}_{gas}.png'
            if not link.exists():
                link.symlink_to(path)

    def work() -> None:
        for _ in infer.stream(str(folder), pbar=False):
            pass

    turns.repeat(work, units=samples)


def campaign_files(setting: Setting) -> list[dict[str, Path]]:
    """Frames of the samples with both gases, by gas."""
    import pandas as pd

    root = Path(setting.scratch) / 'both'
    table = pd.read_csv(root / 'paired_train_annotations.csv')
    return [
        {gas: root / row[f'{gas}_frame'] for gas in GASES}
        for _, row in table.iterrows()
    ]


def original_inferencer(turns: Turns, setting: Setting) -> None:
    """What its ``test_fume.py`` does of a sample: transform, network, argmax."""
    import torch

    transform = original.part('data.transforms').get_val_transforms(setting.size)
    model = original.fastscnn().eval()
    co2, ch4 = (x[0] for x in frames(setting).values())
    mask = np.zeros_like(co2)

    def work() -> None:
        found = transform(
            image=np.stack([co2] * 3, axis=-1),
            ch4_image=np.stack([ch4] * 3, axis=-1),
            mask=mask,
            co2_mask=mask,
            ch4_mask=mask,
        )
        both = found['image'][None, :1], found['ch4_image'][None, :1]
        with torch.no_grad():
            outputs = model(*both, torch.ones(1, 2))
        for gas in GASES:
            outputs[f'{gas}_seg_logits'].argmax(dim=1)[0].cpu().numpy()
        outputs['cls_logits'].softmax(dim=1)

    turns.repeat(work)


def exported_file(setting: Setting, form: str, precision: str = 'fp32') -> Path:
    """The model exported, once for each tree and run."""
    from fume_mm.apis import init_model
    from fume_mm.inference.export import export_model

    width, height = setting.size
    name = f'{Path(setting.config).stem}_{width}x{height}_{precision}'
    tree = 'base' if setting.side == 'base' else 'ours'
    path = Path(setting.scratch) / f'{tree}_{name}{SUFFIXES[form]}'
    if not path.is_file():
        model = init_model(setting.config)
        export_model(model, path, form=form, scale=setting.size, precision=precision)
    return path


def exported(
    turns: Turns,
    setting: Setting,
    *,
    form: str,
    precision: str = 'fp32',
    bare: bool = False,
) -> None:
    """An exported file, decoded frames to masks; ``bare``: its engine's session."""
    from fume_mm.inference.exported import ExportedModel

    path = exported_file(setting, form, precision)
    model = ExportedModel(path, threads=setting.threads)
    given = {gas: x for gas, x in frames(setting).items() if gas in model.gases}
    if not bare:
        sample = {'name': 'sample', **{gas: x[0] for gas, x in given.items()}}
        turns.repeat(lambda: model.predict([sample]))
    inputs = {gas: x[:, None] for gas, x in given.items()}
    inputs['present'] = np.array([[gas in given for gas in GASES]])
    names = [x for x in model.info.outputs if x.endswith('_coarse')]
    turns.repeat(lambda: model.engine.run(inputs, [*names, 'health']))


onnx = partial(exported, form='onnx')
openvino = partial(exported, form='openvino')
#: The fastest precision that an export has, where the processor has it.
best = partial(exported, form='openvino', precision='bf16')
session = partial(exported, form='onnx', bare=True)
one_gas = partial(network, gases=('co2',))
original_one_gas = partial(original_network, gases=('co2',))
sixteen = partial(network, batch=16)
original_sixteen = partial(original_network, batch=16)
