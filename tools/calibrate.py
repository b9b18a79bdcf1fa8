r"""Calibrate a checkpoint's verdicts on vessels that training did not see.

Writes into the checkpoint, and exports carry it on: which sets of classes hold the true
one for 80, 90 and 95 of 100 vessels, by the gases that a sample has; how often each
verdict was right; and what the campaign's frames are like, so that others are refused.
The vessels should be of the kind that the model will see, a hundred at least, and
neither training nor the choice of the checkpoint should have seen them.

Example:
    python tools/calibrate.py configs/fume/fume_fastscnn.py \
        work_dirs/fume_fastscnn/last.pth
"""

import argparse
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, 'config', '--cfg-options', '--device')
    parser.add_argument('checkpoint', help='checkpoint file; it is changed')
    parser.add_argument(
        '--split',
        choices=('val', 'test'),
        default='val',
        help='of the config (default: %(default)s)',
    )
    return parser.parse_args()


def main() -> None:
    """Calibrate."""
    args = parse_args()
    from fume_mm.engine.config import config_errors, load_config
    from fume_mm.inference.torch_predictor import TorchPredictor, init_model
    from fume_mm.inference.trust.calibrating import (
        calibrated,
        labelled_samples,
        observe,
    )
    from fume_mm.inference.trust.conformal import LEVELS
    from fume_mm.inference.trust.verdicts import FRAME, TRUST, VESSEL
    from fume_mm.io.progress import progress_bar
    from fume_mm.io.provenance import file_sha256
    from fume_mm.io.weights import update_meta
    from fume_mm.registry import DATASETS, use_scope

    cfg = load_config(args.config, args.cfg_options)
    use_scope()
    with config_errors(cfg):
        dataset = DATASETS.build(cfg[f'{args.split}_dataloader'].dataset)
    samples = labelled_samples(dataset)
    predictor = TorchPredictor(init_model(cfg, args.checkpoint, args.device))
    bar = progress_bar(total=len(samples), unit='sample', show=True)
    observed = observe(predictor, samples, on_sample=bar.update)
    bar.close()
    content = calibrated(
        observed,
        predictor.labels,
        campaign=Path(dataset.data_root).resolve().name,
        ann_file=Path(dataset.ann_file).name,
        ann_file_sha256=file_sha256(dataset.ann_file),
        simulated=bool(dataset.metainfo['simulated']),
    )
    update_meta(args.checkpoint, **{TRUST: content})
    for unit in (FRAME, VESSEL):
        for pattern, table in content[unit].items():
            of = f'{unit}s' if unit == FRAME else f'vessels of {table["frames"]} frames'
            print(f'{of}, {pattern}: {table["vessels"]} vessels')
            for kind, start in (('records', ''), ('undecided', 'undecided, most ')):
                for said, (right, number, chance) in table[kind].items():
                    print(
                        f'  {start}{said}: right for {right:.0%} of {number:.0f}; '
                        f'chance {chance:.0%}'
                    )
            if table['vessels'] < 1 / (1 - max(LEVELS)):
                print('  too few vessels: no class can ever be ruled out')
    if not content['gate']['gases']:
        print('too few frames to know what such frames are like: others are not told')
    print(f'written: {args.checkpoint}')


if __name__ == '__main__':
    run_cli(main)
