"""The bundled weights say the same of a file in the test loop and in use."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.apis import DualGasInferencer
from fume_mm.inference.inferencer import default_model
from fume_mm.io.images import read_mask
from fume_mm.structures import GASES
from tests.campaigns import make_campaign, pair_campaign
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / 'demo/examples'
CLASSES = ('healthy', 'transitional', 'acidotic')
GAS = 2
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def inferencer() -> DualGasInferencer:
    return DualGasInferencer()


@pytest.fixture(scope='module')
def campaign(
    tmp_path_factory: pytest.TempPathFactory, inferencer: DualGasInferencer
) -> Path:
    """Six examples in 16 bits; their truth is what the model says of the 8 bits."""
    root = make_campaign(
        tmp_path_factory.mktemp('campaign'),
        vessels=3,
        frames=1,
        splits=('test',),
        co2_only=(),
        ch4_only=(),
    )
    for vessel, name in enumerate(CLASSES):
        paths = {gas: EXAMPLES / f'simulated_{name}_{gas}.png' for gas in GASES}
        (result,) = inferencer(**paths, pbar=False)['predictions']
        for gas in GASES:
            file = f'test/test_v{vessel}_f0_a0_{gas}.png'
            image = result.frames[gas].astype(np.uint16) * 24 + 4000
            cv2.imwrite(str(root / 'images' / file), image)
            cv2.imwrite(str(root / 'masks' / file), result.masks[gas])
    return pair_campaign(root, splits=('test',))


def test_sixteen_bits_score_the_same(
    campaign: Path, inferencer: DualGasInferencer, tmp_path: Path
) -> None:
    config, weights = default_model()
    done = run_tool(
        'tools/test.py',
        config,
        weights,
        '--resamples=0',
        *(f'--work-dir={tmp_path}', f'--out={tmp_path}/tested', '--cfg-options'),
        *(f'data_root={campaign}', 'test_dataloader.num_workers=0'),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for _ in inferencer.stream(campaign, out_dir=tmp_path / 'used', panels=False):
        pass
    tested = {path.name: path for path in (tmp_path / 'tested').iterdir()}
    used = {path.name: path for path in (tmp_path / 'used/masks').iterdir()}
    assert tested.keys() == used.keys() and len(used) == 6
    both, any_ = 0, 0
    for name in used:
        masks = [read_mask(paths[name]) for paths in (tested, used)]
        assert np.array_equal(*masks), name
        vessel, gas = name.split('_')[1], name.split('_')[-1]
        truth = read_mask(campaign / f'masks/test/test_{vessel}_f0_a0_{gas}')
        both += ((masks[1] == GAS) & (truth == GAS)).sum()
        any_ += ((masks[1] == GAS) | (truth == GAS)).sum()
    assert both / any_ > 0.5
    scores = json.loads((tmp_path / 'test_results.json').read_text())['metrics']
    assert scores['seg/gas_IoU'] == pytest.approx(both / any_, abs=1e-6)
