"""Cases of whole commands: start-up, the image demo, the simulator, a video."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.common import Setting
from benchmarks.turns import Turns, run_child
from fume_mm.structures import GASES

#: A tool until its first iteration would begin, its first batch loaded.
TO_FIRST_ITERATION = """
import os, runpy, sys
from mmengine.runner import Runner
def call_hook(runner, name, **arguments):
    if name in ('before_train_iter', 'before_test_iter'):
        sys.stdout.flush()
        os._exit(0)
    return call(runner, name, **arguments)
call, Runner.call_hook = Runner.call_hook, call_hook
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
sys.exit('no iteration began')
"""
#: The original's trainer until its first batch; what it logs with stays out.
ORIGINAL_TRAIN = """
import sys, types
sys.path[:0] = [sys.argv[1], '.']
from benchmarks import original_code as original
for name in ('seaborn', 'wandb'):
    sys.modules.setdefault(name, types.ModuleType(name))
sys.modules['models'] = types.ModuleType('models')
sys.modules['models'].__path__ = ['models']
sys.modules['models'].FUMEFastSCNN = original.part(
    'models.fume_fastscnn').FUMEFastSCNN
original.part('utils.metrics')
import train
next(iter(train.Trainer(sys.argv[2]).train_loader))
"""
#: The parts of the original's test_fume.py, until its first batch or its first result.
ORIGINAL_TEST = """
import sys
sys.path[:0] = [sys.argv[1], '.']
from benchmarks import original_code as original
import torch, numpy, pandas, yaml, cv2, matplotlib.pyplot, sklearn.metrics
model = original.fastscnn().eval()
item = original.dataset(sys.argv[2], 'paired_test_annotations.csv', train=False)[0]
original.part('utils.metrics')
if len(sys.argv) > 3:
    frames = [item[f'{gas}_frame'][None] for gas in ('co2', 'ch4')]
    with torch.no_grad():
        found = model(*frames, item['modality_mask'][None])
    for gas in ('co2', 'ch4'):
        mask = found[f'{gas}_seg_logits'].argmax(dim=1)[0].numpy().astype('uint8')
        cv2.imwrite(f'{sys.argv[3]}/{gas}.png', mask)
"""
HERE = str(Path(__file__).resolve().parents[1])


def run_command(turns: Turns, command: list[str]) -> None:
    """Run a command each turn, in the tree; CPU time and peak memory are its own."""
    while True:
        turns.wait()
        turns.done(**run_child(command))


def start(turns: Turns, setting: Setting, *, tool: str) -> None:
    """``tools/train.py`` or ``test.py`` until the first iteration, no loader process.

    The demo's small model: what is built matters less than what is imported.
    """
    options = [
        f'data_root={setting.scratch}/both',
        *(f'{x}_dataloader.num_workers=0' for x in ('train', 'val', 'test')),
    ]
    arguments = [setting.config]
    if tool == 'test':
        import torch

        from fume_mm.apis import init_model

        checkpoint = setting.own / 'start.pth'
        torch.save({'state_dict': init_model(setting.config).state_dict()}, checkpoint)
        arguments.append(str(checkpoint))
    work_dir = ['--work-dir', str(setting.own / 'start')]
    command = [f'tools/{tool}.py', *arguments, *work_dir, '--cfg-options', *options]
    run_command(turns, ['-c', TO_FIRST_ITERATION, *command])


def original_start_train(turns: Turns, setting: Setting) -> None:
    """The original's ``Trainer``, its config with the campaign's paths."""
    import yaml

    with Path('configs/fume_fastscnn_config.yaml').open(encoding='utf-8') as file:
        config = yaml.safe_load(file)
    root = f'{setting.scratch}/both'
    config['data']['dataset_root'] = root
    for split in ('train', 'val', 'test'):
        csv = f'{root}/paired_{split}_annotations.csv'
        config['data'][f'paired_{split}_csv'] = csv
    config['experiment']['use_wandb'] = False
    config['training']['num_workers'] = 0
    own = setting.own
    config['directories'] = {key: str(own / key) for key in config['directories']}
    path = own / 'start.yaml'
    path.write_text(yaml.safe_dump(config), encoding='utf-8')
    run_command(turns, ['-c', ORIGINAL_TRAIN, HERE, str(path)])


def original_start_test(
    turns: Turns, setting: Setting, *, result: bool = False
) -> None:
    """What its ``test_fume.py`` imports and builds; ``result``: to its first masks."""
    more = [str(setting.own)] if result else []
    run_command(turns, ['-c', ORIGINAL_TEST, HERE, f'{setting.scratch}/both', *more])


def image_demo(turns: Turns, setting: Setting) -> None:
    """``demo/image_demo.py`` of one sample, start to end: masks, panel, tables."""
    frames = [f'--{gas}=demo/examples/simulated_acidotic_{gas}.png' for gas in GASES]
    out = f'--out-dir={setting.own / "demo"}'
    run_command(turns, ['demo/image_demo.py', *frames, out])


def simulate(turns: Turns, setting: Setting, *, write: bool) -> None:
    """The simulator, of one frame: rendered, or written as PNGs with its mask, too."""
    from fume_mm.simulation import (
        SIZES,
        CampaignParameters,
        plan_vessels,
        render_vessel,
        use_one_thread,
        write_campaign,
    )

    use_one_thread()
    parameters = CampaignParameters(
        name='benchmark',
        vessels=6,
        frames_per_vessel=1 if setting.quick else 5,
        size=setting.size if setting.size in SIZES else min(SIZES),
        missing_co2=0.0,
        missing_ch4=0.0,
    )

    def work() -> None:
        if write:
            with tempfile.TemporaryDirectory() as folder:
                write_campaign(Path(folder), parameters=parameters, seed=0)
            return
        for vessel in plan_vessels(parameters, seed=0):
            for _ in render_vessel(parameters, vessel, seed=0):
                pass

    frames = 2 * parameters.vessels * parameters.frames_per_vessel
    turns.repeat(work, units=frames)


class Threshold:
    """A predictor that costs next to nothing, with masks like a model's."""

    def predict(self, samples: Any, probabilities: bool = False) -> list[Any]:
        """Bright pixels are tube, dark ones gas."""
        from fume_mm.structures.dual_gas_result import DualGasResult

        results = []
        for sample in samples:
            masks: dict[str, np.ndarray] = {}
            for gas in (gas for gas in GASES if sample.get(gas) is not None):
                smooth = cv2.blur(sample[gas], (9, 9))
                bright = cv2.threshold(smooth, 190, 1, cv2.THRESH_BINARY)[1]
                dark = cv2.threshold(smooth, 70, 2, cv2.THRESH_BINARY_INV)[1]
                masks[gas] = cv2.add(bright, dark)
            scores = np.array([0.2, 0.3, 0.5], np.float32)
            results.append(DualGasResult(sample['name'], masks, {}, scores))
        return results


