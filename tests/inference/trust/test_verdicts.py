import json

import numpy as np
import pytest
import torch

from fume_mm.inference.exported import ExportedModel
from fume_mm.inference.trust.calibrating import (
    LabelledSample,
    Observation,
    calibrated,
    observe,
)
from fume_mm.inference.trust.verdicts import VESSEL, Trust, with_verdict
from fume_mm.inference.video.tally import Tally, values_of
from fume_mm.io.weights import read_checkpoint, update_meta, write_weights
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult
from fume_mm.structures.labels import FUME_LABELS
from fume_mm.structures.verdict import Record, Verdict
from tests.exports import SCALE, write_graph

NAMES = FUME_LABELS.health_classes


def observed(frames=1, vessels=90, seed=0):
    """A model that tells Acidotic from the rest, and no more."""
    rng = np.random.default_rng(seed)
    found = []
    for vessel in range(vessels):
        k = vessel % 3
        for _ in range(frames):
            sour = (0.9 if k == 2 else 0.06) + rng.uniform(-0.05, 0.05)
            part = rng.uniform(0.48, 0.52)
            p = np.array([(1 - sour) * part, (1 - sour) * (1 - part), sour])
            scores = {'both': p, 'co2_only': np.full(3, 1 / 3)}
            found.append(Observation(str(vessel), k, scores, {}, palette=False))
    return found


@pytest.fixture(scope='module')
def content():
    told = calibrated(observed(), FUME_LABELS, campaign='tiny')
    return json.loads(json.dumps(told))


def test_a_set_is_said_with_its_level_and_how_often_it_was_right(content):
    trust = Trust(content, 'simulated')
    verdict = trust.verdict([0.48, 0.47, 0.05], 'both')
    assert verdict.text == 'Healthy or Transitional (90 %)'
    assert verdict.record.right == pytest.approx(1)
    # not all of the 60: the limit rules a class out of some
    assert verdict.record.vessels == 45
    assert verdict.record.chance == pytest.approx(2 / 3, abs=1e-3)
    assert (
        'Such a verdict was right for 100 % of 45 simulated vessels; chance is 67 %.'
        in (verdict.notes)
    )
    assert verdict.notes[-1].endswith('no finding about animals.')
    assert list(verdict.sets) == ['80%', '90%', '95%']


def test_no_class_ruled_out_is_no_decision(content):
    verdict = Trust(content).verdict([1 / 3] * 3, 'co2_only')
    assert verdict.undecided
    assert verdict.text == 'undecided: Healthy, Transitional or Acidotic (90 %)'
    assert verdict.record == Record(
        pytest.approx(1 / 3, abs=1e-3), 90, pytest.approx(1 / 3, abs=1e-3)
    )
    assert any(
        'The most probable class, Healthy, was right' in x for x in verdict.notes
    )
    assert not any('simulated' in note for note in verdict.notes)


def test_a_file_that_is_not_calibrated_says_so(content):
    for trust in (Trust(), Trust(content | {'classes': ['a', 'b', 'c']})):
        verdict = trust.verdict([0.2, 0.3, 0.5], 'both')
        assert verdict.text == 'uncalibrated: Acidotic (50 %)'
        assert 'calibrate' in verdict.notes[0]
    # calibrated for other samples, not for these
    for options in ({'pattern': 'ch4_only'}, {'pattern': 'both', 'unit': VESSEL}):
        assert Trust(content).verdict([0.2, 0.3, 0.5], **options).level is None


def test_reasons_leave_no_class(content):
    verdict = Trust(content).verdict([0.9, 0.05, 0.05], 'both', reasons=['it is odd'])
    assert verdict.text == 'no verdict'
    assert verdict.classes == ()
    result = DualGasResult(
        'x', {}, health_scores=np.array([0.9, 0.05, 0.05]), verdict=verdict
    )
    assert result.health_class is None
    assert result.confidence is None
    told = result.to_dict()['health']
    assert told['class'] is None
    assert told['verdict']['reasons'] == ['it is odd']
    assert result.row()['verdict'] == 'no verdict: it is odd'
    assert result.row()['health_class'] is None


def test_a_verdict_stands_and_a_model_without_health_has_none(content):
    said = Verdict(NAMES, 'Healthy', 0.9)
    kept = DualGasResult('x', {}, health_scores=np.array([0, 0, 1]), verdict=said)
    assert with_verdict(kept, Trust(content), given={'co2': 'a'}) is kept
    bare = DualGasResult('x', {})
    assert with_verdict(bare, Trust(content), given={'co2': 'a'}).verdict is None


