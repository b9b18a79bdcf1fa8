r"""Test a checkpoint on the test split of its config.

Prints a table of the scores with 95 % intervals, and writes test_results.json and
predictions.csv, a row per sample, into the work dir; on request also the predicted
masks and a picture of each sample. tools/analysis_tools/eval_predictions.py computes
the scores again from the predictions.

Example:
    python tools/test.py configs/fume/fume_r50.py work_dirs/fume_r50/last.pth \
        --out work_dirs/fume_r50/masks
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli

BOOTSTRAP_SEED = 0


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        __doc__, 'config', '--cfg-options', '--work-dir', '--launcher', '--resamples'
    )
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='write the predicted masks into this folder, <sample_id>_<gas>.png with 0 '
        "background, 1 tube, 2 gas at the frame's own size",
    )
    parser.add_argument(
        '--show-dir',
        metavar='DIR',
        help='write a panel per sample into this folder, <sample_id>.png: frames, '
        'truth and prediction',
    )
    parser.add_argument(
        '--predictions',
        metavar='FILE',
        help='where the row of each sample goes, .csv or .parquet (default: '
        'predictions.csv in the work dir)',
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help='test-time augmentation: average over the views of the tta_pipeline '
        '(default: as `tta` in the config)',
    )
    return parser.parse_args()


def switch_tta_on(cfg: Any) -> None:
    """Make ``cfg`` test several views of each sample and average them.

    Raises:
        UserError: If the config does not say how.
    """
    if not cfg.get('tta_model') or not cfg.get('tta_pipeline'):
        raise UserError(
            f'{cfg.filename}: has no tta_model or no tta_pipeline, which test-time '
            'augmentation needs; leave --tta out.'
        )
    cfg.model = {**cfg.tta_model, 'module': cfg.model}
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline


def leave_out_unpredicted(evaluator: Any, model: Any) -> None:
    """Take metrics out of the evaluator that the model has no head for."""
    heads = {
        'decode_head': ('masks', 'masks'),
        'health_head': ('health', 'health class'),
    }
    for head, (needs, what) in heads.items():
        if getattr(model, head, model) is None and hasattr(evaluator, 'leave_out'):
            evaluator.leave_out(needs, f'the model predicts no {what}')


def dataset_identity(dataset: Any, details: dict[str, Any]) -> dict[str, Any]:
    """What was tested on, so that two results can be told to be of the same data."""
    from fume_mm.io.provenance import file_sha256

    meta = dataset.metainfo
    return {
        'name': Path(dataset.data_root).resolve().name,
        'ann_file': Path(dataset.ann_file).name,
        'ann_file_sha256': file_sha256(dataset.ann_file),
        'samples': len(dataset),
        'vessels': details.get('vessels', {}).get('number'),
        'gases': list(meta.get('gases', ())),
        'left_out': meta.get('left_out', 0),
        'pairing': meta.get('pairing', {}),
        'fold': fold_name(dataset),
        # not among the samples, since they cannot be read
        'bad_samples': list(getattr(dataset, 'bad_samples', ())),
    }


def fold_name(dataset: Any) -> str | None:
    """The folder of the fold; None where the CSVs lie in the data root."""
    place = getattr(dataset, 'ann_root', None)
    if place is None or place.resolve() == Path(dataset.data_root).resolve():
        return None
    return place.resolve().name


def main() -> None:
    """Test."""
    args = parse_args()
    from mmengine.dist import is_main_process

    from fume_mm.datasets.data_card import keep_card
    from fume_mm.engine.config import config_errors, load_config
    from fume_mm.engine.fitting import check_parts
    from fume_mm.engine.runner import build_runner
    from fume_mm.engine.stopping import leave_group
    from fume_mm.evaluation.predictions import check_path, write_predictions
    from fume_mm.evaluation.scores import Scores
    from fume_mm.io import provenance
    from fume_mm.io.weights import require_match
    from fume_mm.reporting.test_results import content_text, write_results
    from fume_mm.structures.marks import MARKS

    if args.predictions:
        check_path(args.predictions)
    cfg = load_config(args.config, args.cfg_options)
    config_hash = provenance.config_sha256(cfg.to_dict())
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or f'work_dirs/{Path(args.config).stem}'
    )
    cfg.load_from = args.checkpoint
    tta = args.tta or cfg.get('tta', False)
    if tta:
        switch_tta_on(cfg)
    # early stopping would load the training split, which need not be there
    left_out = ('PanelHook', 'ResumableEarlyStoppingHook')
    cfg.custom_hooks = [
        hook for hook in cfg.get('custom_hooks', []) if hook['type'] not in left_out
    ]
    if args.out:
        cfg.custom_hooks.append({'type': 'MaskHook', 'out_dir': args.out})
    if args.show_dir:
        cfg.custom_hooks.append({'type': 'PanelHook', 'out_dir': args.show_dir})
    runner = build_runner(cfg, launcher=args.launcher)
    model = runner.model
    while hasattr(model, 'module'):  # of processes, of views
        model = model.module
    require_match(model, args.checkpoint)
    with config_errors(cfg):
        evaluator = runner.test_loop.evaluator
    leave_out_unpredicted(evaluator, model)
    try:
        metrics = runner.test()
    except (AssertionError, IndexError, RuntimeError, TypeError):
        # training asks this first, of a model that has no checkpoint to fit
        check_parts(cfg)
        raise
    first = is_main_process()
    leave_group()
    if not first:
        return
    dataset = runner.test_dataloader.dataset
    marks = {name: dataset.metainfo[name] for name in MARKS}
    scores = getattr(evaluator, 'scores', Scores(metrics))
    scores = scores.with_intervals(args.resamples, BOOTSTRAP_SEED)
    predictions = args.predictions or str(Path(cfg.work_dir) / 'predictions.csv')
    content = {
        'config': args.config,
        'config_sha256': config_hash,
        'seed': (cfg.get('randomness') or {}).get('seed'),
        'checkpoint': args.checkpoint,
        'checkpoint_sha256': provenance.file_sha256(args.checkpoint),
        'date': datetime.now(UTC).isoformat(timespec='seconds'),
        'commit': provenance.commit(),
        'versions': provenance.versions(),
        'dataset': dataset_identity(dataset, scores.details),
        **marks,
        'tta': tta,
        'predictions': None if scores.table is None else predictions,
        **scores.to_json(),
    }
    print(content_text(content))
    if root := getattr(dataset, 'data_root', None):
        keep_card(root, cfg.work_dir, 'test')
    out = Path(cfg.work_dir) / 'test_results.json'
    write_results(content, out)
    written = [out, args.out, args.show_dir]
    if scores.table is not None:
        write_predictions(scores.table.assign(**marks), predictions)
        written.insert(1, predictions)
    for path in filter(None, written):
        print(f'written: {path}')


if __name__ == '__main__':
    run_cli(main)
