"""Campaigns whose classes are not FUME's, from files on disk to exported inference."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from fume_mm.io.weights import read_checkpoint
from tests.campaigns import annotations, make_campaign, read_rows, write_rows
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
FLOWS = ['flow1', 'flow2', 'flow3', 'flow4', 'flow5']
#: Config: what the campaign's labels.json says.
FORMS = {
    'fume_fastscnn_two_classes': {
        'health_classes': ['Healthy', 'Acidotic'],
        'ph_limits': [5.75],
    },
    'fume_fastscnn_flow': {'health_classes': FLOWS, 'ph_limits': None},
    'fume_fastscnn_gas_only_masks': {'classes': ['background', 'gas']},
}
FUME = ['Healthy', 'Transitional', 'Acidotic']


def relabel(root: Path, form: str) -> Path:
    """Turn a campaign of FUME's classes into one of the form's."""
    for split in ('train', 'val', 'test'):
        rows = read_rows(annotations(root, split))
        for row in rows:
            if form == 'fume_fastscnn_flow':
                number = int(row['original_sample_id'].split('_')[1][1:]) % len(FLOWS)
                row |= {'ph_value': '', 'class_id': str(number)}
                row['class_name'] = FLOWS[number]
            elif form == 'fume_fastscnn_two_classes':
                ill = float(row['ph_value']) < 5.75
                row |= {'class_id': str(int(ill))}
                row['class_name'] = 'Acidotic' if ill else 'Healthy'
            else:
                path = str(root / row['mask_path'])
                mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
                cv2.imwrite(path, (mask == 2).astype(np.uint8))
        write_rows(annotations(root, split), rows)
    (root / 'labels.json').write_text(json.dumps(FORMS[form]))
    return root


def commands(form: str, folder: Path) -> list[list[object]]:
    """Every command from the annotations to the exported file's results."""
    config, campaign, run = folder / f'{form}.py', folder / 'campaign', folder / 'w'
    # small, since it is its classes that are asked for
    config.write_text(
        f"_base_ = '{ROOT}/configs/fume/{form}.py'\n"
        'model = dict(backbone=dict(encoder=dict(stage_blocks=(1, 1, 1))))\n'
        'test_dataloader = dict(dataset=dict(scale=(64, 64)))\n'
    )
    options = [
        '--cfg-options',
        f'data_root={campaign}',
        'scale=(64,64)',
        *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
    ]
    training = ['train_dataloader.batch_size=4', 'train_cfg.max_epochs=1']
    checkpoint, model = f'{run}/last.pth', f'{folder}/model.onnx'
    frames = [f'--{gas}={campaign}/images/test/test_v0_f0_a0_{gas}.png' for gas in GAS]
    out = [f'--out={run}/masks', f'--show-dir={run}/panels', f'--work-dir={run}']
    analysis = 'tools/analysis_tools'
    return [
        ['tools/dataset_converters/pair_gases.py', campaign],
        ['tools/misc/check_dataset.py', campaign],
        [f'{analysis}/dataset_stats.py', campaign, f'--out={folder}/stats'],
        [f'{analysis}/browse_dataset.py', config, f'--out={folder}/browse', *options],
        ['tools/train.py', config, f'--work-dir={run}', *options, *training],
        ['tools/test.py', config, checkpoint, *out, *options],
        [f'{analysis}/report.py', run],
        # the others are in the report
        [f'{analysis}/figures.py', run, f'--out={folder}/figures', '--which=confusion'],
        [f'{analysis}/print_results.py', f'{run}/test_results.json'],
        [f'{analysis}/eval_predictions.py', f'{run}/predictions.csv'],
        [f'{analysis}/compare.py', run, '--table=3'],
        ['demo/image_demo.py', config, checkpoint, *frames, f'--out-dir={folder}/a'],
        ['tools/deployment/export.py', config, checkpoint, f'--out={model}', *frames],
        ['demo/image_demo.py', model, *frames, f'--out-dir={folder}/b'],
    ]


GAS = ('co2', 'ch4')


#: The other two have every kind of difference that this one has.
_LONG = [pytest.param('fume_fastscnn_two_classes', marks=pytest.mark.long)]


@pytest.fixture(
    scope='module', params=[*_LONG, *[x for x in FORMS if x != _LONG[0].values[0]]]
)
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """The form, and the folder in which all commands have run; what they said."""
    form = request.param
    folder = tmp_path_factory.mktemp(form)
    relabel(make_campaign(folder / 'campaign', size=(64, 64), frames=1), form)
    said = ''
    for words in commands(form, folder):
        done = run_tool(*words)
        said += done.stdout + done.stderr
        assert done.returncode == 0, f'{words}: {said[-3000:]}'
    (folder / 'said.txt').write_text(said)
    return form, folder


