"""Configs that train on what a plain import gives: only the data root is named."""

import json
from pathlib import Path

import pytest

from tests.campaigns import annotations, make_campaign, pair_campaign, read_rows
from tests.campaigns import write_rows as write
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
HEALTH = dict.fromkeys(('ph_value', 'class_id', 'class_name'), '')
pytestmark = pytest.mark.slow


def campaign(folder: Path, gas: str | None, **emptied: str) -> Path:
    """8 frames or pairs a split; the fields ``emptied`` are, a mask now and then."""
    single = {'co2': ('co2_only', 'ch4_only'), 'ch4': ('ch4_only', 'co2_only')}
    only = dict.fromkeys(('co2_only', 'ch4_only'), ())
    if gas:
        only[single[gas][0]] = range(8)
    root = make_campaign(folder, vessels=8, frames=1, **only)
    for split in ('train', 'val', 'test'):
        rows = [row | emptied for row in read_rows(annotations(root, split))]
        rows[1]['mask_path'] = ''
        write(annotations(root, split), rows)
    return pair_campaign(root)


def run(tool: str, *arguments: object) -> str:
    done = run_tool(tool, *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ('name', 'gas', 'emptied', 'figure'),
    [
        ('masks', None, HEALTH, 'seg/mIoU'),
        ('finetune', None, HEALTH, 'seg/mIoU'),
        ('co2', 'co2', HEALTH, 'seg/mIoU'),
        ('ch4', 'ch4', HEALTH, 'seg/mIoU'),
        ('health', None, {'mask_path': ''}, 'cls/balanced_accuracy'),
    ],
)
def test_two_iterations_and_a_test(name, gas, emptied, figure, tmp_path):
    root = campaign(tmp_path / 'campaign', gas, **emptied)
    config, work_dir = f'configs/fume/fume_fastscnn_{name}.py', tmp_path / 'run'
    options = [f'data_root={root}', 'scale=(64,48)']
    options += [f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')]
    short = ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=4']
    if name == 'finetune':
        short.append('param_scheduler=[]')
    else:  # a small model, where no weights say how large it is
        options.append('model.backbone.encoder.stage_blocks=(1,1,1)')
    said = run(
        'tools/train.py',
        *(config, f'--work-dir={work_dir}', '--cfg-options', *options, *short),
    )
    assert '[2/2]' in said
    assert 'frames have no mask' in said
    run(
        'tools/test.py',
        *(config, work_dir / 'last.pth', f'--work-dir={work_dir}', '--resamples=0'),
        *('--cfg-options', *options),
    )
    results = json.loads((work_dir / 'test_results.json').read_text())
    assert 0 <= results['metrics'][figure] <= 1
    kinds = {key.split('/')[0] for key in results['metrics']}
    assert ('cls' in kinds, 'seg' in kinds) == (name == 'health', name != 'health')


def test_masks_cannot_be_learnt_where_there_are_none(tmp_path):
    root = campaign(tmp_path / 'campaign', None, mask_path='')
    done = run_tool(
        'tools/train.py',
        'configs/fume/fume_fastscnn_masks.py',
        *(f'--work-dir={tmp_path}', '--cfg-options', f'data_root={root}'),
    )
    assert done.returncode == 2
    assert 'no frame of the dataset has a mask' in done.stderr
    assert 'fume_fastscnn_health.py' in done.stderr
