r"""What a model says of one CO2 frame, one CH4 frame, or both of one vessel.

Writes <gas>_mask.png (0 background, 1 tube, 2 gas), panel.png and prediction.json.

Example:
    python demo/image_demo.py configs/fume/fume_r50.py work_dirs/fume_r50/last.pth \
        --co2 co2.png --ch4 ch4.png --out-dir work_dirs/demo
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.errors import UserError, run_cli
from fume_mm.structures import (
    GAS_LABELS,
    GASES,
    HEALTH_CLASSES,
    SEG_CLASSES,
    DualGasDataSample,
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    for gas in GASES:
        parser.add_argument(
            f'--{gas}',
            metavar='IMG',
            help=f'{GAS_LABELS[gas]} frame, gray levels, any size; leave it out where '
            'it was not recorded',
        )
    parser.add_argument(
        '--out-dir', metavar='DIR', type=Path, required=True, help='where to write'
    )
    parser.add_argument(
        '--device', default='cpu', help='cpu, cuda or cuda:1 (default: %(default)s)'
    )
    return parser.parse_args()


def describe_mask(mask: np.ndarray) -> dict[str, Any]:
    """Size, pixels and share of the frame of each class of a mask, (H, W)."""
    counts = np.bincount(mask.ravel(), minlength=len(SEG_CLASSES)).tolist()
    return {
        'width': mask.shape[1],
        'height': mask.shape[0],
        'pixels': dict(zip(SEG_CLASSES, counts, strict=True)),
        'share': {
            name: count / mask.size
            for name, count in zip(SEG_CLASSES, counts, strict=True)
        },
    }


def describe_health(sample: DualGasDataSample) -> dict[str, Any] | None:
    """The predicted class and the probability of each; None without a health head."""
    if 'health_scores' not in sample:
        return None
    scores = sample.health_scores.tolist()
    return {
        'class': HEALTH_CLASSES[int(sample.pred_health)],
        'probabilities': dict(zip(HEALTH_CLASSES, scores, strict=True)),
    }


def lines(content: dict[str, Any]) -> list[str]:
    """What is printed of a prediction."""
    text = []
    for gas in GASES:
        mask = content['masks'].get(gas)
        if not content['frames'][gas]:
            text.append(f'{GAS_LABELS[gas]}: not given')
        elif mask:
            shares = [f'{name} {mask["share"][name]:.2%}' for name in SEG_CLASSES[1:]]
            size = f'{mask["width"]}x{mask["height"]}'
            text.append(f'{GAS_LABELS[gas]}: {", ".join(shares)} of {size} pixels')
    if content['health']:
        scores = content['health']['probabilities'].items()
        shown = ', '.join(f'{name} {score:.1%}' for name, score in scores)
        text.append(f'health: {content["health"]["class"]} ({shown})')
    return text


def main() -> None:
    """Predict and write."""
    args = parse_args()
    from fume_mm.apis import inference_model, init_model
    from fume_mm.engine.hooks.mask_hook import predicted_masks, write_mask
    from fume_mm.engine.hooks.panel_hook import read_frames
    from fume_mm.visualization import dataset_note, draw_panel, write_png

    given = {gas: getattr(args, gas) for gas in GASES}
    model = init_model(args.config, args.checkpoint, args.device)
    sample = inference_model(model, **given)
    masks = {} if model.decode_head is None else predicted_masks(sample)
    training_data = dataset_note(model.dataset_meta)
    content = {
        'config': args.config,
        'checkpoint': args.checkpoint,
        'training_data': training_data,
        'frames': given,
        'health': describe_health(sample),
        'masks': {gas: describe_mask(mask) for gas, mask in masks.items()},
    }
    panel = draw_panel(
        read_frames(sample),
        sample,
        title=', '.join(Path(path).name for path in given.values() if path),
        note=f'training data: {training_data}' if training_data else None,
    )
    out = args.out_dir
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f'{out}: cannot be made a folder ({error.strerror}); choose another '
            '--out-dir.'
        ) from error
    for gas, mask in masks.items():
        write_mask(out / f'{gas}_mask.png', mask)
    write_png(out / 'panel.png', panel)
    text = json.dumps(content, indent=2) + '\n'
    (out / 'prediction.json').write_text(text, encoding='utf-8')
    print('\n'.join(lines(content)))
    names = [*(f'{gas}_mask.png' for gas in masks), 'panel.png', 'prediction.json']
    print(f'written: {out}/{{{",".join(names)}}}')


if __name__ == '__main__':
    run_cli(main)
