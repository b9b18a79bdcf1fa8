"""Configs against the outputs of the original that they stand for."""

from pathlib import Path

import pytest
import torch

from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.registry import MODELS, register_all_modules
from tests.models import golden

CONFIGS = Path(__file__).parents[2] / 'configs'
SINGLE = ('co2_only', 'ch4_only')
register_all_modules()


# without attention the original fuses what it makes of the frame for a missing gas
@pytest.mark.parametrize(
    ('config', 'name', 'cases'),
    [
        ('fume/fume_r50_original', 'fume_r50', ('both', *SINGLE)),
        ('reproduction/original_fastscnn', 'fume_fastscnn', SINGLE),
        ('reproduction/original_fastscnn_concat', 'fume_fastscnn_concat', SINGLE),
        ('reproduction/original_r50_concat', 'fume_r50_concat', SINGLE),
    ],
)
def test_config_equals_the_original(
    config: str, name: str, cases: tuple[str, ...]
) -> None:
    cfg = load_config(str(CONFIGS / f'{config}.py'))
    if config.startswith('reproduction'):
        assert (cfg.model.missing, cfg.model.black) == ('black', -1.0)
        cfg.model.black = 0.0  # the record's: all zero as the encoder sees it
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    model.load_state_dict(golden.model_state(name, model), assign=True)
    model.eval()
    golden.Outputs(name).hold_model(model, cases)


def test_what_stands_for_a_missing_gas_is_one_of_two() -> None:
    cfg = load_config(str(CONFIGS / 'fume/fume_fastscnn_concat.py'))
    with pytest.raises(UserError, match=r"model\.missing is 'zeros'; choose 'absent'"):
        MODELS.build({**cfg.model, 'missing': 'zeros'})
