"""Cases of the data: augmentation, a sample, the loader, the index, the metrics."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import original_code as original
from benchmarks.common import Setting
from benchmarks.turns import Turns
from fume_mm.structures import GASES, HEALTH_CLASSES, NOMINAL_PH, health_class

#: Samples that a turn draws: as many as make the draws of augmentation average out.
SAMPLES = 24
CSV = 'paired_train_annotations.csv'


def dataset_of(setting: Setting, campaign: str = 'both') -> Any:
    """The training dataset of the config, with its augmentation, no dropout."""
    from fume_mm.engine.config import load_config
    from fume_mm.registry import DATASETS, register_all_modules

    register_all_modules()
    root = str(Path(setting.scratch) / campaign)
    cfg = load_config(setting.config, {'data_root': root, 'scale': setting.size})
    dataset = cfg.train_dataloader.dataset
    dataset.pipeline = [x for x in dataset.pipeline if x['type'] != 'ModalityDropout']
    return DATASETS.build(dataset)


def sample(turns: Turns, setting: Setting) -> None:
    """Items of the training dataset, files to tensors."""
    dataset = dataset_of(setting)
    seed_all(0)
    turns.repeat(
        lambda: [dataset[i % len(dataset)] for i in range(SAMPLES)], units=SAMPLES
    )


def augment(turns: Turns, setting: Setting) -> None:
    """What the pipeline does after files are read: augmentation and packing."""
    dataset = dataset_of(setting)
    steps = list(dataset.pipeline.transforms)
    last = max(i for i, x in enumerate(steps) if type(x).__name__.startswith('Load'))
    dataset.pipeline.transforms = steps[: last + 1]
    loaded = [dataset[i] for i in range(min(SAMPLES, len(dataset)))]
    items = [loaded[i % len(loaded)] for i in range(SAMPLES)]
    seed_all(0)
    while True:
        given = copy.deepcopy(items)
        turns.wait()
        for item in given:
            found = item
            for transform in steps[last + 1 :]:
                found = transform(found)
        turns.done(units=SAMPLES)


def original_sample(turns: Turns, setting: Setting) -> None:
    """Items of the original's training dataset."""
    root = str(Path(setting.scratch) / 'both')
    dataset = original.dataset(root, CSV, train=True)
    dataset.modality_dropout = 0.0
    count = 6 if setting.quick else SAMPLES
    seed_all(0)
    turns.repeat(lambda: [dataset[i % len(dataset)] for i in range(count)], units=count)


def original_augment(turns: Turns, setting: Setting) -> None:
    """Its transforms of a pair that is in memory."""
    root = Path(setting.scratch) / 'both'
    dataset = original.dataset(str(root), CSV, train=True)
    row = dataset.paired_df.iloc[0]
    frames = {gas: dataset._load_image(row[f'{gas}_frame']) for gas in GASES}
    masks = {f'{gas}_mask': dataset._load_mask(row[f'{gas}_mask']) for gas in GASES}
    seed_all(0)

    count = 6 if setting.quick else SAMPLES

    def work() -> None:
        for _ in range(count):
            three = {gas: np.stack([x] * 3, axis=-1) for gas, x in frames.items()}
            dataset.transform(
                image=three['co2'],
                ch4_image=three['ch4'],
                mask=masks['co2_mask'],
                **masks,
            )

    turns.repeat(work, units=count)


def seed_all(seed: int) -> None:
    """Seed what transforms draw from."""
    from mmengine.runner import set_random_seed

    set_random_seed(seed)


def loader(turns: Turns, setting: Setting, *, workers: int) -> None:
    """Batches of the training loader, read and thrown away."""
    from mmengine.runner import Runner

    from fume_mm.engine.config import load_config
    from fume_mm.registry import register_all_modules

    register_all_modules()
    root = str(Path(setting.scratch) / 'founding')
    cfg = load_config(setting.config, {'data_root': root, 'scale': setting.size})
    cfg.train_dataloader.num_workers = workers
    cfg.train_dataloader.batch_size = setting.batch
    built = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    turns.wait()
    while True:
        for batch in built:
            turns.done(units=len(batch['data_samples']))
            turns.wait()


def index_rows(rows: int) -> Any:
    """The lines of a paired CSV: of twenty samples one lacks CH4 and one CO2."""
    from fume_mm.datasets.pairing import EXTRA_COLUMNS, PAIRED_COLUMNS

    yield ','.join([*PAIRED_COLUMNS, *EXTRA_COLUMNS])
    phs = sorted(NOMINAL_PH, reverse=True)
    for row in range(rows):
        number, frame = divmod(row, 500)
        vessel, ph = f'v{number:06d}', phs[number % len(phs)]
        label = health_class(ph)
        health = f'{ph},{label},{HEALTH_CLASSES[label]}'
        co2, ch4 = (f'{vessel}_f{frame:04d}_{gas}' for gas in ('co2', 'ch4'))
        co2_files = f'frames/co2/{vessel}/{co2}.png,masks/co2/{vessel}/{co2}.png'
        ch4_files = f'frames/ch4/{vessel}/{ch4}.png,masks/ch4/{vessel}/{ch4}.png'
        if row % 20 == 7:
            yield f'{co2_files},,,{health},False,ch4,{co2},{vessel},'
        elif row % 20 == 13:
            yield f',,{ch4_files},{health},False,co2,{ch4},,{vessel}'
        else:
            ends = f'{health},True,,{co2}+{ch4},{vessel},{vessel}'
            yield f'{co2_files},{ch4_files},{ends}'


