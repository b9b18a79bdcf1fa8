r"""How much of the health class is in the gases of a simulated campaign, and where.

Balanced accuracy on the test vessels (chance 0.33) from what a sample has of CO2, of
CH4 and of both: the true release, the true masks, thumbnails of the frames, which gases
are there at all, and what a trained network predicts. Random forests, trained on train
and val. Simulated associations, never findings.

Example:
    python projects/simulator_study/health_information.py data/ogi_benchmark \
        --control data/ogi_benchmark_gas_free \
        --model configs/fume/fume_fastscnn_benchmark.py work_dirs/run/last.pth
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from tqdm import tqdm

from fume_mm.datasets.annotations import existing_root, is_simulated
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.files import write_json
from fume_mm.io.images import read_gray, read_mask
from fume_mm.io.progress import ordered_map
from fume_mm.structures import GAS, GASES, SPLITS, TUBE, Gas

#: Which gases a column reads.
COLUMNS: dict[str, tuple[Gas, ...]] = {**{gas: (gas,) for gas in GASES}, 'both': GASES}
THUMBNAIL = (24, 18)
SEED = 0
#: Samples that a network is shown at once.
BATCH = 16

Features = Callable[[str], np.ndarray]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--json')
    parser.add_argument('root', type=Path, help='simulated campaign, paired')
    parser.add_argument(
        '--control',
        type=Path,
        help='the same campaign simulated with --gas-free, and paired: the class must '
        'be at chance there',
    )
    parser.add_argument(
        '--model',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='also ask a trained network, with each gas alone and with both',
    )
    return parser.parse_args()


def mask_features(mask: np.ndarray) -> np.ndarray:
    """Sizes of a plume in its mask, (7,) float32; no gray levels, no position.

    Log of area and extent along and across its main axis, log of how far its farthest
    pixel is from the tube, solidity, elongation, whether there is gas. Pixels are those
    of a 160x120 frame.
    """
    small = cv2.resize(mask, (160, 120), interpolation=cv2.INTER_NEAREST)
    y, x = np.nonzero(small == GAS)
    if len(x) < 5:
        return np.zeros(7, np.float32)
    points = np.stack([x, y], axis=1).astype(np.float32)
    spread = np.linalg.eigvalsh(np.cov(points.T) + 0.1 * np.eye(2))
    across, along = np.sqrt(np.maximum(spread, 0.1))
    tube = np.argwhere(small == TUBE)[:, ::-1]
    start = tube.mean(axis=0) if len(tube) else points[0]
    reach = np.sqrt(((points - start) ** 2).sum(axis=1)).max()
    hull = cv2.contourArea(cv2.convexHull(points)) + 1
    return np.array(
        [
            np.log(len(x)),
            np.log(along),
            np.log(across),
            np.log1p(reach),
            len(x) / hull,
            along / across,
            1,
        ],
        np.float32,
    )


def frame_features(frame: np.ndarray) -> np.ndarray:
    """A thumbnail and the quartiles of a frame, float32."""
    small = cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA)
    quartiles = np.percentile(small, (5, 25, 50, 75, 95))
    return np.concatenate([small.ravel(), quartiles]).astype(np.float32)


def read_samples(root: Path) -> pd.DataFrame:
    """All samples of a simulated campaign with ``split``."""
    root = existing_root(root)
    if not is_simulated(root):
        raise UserError(
            f'{root} is not a simulated campaign (no campaign.json); name one that '
            'simulate_ogi.py has written.'
        )
    parts = [
        read_paired(
            root / f'paired_{split}_annotations.csv', root=root, check_files=False
        ).assign(split=split)
        for split in SPLITS
    ]
    return pd.concat(parts, ignore_index=True)


def forest_score(samples: pd.DataFrame, features: np.ndarray) -> float:
    """Balanced accuracy on the test split of a forest trained on the others."""
    test = (samples['split'] == 'test').to_numpy()
    classes = samples['class_id'].to_numpy()
    forest = RandomForestClassifier(
        200,
        min_samples_leaf=4,
        class_weight='balanced_subsample',
        random_state=SEED,
        n_jobs=-1,
    )
    forest.fit(features[~test], classes[~test])
    pred = forest.predict(features[test])
    return float(balanced_accuracy_score(classes[test], pred))


def having(samples: pd.DataFrame, gases: Sequence[str]) -> np.ndarray:
    """Which samples have a frame of each of the gases, (samples,) bool."""
    return np.all([samples[f'{gas}_frame'] != '' for gas in gases], axis=0)


def score_columns(samples: pd.DataFrame, features: Features) -> dict[str, float]:
    """:func:`forest_score` from each gas and from both, of samples that have them."""
    scores = {}
    for name, gases in COLUMNS.items():
        has = having(samples, gases)
        chosen = samples[has]
        if chosen.loc[chosen['split'] != 'test', 'class_id'].nunique() < 2:
            scores[name] = float('nan')
            continue
        joined = np.concatenate([features(gas)[has] for gas in gases], axis=1)
        scores[name] = forest_score(chosen, joined)
    return scores


def by_sample(
    samples: pd.DataFrame, column: str, values: dict[str, np.ndarray]
) -> Features:
    """Features by gas, (samples, n): rows of zeros where a gas is missing."""
    empty = np.zeros_like(next(iter(values.values())))

    def of(gas: str) -> np.ndarray:
        names = samples[f'{gas}_{column}']
        return np.stack([values.get(name, empty) for name in names])

    return of


def image_scores(root: Path, samples: pd.DataFrame, column: str) -> dict[str, float]:
    """:func:`score_columns` from the frames or the masks of a campaign."""
    is_mask = column == 'mask'
    read: Callable = read_mask if is_mask else read_gray
    features: Callable = mask_features if is_mask else frame_features
    names = sorted(
        {name for gas in GASES for name in samples[f'{gas}_{column}']} - {''}
    )
    rows = ordered_map(lambda name: features(read(root / name)), names)
    rows = tqdm(rows, total=len(names), desc=f'{root.name} {column}s', disable=None)
    values = dict(zip(names, rows, strict=True))
    return score_columns(samples, by_sample(samples, column, values))


def predict_health(model: Any, frames: list[dict[Gas, str]]) -> list[int]:
    """The health class that a network predicts for each sample, from its frames."""
    from fume_mm.inference.torch_predictor import TorchPredictor

    predictor, pred = TorchPredictor(model), []
    for start in tqdm(range(0, len(frames), BATCH), desc='network', disable=None):
        batch = [{'name': '', **paths} for paths in frames[start : start + BATCH]]
        for result in predictor.predict(batch):
            assert result.health_scores is not None
            pred.append(int(result.health_scores.argmax()))
    return pred


def network_scores(
    samples: pd.DataFrame, root: Path, config: str, checkpoint: str
) -> dict[str, float]:
    """Of a network that is shown one gas of a test sample, or both."""
    from fume_mm.apis import init_model

    model = init_model(config, checkpoint)
    if model.health_head is None:
        raise UserError(f'{config} has no health_head; use a config with one.')
    tests = samples[samples['split'] == 'test']
    scores = {}
    for name, gases in COLUMNS.items():
        chosen = tests[having(tests, gases)]
        frames = [
            {gas: f'{root}/{row[f"{gas}_frame"]}' for gas in gases}
            for row in chosen.to_dict('records')
        ]
        pred = predict_health(model, frames)
        scores[name] = float('nan')
        if pred:
            scores[name] = float(balanced_accuracy_score(chosen['class_id'], pred))
    return scores


def presence_score(samples: pd.DataFrame) -> float:
    """From which gases are there alone."""
    there = np.stack([samples[f'{gas}_frame'] != '' for gas in GASES], axis=1)
    return forest_score(samples, there.astype(np.float32))


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    samples = read_samples(args.root)
    truth = pd.read_csv(args.root / 'truth.csv', keep_default_na=False)
    truth = truth[truth['log_release'] != '']
    if truth.empty:
        raise UserError(
            f'{args.root} releases no gas; name it as --control of a campaign that '
            'does.'
        )
    releases = {
        path: np.array([value], np.float32)
        for path, value in zip(
            truth['frame_path'], truth['log_release'].astype(float), strict=True
        )
    }
    rows: dict[str, dict[str, float]] = {
        'true release': score_columns(samples, by_sample(samples, 'frame', releases)),
        'true masks': image_scores(args.root, samples, 'mask'),
        'frame thumbnails': image_scores(args.root, samples, 'frame'),
    }
    if args.model:
        rows['network'] = network_scores(samples, args.root, *args.model)
    if args.control:
        control = read_samples(args.control)
        rows['gas-free thumbnails'] = image_scores(args.control, control, 'frame')
        if args.model:
            rows['gas-free network'] = network_scores(
                control, args.control, *args.model
            )
    rows['presence only'] = {'both': presence_score(samples)}
    tests = samples[samples['split'] == 'test']
    counts = {name: int(having(tests, gases).sum()) for name, gases in COLUMNS.items()}
    print(f'{args.root}: balanced accuracy on test vessels (simulated association)')
    table = pd.DataFrame.from_dict(rows, orient='index', columns=[*COLUMNS])
    print(table.to_string(float_format='{:.3f}'.format, na_rep='-'))
    print('test samples:', ', '.join(f'{name} {n}' for name, n in counts.items()))
    if args.json:
        content = {
            'simulated': True,
            'root': str(args.root),
            'balanced_accuracy': rows,
            'test_samples': counts,
        }
        write_json(args.json, content)


if __name__ == '__main__':
    run_cli(main)