def write_clip(path: Path, size: tuple[int, int], frames: int, *, seed: int) -> None:
    """A bright tube on an uneven background, and a dark plume that comes and goes."""
    width, height = size
    rng = np.random.default_rng(seed)
    shape = height // 16 + 1, width // 16 + 1
    scene: np.ndarray = rng.integers(0, 256, shape, dtype=np.uint8)
    scene = cv2.resize(scene, size, interpolation=cv2.INTER_CUBIC)
    scene = (110 + scene * 0.2).astype(np.uint8)
    cv2.rectangle(
        scene, (0, height // 3), (width // 6, height // 3 + height // 12), 220, -1
    )
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 30.0, size)
    if not video.isOpened():
        raise RuntimeError(f'{path}: OpenCV cannot write MP4 here')
    for number in range(frames):
        frame = scene.copy()
        reach = 0.5 + 0.5 * np.sin(number / 9)
        centre = round(width * (0.25 + 0.3 * reach)), height // 3 + height // 24
        axes = max(round(width * 0.25 * reach), 1), max(round(height * 0.15 * reach), 1)
        cv2.ellipse(frame, centre, axes, 0, 0, 360, 40, -1)
        frame = np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8)
        video.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    video.release()


def video(turns: Turns, setting: Setting, *, model: bool) -> None:
    """Two clips through the video demo's ``run_video``, of one pair of frames.

    Decoding, inference (ONNX, or a threshold in its place), drawing, encoding, table
    and timeline.
    """
    from benchmarks.model_cases import exported_file
    from fume_mm.inference.exported import ExportedModel
    from fume_mm.inference.video.annotate import run_video

    count = 24 if setting.quick else 150
    clips: dict[str, Any] = {gas: setting.own / f'{gas}.mp4' for gas in GASES}
    for seed, path in enumerate(clips.values()):
        write_clip(path, setting.size, count, seed=seed)
    predictor: Any = Threshold()
    if model:
        path = exported_file(setting, 'onnx')
        predictor = ExportedModel(path, threads=setting.threads)
    out = setting.own / 'video'
    turns.repeat(
        lambda: run_video(predictor, **clips, out_dir=out, pbar=False), units=count
    )


start_train = partial(start, tool='train')
start_test = partial(start, tool='test')
original_demo = partial(original_start_test, result=True)