def index(turns: Turns, setting: Setting, *, rows: int) -> None:
    """Opening a dataset of so many rows, figures of a thousand of them.

    Beside time, ``peak_mib`` is what opening takes beyond what the process held, and
    ``index_mib`` what stays: the index, which forked loader workers share.
    """
    from benchmarks.turns import peak_mib
    from fume_mm.datasets.dual_gas_dataset import DualGasDataset

    root = setting.own / f'index_{rows}'
    root.mkdir()
    with (root / CSV).open('w', encoding='utf-8') as file:
        file.writelines(f'{line}\n' for line in index_rows(rows))
    while True:
        turns.wait()
        before = peak_mib()
        dataset = DualGasDataset(CSV, data_root=str(root), check_files=False)
        size = dataset.data_bytes.nbytes + dataset.data_address.nbytes
        turns.done(
            units=rows / 1000,
            peak_mib=peak_mib() - before,
            index_mib=size / 2**20,
            kib_a_row=size / 1024 / rows,
        )
        del dataset


def simulated_masks(count: int, size: tuple[int, int]) -> list[dict[str, Any]]:
    """By gas the mask of a simulated frame, and the same ragged at its edges.

    The second is what a fair model would draw.
    """
    from fume_mm.simulation import CampaignParameters, plan_vessels, render_vessel

    parameters = CampaignParameters(
        name='benchmark',
        vessels=6,
        frames_per_vessel=-(-count // 6),
        missing_co2=0.0,
        missing_ch4=0.0,
    )
    rng = np.random.default_rng(0)
    masks: dict[tuple[int, int], dict[str, Any]] = {}
    for vessel in plan_vessels(parameters, seed=0):
        for frame in render_vessel(parameters, vessel, seed=0):
            mask = cv2.resize(frame.mask, size, interpolation=cv2.INTER_NEAREST)
            by_gas = masks.setdefault((vessel.index, frame.frame), {})
            by_gas[frame.gas] = mask, ragged(mask, rng)
    return list(masks.values())[:count]


def ragged(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask whose edges have moved by a few pixels, (H, W)."""
    height, width = mask.shape
    coarse = max(height // 16, 1), max(width // 16, 1)
    wobble = [cv2.resize(rng.normal(0, 4, coarse), (width, height)) for _ in range(2)]
    rows, columns = np.mgrid[:height, :width]
    x, y = columns + wobble[0], rows + wobble[1]
    return cv2.remap(
        mask,
        x.astype(np.float32),
        y.astype(np.float32),
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )


def as_sample(number: int, by_gas: dict[str, Any]) -> Any:
    """The masks as a model hands them to the evaluator."""
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    from fume_mm.structures import DualGasDataSample

    found = DualGasDataSample(metainfo={'sample_id': str(number), 'groups': ('v',)})
    for gas in GASES:
        target, pred = (torch.from_numpy(mask)[None] for mask in by_gas[gas])
        part = SegDataSample()
        part.gt_sem_seg = PixelData(data=target)
        part.pred_sem_seg = PixelData(data=pred)
        part.seg_logits = PixelData(data=torch.zeros(3, *target.shape[1:]))
        found.set_gas(gas, part)
    found.set_gt_health(number % 3)
    found.set_health_scores(torch.tensor([0.5, 0.25, 0.25]))
    return found


def metrics(turns: Turns, setting: Setting, *, outlines: bool = False) -> None:
    """The evaluator's ``process``, of one frame: masks and health, or all."""
    from fume_mm.evaluation import (
        BoundaryMetric,
        DualGasEvaluator,
        HealthMetric,
        SegmentationMetric,
    )

    count = 6 if setting.quick else SAMPLES
    masks = simulated_masks(count, setting.size)
    samples = [as_sample(i, by_gas) for i, by_gas in enumerate(masks)]
    boundary = [BoundaryMetric()] if outlines else []
    evaluator = DualGasEvaluator([SegmentationMetric(), *boundary, HealthMetric()])

    def work() -> None:
        for x in samples:
            evaluator.process([x])

    turns.repeat(work, units=2 * count)


def original_metrics(turns: Turns, setting: Setting) -> None:
    """Its masks' and health's metrics; it scores one of the two frames."""
    import torch

    module = original.part('utils.metrics')
    seg, health = module.SegmentationMetrics(3), module.ClassificationMetrics(3)
    rng = np.random.default_rng(0)
    masks = [torch.from_numpy(rng.integers(0, 3, setting.frame)) for _ in range(2)]
    pred, target = masks[0][None], masks[1][None]

    def work() -> None:
        for _ in range(6):
            seg.update(pred, target)
            health.update(torch.tensor([0]), torch.tensor([1]))

    turns.repeat(work, units=6)


def outlines(turns: Turns, setting: Setting) -> None:
    """HD95, ASD and F1 of both classes, of one frame."""
    from fume_mm.evaluation import boundary_scores

    pairs = [x for masks in simulated_masks(6, setting.size) for x in masks.values()]

    def work() -> None:
        for target, pred in pairs:
            for c in (1, 2):
                boundary_scores(target == c, pred == c)

    turns.repeat(work, units=len(pairs))


def monai_outlines(turns: Turns, setting: Setting) -> None:
    """HD95 and ASD of the same masks by MONAI."""
    import torch
    from monai.metrics import (  # type: ignore[import-not-found,unused-ignore]
        compute_average_surface_distance,
        compute_hausdorff_distance,
    )

    pairs = [
        [
            torch.from_numpy(np.stack([mask == c for c in (1, 2)]))[None].float()
            for mask in pair
        ]
        for masks in simulated_masks(6, setting.size)
        for pair in masks.values()
    ]

    def work() -> None:
        for target, pred in pairs:
            compute_hausdorff_distance(
                pred, target, include_background=True, percentile=95
            )
            compute_average_surface_distance(
                pred, target, include_background=True, symmetric=True
            )

    turns.repeat(work, units=len(pairs))


all_metrics = partial(metrics, outlines=True)
