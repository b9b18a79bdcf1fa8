"""The config of the original FUME on ResNet-50 against the original's outputs."""

from pathlib import Path

import torch

from fume_mm.engine.config import load_config
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES
from tests.models import golden

CONFIG = Path(__file__).parents[2] / 'configs/fume/fume_r50_original.py'


def test_config_equals_the_original() -> None:
    outputs = golden.Outputs('fume_r50')
    register_all_modules()
    with torch.device('meta'):
        model = MODELS.build(load_config(str(CONFIG)).model)
    model.load_state_dict(golden.model_state('fume_r50', model), assign=True)
    model.eval()
    frames = dict(zip(GASES, golden.model_inputs(), strict=True))
    for case in ('both', 'co2_only', 'ch4_only'):
        given = [case in ('both', f'{gas}_only') for gas in GASES]
        with torch.no_grad():
            out = model(frames | {'present': torch.tensor([given, given])})
        outputs.hold(f'{case}.cls_logits', out['health'])
        for gas, here in zip(GASES, given, strict=True):
            if here:
                outputs.hold(f'{case}.{gas}_seg_logits', out[gas])