def names_of(form: str) -> tuple[list[str], list[str]]:
    """Health and mask classes of a form."""
    labels = FORMS[form]
    return (
        labels.get('health_classes', FUME),
        labels.get('classes', ['background', 'tube', 'gas']),
    )


def read_csv(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        return list(reader.fieldnames or ()), rows


@pytest.mark.slow
def test_two_iterations_are_trained(run: tuple[str, Path]) -> None:
    _, folder = run
    content = read_checkpoint(str(folder / 'w/last.pth'))
    assert content['meta']['iter'] >= 1
    assert 'no defects' in (folder / 'said.txt').read_text()


@pytest.mark.slow
def test_heads_and_checkpoint_are_of_the_classes(run: tuple[str, Path]) -> None:
    form, folder = run
    health, masks = names_of(form)
    content = read_checkpoint(str(folder / 'w/last.pth'))
    state, meta = content['state_dict'], content['meta']['dataset_meta']
    assert state['decode_head.ch4.conv_seg.weight'].shape[0] == len(masks)
    last = max(k for k in state if re.fullmatch(r'health_head\.mlp\.\d+\.bias', k))
    assert state[last].shape == (len(health),)
    assert list(meta['health_classes']) == health and list(meta['classes']) == masks
    assert len(meta['palette']) == len(masks)


@pytest.mark.slow
def test_scores_and_predictions_are_of_the_classes(run: tuple[str, Path]) -> None:
    form, folder = run
    health, masks = names_of(form)
    results = json.loads((folder / 'w/test_results.json').read_text())
    keys = set(results['metrics'])
    assert {k.split('/')[-1] for k in keys if k.startswith('cls/f1/')} == set(health)
    assert {k.split('/')[-1] for k in keys if k.startswith('seg/IoU/')} == set(masks)
    assert np.shape(results['details']['cls']['confusion']['all']) == (len(health),) * 2
    assert np.shape(results['details']['seg']['confusion']['all']) == (len(masks),) * 2
    columns, rows = read_csv(folder / 'w/predictions.csv')
    assert [c for c in columns if c.startswith('p_')] == [
        f'p_{x.lower()}' for x in health
    ]
    assert {row['true_class'] for row in rows} <= set(health)
    assert sum(c.startswith('co2_') and '_as_' in c for c in columns) == len(masks) ** 2


@pytest.mark.slow
def test_both_ways_of_inference_name_the_classes(run: tuple[str, Path]) -> None:
    form, folder = run
    health, masks = names_of(form)
    both = []
    for out in ('a', 'b'):
        (sample,) = json.loads((folder / out / 'results.json').read_text())['samples']
        assert list(sample['health']['probabilities']) == health
        assert list(sample['masks']['ch4']['pixels']) == masks
        columns, _ = read_csv(folder / out / 'results.csv')
        assert [c for c in columns if c.startswith('ch4_')] == [
            f'ch4_{name}_px' for name in masks[1:]
        ]
        both.append(sample)
    a, b = (x['health']['probabilities'] for x in both)
    assert list(a.values()) == pytest.approx(list(b.values()), abs=1e-4)
    session = onnxruntime.InferenceSession(str(folder / 'model.onnx'))
    shapes = {output.name: output.shape for output in session.get_outputs()}
    assert shapes['health'][1] == len(health)
    assert shapes['co2_coarse'][1] == len(masks)
    said = json.loads(session.get_modelmeta().custom_metadata_map['fume_mm'])
    assert said['health_classes'] == health and said['classes'] == masks


@pytest.mark.slow
def test_no_other_classes_are_named_anywhere(run: tuple[str, Path]) -> None:
    form, folder = run
    health, masks = names_of(form)
    strange = set(FUME) - set(health) | {'tube'} - set(masks)
    texts = [
        path
        for path in folder.rglob('*')
        if path.suffix in ('.json', '.csv', '.html', '.txt', '.log', '.py', '.onnx')
        and path.name != 'labels.json'
    ]
    names = {path.name for path in texts}
    assert {'predictions.csv', 'report.html', 'said.txt', 'results.json'} <= names
    for path in texts:
        content = path.read_text(encoding='utf-8', errors='ignore').lower()
        found = [name for name in strange if re.search(rf'\b{name.lower()}\b', content)]
        assert not found, f'{path} names {found}'