def test_means_of_vessels_are_calibrated_by_themselves():
    told = calibrated(observed(frames=4), FUME_LABELS)
    assert told['vessel']['both']['frames'] == 4
    assert told['vessel']['both']['vessels'] == 90
    # means spread less than frames do
    assert (
        told['vessel']['both']['limits']['95%'] < told['frame']['both']['limits']['95%']
    )
    assert calibrated(observed(), FUME_LABELS)['vessel'] == {}


def clip(reasons, trust):
    tally = Tally(1.0)
    for time, reason in enumerate(reasons):
        said = Verdict(NAMES, 'Acidotic', 0.9, reasons=(reason,) * bool(reason))
        scores = np.array([0.05, 0.05, 0.9], np.float32)
        result = DualGasResult('x', {}, health_scores=scores, verdict=said)
        tally.add(time, values_of(result), said)
    return tally.verdict(trust)


def test_a_clip_is_judged_as_a_vessel():
    trust = Trust(calibrated(observed(frames=4), FUME_LABELS))
    verdict = clip([''] * 5, trust)
    assert verdict['text'] == 'Acidotic (90 %)'
    assert verdict['calibrated']
    assert verdict['agreement'] == 1
    # agreement of all frames is no confidence where nothing is calibrated
    assert clip([''] * 5, Trust())['text'] == 'uncalibrated: Acidotic (90 %)'


def test_a_clip_that_is_mostly_refused_has_no_verdict():
    odd = 'the CO2 frame is odd (3.2 times)'
    verdict = clip(['', odd, odd.replace('3', '4'), ''], Trust())
    assert verdict['refused'] == 2
    assert verdict['class'] == 'Acidotic'
    verdict = clip(['', odd, odd.replace('3', '4')], Trust())
    assert verdict['class'] is None
    assert verdict['text'] == 'no verdict'
    assert verdict['reasons'] == [
        '2 of 3 instants cannot be judged: the CO2 frame is odd'
    ]
    assert clip([odd], Trust())['probabilities'] == {}


def test_an_exported_file_says_the_same(content, tmp_path):
    frames = {g: np.full(SCALE[::-1], 90, np.uint8) for g in GASES}
    frames['co2'][:20], frames['ch4'][30:] = 10, 200
    plain = ExportedModel(write_graph(tmp_path / 'plain.onnx'))(**frames)
    assert plain.verdict.text.startswith('uncalibrated: ')
    model = ExportedModel(write_graph(tmp_path / 'told.onnx', trust=content))
    result = model(**frames)
    expected = model.trust.verdict(result.health_scores, 'both')
    assert result.verdict == expected
    assert result.verdict.level == 0.9
    assert result.verdict.simulated
    black = np.zeros(SCALE[::-1], np.uint8)
    refused = model(co2=black + 90, ch4=black + 90)
    assert refused.health_class is None


def test_a_sample_is_observed_with_all_its_gases_and_as_if_it_had_fewer(tmp_path):
    model = ExportedModel(write_graph(tmp_path / 'model.onnx'))
    frame = np.full(SCALE[::-1], 90, np.uint8)
    frames = [
        {'name': 'a', 'co2': frame, 'ch4': frame + 9},
        {'name': 'b', 'ch4': frame},
    ]
    samples = [LabelledSample(x, str(i), i) for i, x in enumerate(frames)]
    first, second = observe(model, samples, batch_size=1)
    assert set(first.scores) == {'both', 'co2_only', 'ch4_only'}
    assert list(second.scores) == ['ch4_only']
    alone = model(ch4=frame + 9).health_scores
    assert first.scores['ch4_only'] == pytest.approx(alone)
    assert set(first.statistics) == set(GASES)
    assert (first.vessel, first.class_id, second.class_id) == ('0', 0, 1)


@pytest.mark.parametrize('name', ['a.pth', 'bare.pth', 'a.safetensors'])
def test_a_checkpoint_takes_it_and_keeps_all_else(content, tmp_path, name):
    path, state = tmp_path / name, {'w': torch.tensor([0.5, 0.25])}
    if name == 'a.pth':
        whole = {'meta': {'epoch': 3}, 'state_dict': state, 'optimizer': {'lr': 0.1}}
        torch.save(whole, path)
    elif name == 'bare.pth':
        torch.save(state, path)
    else:
        write_weights(path, state, {'epoch': 3})
    update_meta(path, trust=content)
    found = read_checkpoint(path)
    assert found['meta']['trust'] == content
    assert (found['state_dict']['w'] == state['w']).all()
    if name != 'bare.pth':
        assert found['meta']['epoch'] == 3
    if name == 'a.pth':
        assert found['optimizer'] == {'lr': 0.1}
