from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import BaseModel
from mmengine.registry import HOOKS as ENGINE_HOOKS
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import Dataset

from fume_mm.datasets.transforms import LoadDualGasFrames
from fume_mm.drawing import draw_panel
from fume_mm.drawing.visualizer import DualGasVisualizer
from fume_mm.engine.hooks import sample_hooks
from fume_mm.engine.hooks.sample_hooks import PanelHook, evenly_spaced, read_frames
from fume_mm.errors import UserError
from fume_mm.evaluation import DualGasEvaluator, HealthMetric, SegmentationMetric
from fume_mm.registry import HOOKS
from fume_mm.structures import GASES

SIZE = (24, 32)


class Samples(Dataset):
    """Samples that already hold predictions; the model hands them through."""

    metainfo = {'simulated': True}

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return {'inputs': torch.zeros(1), 'data_samples': self.samples[index]}


class Echo(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return {'loss': self.weight**2} if mode == 'loss' else data_samples


@pytest.fixture
def samples(tmp_path, make_sample):
    """Five samples: two of both gases, one CO2 only, two CH4 only; frames on disk."""
    samples = []
    patterns = [('co2', 'ch4'), ('co2', 'ch4'), ('co2',), ('ch4',), ('ch4',)]
    for index, gases in enumerate(patterns):
        sample = make_sample(gases, size=SIZE)
        paths = {}
        for gas in gases:
            paths[gas] = str(tmp_path / f'{gas}_{index}.png')
            cv2.imwrite(paths[gas], np.full(SIZE, 60 + 10 * index, np.uint8))
        sample.set_metainfo({'sample_id': f's/{index}', 'frame_paths': paths})
        samples.append(sample)
    return samples


def make_runner(samples, work_dir, hook, **options):
    loader = {
        'dataset': Samples(samples),
        'batch_size': 2,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'pseudo_collate'},
    }
    visualizer = DualGasVisualizer(
        name=str(work_dir),
        save_dir=str(work_dir),
        vis_backends=[{'type': 'TensorboardVisBackend'}],
    )
    return Runner(
        model=Echo(),
        work_dir=str(work_dir),
        visualizer=visualizer,
        custom_hooks=[hook],
        default_hooks={
            'logger': {'type': 'LoggerHook', 'log_metric_by_epoch': False},
            'checkpoint': None,
        },
        log_level='ERROR',
        experiment_name=work_dir.name,
        **{key: loader if value is ... else value for key, value in options.items()},
    )


@pytest.fixture(autouse=True)
def managers_as_before():
    """A Runner registers itself all over MMEngine; take that out again."""
    managers = (DefaultScope, MMLogger, MessageHub, DualGasVisualizer, Visualizer)
    before = [dict(manager._instance_dict) for manager in managers]
    yield
    for manager, instances in zip(managers, before, strict=True):
        manager._instance_dict.clear()
        manager._instance_dict.update(instances)


def evaluator():
    return DualGasEvaluator([SegmentationMetric(), HealthMetric()])


