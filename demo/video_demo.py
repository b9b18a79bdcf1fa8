r"""What a model says of a CO2 video, a CH4 video, or both of one vessel.

Writes annotated.mp4 (both gases side by side), frames.csv (areas and class
probabilities at each instant), timeline.png and .svg, and verdict.json: what the mean
of the clip's class probabilities says (docs/verdicts.md). A camera's number or a
stream's URL in place of a file is watched live, dropping frames rather than falling
behind, until Ctrl-C.

Examples:
    python demo/video_demo.py configs/fume/fume_fastscnn.py \
        work_dirs/fume_fastscnn/last.pth --co2 co2.mp4 --ch4 ch4.mp4 \
        --out-dir work_dirs/video
    python demo/video_demo.py model.onnx --co2 0 --duration 60 --out-dir work_dirs/live
"""

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any

from fume_mm.errors import run_cli
from fume_mm.structures import GAS_LABELS, GASES


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', nargs='?', help='config (.py) or exported file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint of a config')
    for gas in GASES:
        parser.add_argument(
            f'--{gas}',
            metavar='VIDEO',
            help=f'{GAS_LABELS[gas]} video: a file, a camera number or a stream URL; '
            'leave it out where it was not recorded',
        )
    parser.add_argument(
        '--offset',
        type=float,
        default=0.0,
        metavar='SECONDS',
        help='from the first CO2 frame to the first CH4 frame; negative if CH4 began '
        'earlier (default: %(default)s)',
    )
    parser.add_argument(
        '--fps',
        type=float,
        help='instants per second (default: the higher frame rate of the two)',
    )
    parser.add_argument(
        '--max-latency',
        type=float,
        metavar='SECONDS',
        help='live: a frame that waited longer is not used (default: 1)',
    )
    parser.add_argument(
        '--duration',
        type=float,
        metavar='SECONDS',
        help='live: when to end (default: at Ctrl-C)',
    )
    parser.add_argument(
        '--out-dir',
        metavar='DIR',
        type=Path,
        default=Path('work_dirs/video'),
        help='where to write (default: %(default)s)',
    )
    parser.add_argument(
        '--device',
        default='cpu',
        help="where a config's model runs: cpu, cuda or cuda:1 (default: %(default)s)",
    )
    return parser.parse_args()


def lines(content: dict[str, Any]) -> list[str]:
    """What is printed of a clip."""
    text = []
    for gas, source in content['gases'].items():
        if source['mean_share']:
            shares = [f'{name} {x:.2%}' for name, x in source['mean_share'].items()]
            text.append(f'{GAS_LABELS[gas]}: on average {", ".join(shares)}')
    verdict = content['verdict']
    if verdict:
        scores = verdict['probabilities'].items()
        shown = ', '.join(f'{name} {score:.1%}' for name, score in scores)
        text.append(f'verdict: {verdict["text"]}')
        text += [f'  {note}' for note in verdict['notes']]
        if shown:
            text.append(
                f'  mean probabilities: {shown}; {verdict["agreement"]:.0%} of '
                f'{verdict["instants"]} instants agree, which is no confidence'
            )
    speed = content['speed']['instants_per_second']
    text.append(f'{content["instants"]} instants, {speed:.1f} a second')
    return text


def main() -> None:
    """Run and print the verdict."""
    args = parse_args()
    from fume_mm.inference.inferencer import choose_model, load_predictor
    from fume_mm.inference.video.annotate import annotate
    from fume_mm.inference.video.cameras import Source, open_pairs, parse_source

    sources: dict[str, Source] = {
        gas: parse_source(getattr(args, gas)) for gas in GASES if getattr(args, gas)
    }
    model, weights = choose_model(args.model, args.checkpoint)
    pairs = open_pairs(
        sources,
        offset=args.offset,
        rate=args.fps,
        max_latency=args.max_latency,
        duration=args.duration,
    )
    # opened first: a model takes seconds to load
    with closing(pairs):
        content = annotate(
            load_predictor(model, weights, args.device),
            pairs,
            out_dir=args.out_dir,
            about={'model': str(model), 'weights': weights and str(weights)},
        )
    print('\n'.join(lines(content)))
    names = [*content['files'].values(), 'verdict.json']
    print(f'written: {args.out_dir}/{{{",".join(names)}}}')


if __name__ == '__main__':
    run_cli(main)
