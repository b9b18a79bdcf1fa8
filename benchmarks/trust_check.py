r"""How well a calibrated model's verdicts keep what they say.

The gate: what it refuses of pictures that are no such frames (not_frames.py), of frames
in other colour palettes, of swapped gases and of one frame given twice; and of a
campaign's own frames and of a folder of frames to be kept. The sets: how often they
hold the true class, of a campaign's vessels by the file's own limits, and over many
campaigns drawn from these vessels, half to calibrate on, half to test.

Example:
    python benchmarks/trust_check.py configs/fume/fume_fastscnn_benchmark_health.py \
        demo/weights/fume_fastscnn_benchmark_health.safetensors --keep frames/real \
        --json work_dirs/trust.json
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.not_frames import not_frames  # noqa: E402
from fume_mm.engine.options import make_parser  # noqa: E402
from fume_mm.errors import UserError, run_cli  # noqa: E402
from fume_mm.inference.trust.calibrating import (  # noqa: E402
    Observation,
    by_vessel,
    labelled_samples,
    observe,
)
from fume_mm.inference.trust.conformal import (  # noqa: E402
    LEVELS,
    class_set,
    threshold,
)
from fume_mm.inference.trust.frame_statistics import frame_statistics  # noqa: E402
from fume_mm.inference.trust.verdicts import FRAME, VESSEL  # noqa: E402
from fume_mm.io.images import IMAGES  # noqa: E402
from fume_mm.structures import GASES  # noqa: E402

#: Given in turns as CO2 alone, as CH4 alone and as both, of two pictures of a kind.
WAYS = (('co2',), ('ch4',), GASES)
CAMPAIGNS = 200
#: Samples of both gases that are swapped, given twice, mapped to palettes.
CHANGED = 80
#: OpenCV's palettes.
PALETTES = range(cv2.COLORMAP_AUTUMN, cv2.COLORMAP_DEEPGREEN + 1)


def judged(predictor: Any, sample: dict[str, Any]) -> tuple[list[str], float]:
    """Why a sample is refused, and its largest distance in that of the limit."""
    try:
        (result,) = predictor.predict([{'name': 'x', **sample}])
    except UserError as error:
        return [str(error)], np.inf
    normals, far = predictor.trust.gate.normals, 0.0
    for gas, frame in result.frames.items():
        values = frame_statistics(frame, result.masks.get(gas), result.labels)
        far = max(far, normals[gas].distance(values) / normals[gas].limit)
    return list(result.verdict.reasons), far


def refused(predictor: Any, samples: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """How many samples are refused, and their distances."""
    found = [judged(predictor, sample) for sample in samples]
    return {
        'samples': len(found),
        'refused': sum(bool(reasons) for reasons, _ in found),
        'distances': [far for _, far in found],
    }


def auroc(low: Sequence[float], high: Sequence[float]) -> float:
    """The probability that one of ``high`` is larger than one of ``low``."""
    a, b = np.array(low)[:, None], np.array(high)[None]
    return float(((a < b) + 0.5 * (a == b)).mean())


def check_gate(
    predictor: Any, frames: Sequence[dict[str, Any]], keep: Path | None, each: int
) -> dict[str, Any]:
    """The gate's figures.

    Args:
        predictor: A calibrated model.
        frames: Samples of a campaign: paths by gas.
        keep: A folder of CO2 frames that are to pass.
        each: Pictures of each kind.
    """
    parts = {'campaign': refused(predictor, frames)}
    if keep is not None:
        names = sorted(x for x in keep.rglob('*') if x.suffix.lower() in IMAGES)
        kept = [{'co2': x} for x in names if 'mask' not in x.name]
        parts['kept'] = refused(predictor, kept)
    made: dict[str, list[dict[str, Any]]] = {}
    others = (picture for _, picture in not_frames(each, seed=1))
    for number, (kind, picture) in enumerate(not_frames(each)):
        other = next(others)
        given = WAYS[number % len(WAYS)]
        sample = dict(zip(given, (picture, other), strict=False))
        made.setdefault(kind, []).append(sample)
    parts |= {kind: refused(predictor, samples) for kind, samples in made.items()}
    far = [x for kind in made for x in parts[kind]['distances']]
    both = [x for x in frames if len(x) == len(GASES)][:CHANGED]
    names = dict(zip(GASES, reversed(GASES), strict=True))
    # arrays: the names of the files would tell
    read = [{g: cv2.imread(str(p), 0) for g, p in x.items()} for x in both]
    alone = [{g: x} for sample in read for g, x in sample.items()]
    changed = {
        'swapped': [{names[g]: x for g, x in sample.items()} for sample in read],
        'one alone as the other': [{names[g]: x[g] for g in x} for x in alone],
        'one given twice': [dict.fromkeys(GASES, x['co2']) for x in read],
        'palettes': [
            {'co2': cv2.applyColorMap(x['co2'], PALETTES[i % len(PALETTES)])}
            for i, x in enumerate(read)
        ],
    }
    parts |= {name: refused(predictor, samples) for name, samples in changed.items()}
    result: dict[str, Any] = {
        name: {key: part[key] for key in ('samples', 'refused')}
        for name, part in parts.items()
    }
    total = [parts[kind] for kind in made]
    result['not such frames'] = {
        key: sum(part[key] for part in total) for key in ('samples', 'refused')
    }
    result['auroc'] = auroc(parts['campaign']['distances'], far)
    return result


def coverage(
    scores: Sequence[np.ndarray], classes: np.ndarray, limits: dict[str, float]
) -> dict[str, Any]:
    """Coverage and size of sets, over vessels, their frames sharing a vessel."""
    found: dict[str, Any] = {'vessels': len(scores)}
    for name, limit in limits.items():
        sets = [np.stack([class_set(p, limit) for p in x]) for x in scores]
        held = [x[:, k].mean() for x, k in zip(sets, classes, strict=True)]
        sizes = [x.sum(axis=1).mean() for x in sets]
        whole = [x.all(axis=1).mean() for x in sets]
        found[name] = {
            'covered': float(np.mean(held)),
            'size': float(np.mean(sizes)),
            'undecided': float(np.mean(whole)),
        }
    return found


def drawn_campaigns(
    scores: Sequence[np.ndarray], classes: np.ndarray, seed: int = 0
) -> dict[str, Any]:
    """Coverage over campaigns drawn from a pool of vessels, one frame of each tested.

    Of a campaign's vessels one half calibrates, the other is tested. The band is where
    95 of 100 binomial counts of a campaign's tested vessels lie.
    """
    rng, half = np.random.default_rng(seed), len(scores) // 2
    rates: dict[float, list[float]] = {level: [] for level in LEVELS}
    for _ in range(CAMPAIGNS):
        order = rng.permutation(len(scores))
        own = [1 - scores[v][:, classes[v]] for v in order[:half]]
        shown = [(scores[v][rng.integers(len(scores[v]))], v) for v in order[half:]]
        for level in LEVELS:
            limit = threshold(own, level)
            held = [class_set(p, limit)[classes[v]] for p, v in shown]
            rates[level].append(float(np.mean(held)))
    tested = len(scores) - half
    return {
        f'{level:.0%}': {
            'mean': float(np.mean(x)),
            'band': [
                level + sign * 1.96 * (level * (1 - level) / tested) ** 0.5
                for sign in (-1, 1)
            ],
            'from_to': np.quantile(x, [0.025, 0.975]).tolist(),
        }
        for level, x in rates.items()
    } | {'campaigns': CAMPAIGNS, 'calibrated_on': half, 'tested_on': tested}


def check_sets(observed: Sequence[Observation], content: Any) -> dict[str, Any]:
    """Coverage by unit and pattern; by the file's limits, and over drawn campaigns."""
    found: dict[str, Any] = {}
    for unit in (FRAME, VESSEL):
        for pattern, table in content[unit].items():
            classes, scores = by_vessel(observed, pattern)
            if unit == VESSEL:
                scores = [x.mean(axis=0, keepdims=True) for x in scores]
            found[f'{unit}, {pattern}'] = {
                'by the file': coverage(scores, classes, table['limits']),
                'drawn': drawn_campaigns(scores, classes),
            }
    return found


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__, 'config', '--cfg-options', '--json')
    parser.add_argument('checkpoint', help='a calibrated checkpoint')
    parser.add_argument('--keep', type=Path, help='folder of CO2 frames that must pass')
    parser.add_argument(
        '--each', type=int, default=40, help='pictures of a kind (%(default)s)'
    )
    parser.add_argument(
        '--frames',
        type=int,
        default=400,
        help="samples of the campaign's test split that the gate sees (%(default)s)",
    )
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    from fume_mm.engine.config import load_config
    from fume_mm.inference.torch_predictor import TorchPredictor, init_model
    from fume_mm.io.files import write_json
    from fume_mm.registry import DATASETS, use_scope

    cfg = load_config(args.config, args.cfg_options)
    use_scope()
    samples = labelled_samples(DATASETS.build(cfg.test_dataloader.dataset))
    predictor = TorchPredictor(init_model(cfg, args.checkpoint))
    frames = [
        {gas: x.frames[gas] for gas in GASES if gas in x.frames}
        for x in samples[: args.frames]
    ]
    gate = check_gate(predictor, frames, args.keep, args.each)
    for name, part in gate.items():
        if name == 'auroc':
            print(f'AUROC of the distance: {part:.4f}')
        else:
            share = part['refused'] / part['samples']
            print(
                f'{name}: {part["refused"]} of {part["samples"]} refused, {share:.1%}'
            )
    sets = check_sets(observe(predictor, samples), predictor.trust.content)
    for name, part in sets.items():
        print(f'{name}: {part["by the file"]["vessels"]} vessels')
        for level in (f'{x:.0%}' for x in LEVELS):
            own, drawn = part['by the file'][level], part['drawn'][level]
            low, high = drawn['band']
            print(
                f'  {level}: covered {own["covered"]:.1%} by the file, '
                f'{own["size"]:.2f} classes, undecided {own["undecided"]:.0%}; '
                f'{drawn["mean"]:.1%} over drawn campaigns (band {low:.1%} to '
                f'{high:.1%}; 95 % of them {drawn["from_to"][0]:.1%} to '
                f'{drawn["from_to"][1]:.1%})'
            )
    if args.json:
        write_json(args.json, {'gate': gate, 'sets': sets})


if __name__ == '__main__':
    run_cli(main)