def test_validation_panels_and_numbers_share_the_iteration(samples, tmp_path):
    work_dir = tmp_path / 'run'
    runner = make_runner(
        samples,
        work_dir,
        PanelHook(num_val=3),
        train_dataloader=...,
        train_cfg={'by_epoch': True, 'max_epochs': 2, 'val_interval': 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        val_dataloader=...,
        val_cfg={},
        val_evaluator=evaluator(),
    )
    runner.train()
    events = EventAccumulator(
        str(next(work_dir.rglob('events.*')).parent), size_guidance={'images': 0}
    ).Reload()
    # three batches an epoch
    assert events.Tags()['images'] == [f'val/panel_{i}' for i in range(3)]
    for index, position in enumerate((0, 2, 4)):
        images = events.Images(f'val/panel_{index}')
        assert [image.step for image in images] == [3, 6]
        expected = draw_panel(
            read_frames(samples[position]), samples[position], note='simulated'
        )
        for image in images:
            data = np.frombuffer(image.encoded_image_string, np.uint8)
            drawn = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert (cv2.cvtColor(drawn, cv2.COLOR_BGR2RGB) == expected).all()
    scalars = events.Scalars('joint/score')
    assert [(scalar.step, scalar.value) for scalar in scalars] == [(3, 1), (6, 1)]


def test_test_panels_are_files_named_by_sample(samples, tmp_path):
    out_dir = tmp_path / 'panels'
    runner = make_runner(
        samples,
        tmp_path / 'run',
        PanelHook(out_dir=str(out_dir)),
        test_dataloader=...,
        test_cfg={},
        test_evaluator=evaluator(),
    )
    runner.test()
    files = sorted(out_dir.iterdir())
    assert [path.name for path in files] == [f's%2F{index}.png' for index in range(5)]
    for path, sample in zip(files, samples, strict=True):
        expected = draw_panel(read_frames(sample), sample, note='simulated')
        read = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        assert (read == expected).all()


def test_test_panels_go_to_the_log_folder_by_default(samples, tmp_path):
    runner = make_runner(
        samples[:1],
        tmp_path / 'run',
        PanelHook(),
        test_dataloader=...,
        test_cfg={},
        test_evaluator=evaluator(),
    )
    runner.test()
    assert (tmp_path / 'run' / runner.timestamp / 'panels' / 's%2F0.png').is_file()


@pytest.mark.parametrize(
    ('count', 'total', 'positions'),
    [
        (4, 10, [0, 3, 6, 9]),
        (2, 5, [0, 4]),
        (1, 5, [0]),
        (9, 3, [0, 1, 2]),
        (0, 5, []),
        (4, 0, []),
    ],
)
def test_evenly_spaced(count, total, positions):
    assert evenly_spaced(count, total) == positions


def test_frame_that_is_not_there_is_named(samples):
    samples[0].set_metainfo({'frame_paths': {'co2': 'nowhere.png'}})
    with pytest.raises(UserError, match=r"sample 's/0': nowhere\.png: there is no"):
        read_frames(samples[0])


def test_frame_that_is_no_image_is_named(samples, tmp_path):
    path = tmp_path / 'text.png'
    path.write_text('no image')
    samples[0].set_metainfo({'frame_paths': {'co2': str(path)}})
    with pytest.raises(UserError, match=r'text\.png: is not an image'):
        read_frames(samples[0])


def test_frames_of_16_bits_are_what_training_sees(samples, tmp_path):
    """OpenCV's own gray would keep the high bytes, black for a camera of 14 bits."""
    path = tmp_path / 'radiometric.png'
    levels = np.linspace(7000, 7200, 24 * 32).reshape(SIZE).astype(np.uint16)
    cv2.imwrite(str(path), levels)
    samples[0].set_metainfo({'frame_paths': {gas: str(path) for gas in GASES}})
    load = LoadDualGasFrames()
    seen = load({'frame_paths': {'co2': str(path)}})['frames']['co2']
    frame = read_frames(samples[0])['co2']
    assert (frame == seen).all()
    assert np.ptp(frame) == 255


def test_sample_without_paths_is_named(make_sample):
    with pytest.raises(UserError, match="sample 's1' does not say where its co2 frame"):
        read_frames(make_sample())


def test_negative_count():
    with pytest.raises(UserError, match='num_val=-1'):
        PanelHook(num_val=-1)


def test_hook_is_registered():
    assert HOOKS.get('PanelHook') is PanelHook
    assert 'PanelHook' not in ENGINE_HOOKS.module_dict


def test_processes_share_the_test_panels(samples, tmp_path, monkeypatch):
    """Two processes, samples dealt out like cards, the sixth repeating the first."""
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=Samples(samples)), log_dir=tmp_path
    )
    monkeypatch.setattr(sample_hooks, 'get_world_size', lambda: 2)
    for rank, names in ((0, ['s%2F0', 's%2F2', 's%2F4']), (1, ['s%2F1', 's%2F3'])):
        monkeypatch.setattr(sample_hooks, 'get_rank', lambda rank=rank: rank)
        hook = PanelHook(out_dir=str(tmp_path / f'rank_{rank}'))
        share = [*samples, samples[0]][rank::2]
        hook.before_test_epoch(runner)
        hook.after_test_iter(runner, 0, None, share[:2])
        hook.after_test_iter(runner, 1, None, share[2:])
        files = sorted(path.stem for path in Path(hook.out_dir).iterdir())
        assert files == names


def test_only_the_main_process_shows_validation_panels(samples, monkeypatch):
    runner = SimpleNamespace(val_dataloader=SimpleNamespace(dataset=Samples(samples)))
    monkeypatch.setattr(sample_hooks, 'is_main_process', lambda: False)
    hook = PanelHook()
    hook.before_val_epoch(runner)
    # the visualizer that this runner does not have would be asked for
    hook.after_val_iter(runner, 0, None, samples)
