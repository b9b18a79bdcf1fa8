import json
import sys
from datetime import timedelta

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from fume_mm.errors import UserError
from fume_mm.evaluation import (
    DualGasEvaluator,
    HealthMetric,
    SegmentationMetric,
)

CONFIG = {
    'type': 'fume_mm.DualGasEvaluator',
    'metrics': [
        {'type': 'fume_mm.SegmentationMetric'},
        {'type': 'fume_mm.BoundaryMetric'},
        {'type': 'fume_mm.HealthMetric'},
    ],
}


def built(config):
    return Runner.build_evaluator(None, config)


@pytest.fixture
def samples(make_sample):
    return [
        make_sample(
            'a',
            co2=([[0, 1]], [[0, 1]]),
            ch4=([[0, 2]], [[0, 0]]),
            health=0,
            predicted=0,
            groups=('v0', 'v1'),
        ),
        make_sample(
            'b', co2=([[0, 2]], [[0, 2]]), health=1, predicted=0, groups=('v1',)
        ),
        make_sample(
            'c', co2=([[1, 2]], [[1, 2]]), health=2, predicted=2, groups=('v2',)
        ),
    ]


@pytest.mark.parametrize('prefix', ['', 'fume_mm.'])
def test_runner_builds_it_from_a_config(prefix):
    config = {
        'type': f'{prefix}DualGasEvaluator',
        'metrics': [
            {'type': f'{prefix}SegmentationMetric'},
            {'type': f'{prefix}HealthMetric'},
        ],
    }
    with DefaultScope.overwrite_default_scope('mmengine' if prefix else 'fume_mm'):
        evaluator = built(config)
    assert type(evaluator) is DualGasEvaluator
    assert [type(m) for m in evaluator.metrics] == [SegmentationMetric, HealthMetric]


def test_joint_score_is_the_mean_of_both_parts(samples):
    evaluator = built(dict(CONFIG))
    evaluator.process(samples)
    metrics = evaluator.evaluate(3)
    # IoU over the 8 pixels: background 3/4, tube 2/2, gas 2/3; recalls 1, 0, 1
    assert metrics['seg/mIoU'] == pytest.approx((3 / 4 + 1 + 2 / 3) / 3)
    assert metrics['cls/balanced_accuracy'] == pytest.approx(2 / 3)
    assert metrics['joint/score'] == pytest.approx(
        (3 / 4 + 1 + 2 / 3) / 6 + (2 / 3) / 2
    )


@pytest.mark.parametrize('metric', [SegmentationMetric, HealthMetric])
def test_no_joint_score_of_one_task(samples, metric):
    evaluator = DualGasEvaluator(metric())
    evaluator.process(samples)
    assert 'joint/score' not in evaluator.evaluate(3)


def test_details_are_json_and_numbers_are_numbers(samples):
    evaluator = built(dict(CONFIG))
    evaluator.process(samples)
    metrics = evaluator.evaluate(3)
    assert all(isinstance(value, int | float) for value in metrics.values())
    details = json.loads(json.dumps(evaluator.scores.details))
    assert details['num_samples'] == 3
    assert details['availability'] == {'both': 1, 'co2_only': 2, 'ch4_only': 0}
    assert details['cls']['confusion']['all'] == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert details['cls']['vessels']['confusion'] == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert details['boundary']['frames']['ch4']['gas']['truth'] == 1
    assert details['vessels'] == {'number': 3, 'samples_of_several': 1}
    assert details['seg']['confusion']['ch4'] == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_duplicate_sample_is_named(samples):
    evaluator = built(dict(CONFIG))
    evaluator.process([*samples[:2], samples[1]])
    with pytest.raises(UserError, match="sample_id 'b' was evaluated 2 times"):
        evaluator.evaluate(3)


@pytest.mark.parametrize('size', [2, 4])
def test_number_of_samples_must_be_the_datasets(samples, size):
    evaluator = built(dict(CONFIG))
    evaluator.process(samples)
    with pytest.raises(UserError, match=f'3 samples .* the dataset has {size}'):
        evaluator.evaluate(size)
    # and the failed round leaves nothing behind
    evaluator.process(samples)
    assert evaluator.evaluate(3)['cls/accuracy'] == pytest.approx(2 / 3)


def test_nothing_evaluated_is_an_error():
    with pytest.raises(UserError, match='no sample was evaluated'):
        built(dict(CONFIG)).evaluate(0)


def test_table_has_a_row_per_sample_with_the_columns_of_all_metrics(samples):
    evaluator = built(dict(CONFIG))
    evaluator.process(samples)
    evaluator.evaluate(3)
    table = evaluator.scores.table
    assert table['sample_id'].tolist() == ['a', 'b', 'c']
    assert table['vessel'].tolist() == ['v0', 'v1', 'v2']
    assert table['other_vessels'].tolist() == ['v1', '', '']
    assert table['co2_tube_as_tube'].tolist() == [1, 0, 1]
    assert table['ch4_gas_as_background'].isna().tolist() == [False, True, True]
    assert table['ch4_gas_in'].tolist() == ['truth', '', '']
    assert table['predicted_class'].tolist() == ['Healthy', 'Healthy', 'Acidotic']
    assert table['p_acidotic'].tolist() == [0, 0, 1]


def test_metrics_without_predictions_are_left_out(samples):
    evaluator = built(dict(CONFIG))
    evaluator.leave_out('masks', 'the model predicts no masks')
    evaluator.process(samples)
    metrics = evaluator.evaluate(3)
    assert {key.split('/')[0] for key in metrics} == {'cls'}
    reason = 'the model predicts no masks'
    assert evaluator.scores.details['not_scored'] == {'seg': reason, 'boundary': reason}
    with pytest.raises(UserError, match='no metric of the evaluator is left'):
        evaluator.leave_out('health', 'the model predicts no health class')


def test_predictions_of_other_classes_than_the_datasets_are_refused(samples):
    evaluator = built(dict(CONFIG))
    evaluator.dataset_meta = {'health_classes': ('well', 'ill')}
    match = r'scores 3 health classes, but there are 2 \(well, ill\)'
    with pytest.raises(UserError, match=match):
        evaluator.process(samples)


def test_a_dataset_without_gas_is_refused():
    evaluator = built(dict(CONFIG))
    with pytest.raises(UserError, match=r"classes are background, cow; .*'gas' must"):
        evaluator.dataset_meta = {'classes': ('background', 'cow')}


def test_sample_without_id(make_sample):
    sample = make_sample(None, co2=([[0]], [[0]]))
    with pytest.raises(UserError, match="no 'sample_id'"):
        built(dict(CONFIG)).process([sample])


def test_offline_evaluation_agrees(samples):
    evaluator = built(dict(CONFIG))
    evaluator.process(samples)
    metrics = evaluator.evaluate(3)
    offline = built(dict(CONFIG)).offline_evaluate(samples, chunk_size=2)
    assert offline == pytest.approx(metrics, nan_ok=True)


def evaluate_shard(rank, world, shards, size, rendezvous, out):
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'file://{rendezvous}',
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=30),
    )
    evaluator = built(dict(CONFIG))
    for batch in shards[rank]:
        evaluator.process(batch)
    try:
        metrics = evaluator.evaluate(size)
        result = metrics, evaluator.scores.details, evaluator.scores.table
    except UserError as error:
        result = str(error)
    torch.save(result, f'{out}/{rank}.pt')
    torch.distributed.destroy_process_group()


def in_two_processes(shards, size, folder):
    torch.multiprocessing.start_processes(
        evaluate_shard,
        (2, shards, size, folder / 'rendezvous', folder),
        nprocs=2,
        start_method='fork',
    )
    return [torch.load(folder / f'{rank}.pt', weights_only=False) for rank in (0, 1)]


@pytest.mark.skipif(sys.platform != 'linux', reason='forks')
def test_two_processes_equal_one(samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluator = built(dict(CONFIG))
    evaluator.process(samples)
    expected = evaluator.evaluate(3)

    uneven = [[[samples[0]], [samples[2]]], [[samples[1]]]]
    padded = [[[samples[0]], [samples[2]]], [[samples[1]], [samples[0]]]]
    for name, shards in (('uneven', uneven), ('padded', padded)):
        folder = tmp_path / name
        folder.mkdir()
        main, other = in_two_processes(shards, 3, folder)
        for metrics, details, _ in (main, other):
            assert metrics == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
            assert details == evaluator.scores.details
        assert main[2].equals(evaluator.scores.table)
        assert other[2] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ['padded', 'uneven']


@pytest.mark.skipif(sys.platform != 'linux', reason='forks')
def test_two_processes_equal_one_on_random_samples(random_samples, tmp_path):
    samples = random_samples(13)
    evaluator = built(dict(CONFIG))
    evaluator.process(samples)
    expected = evaluator.evaluate(13)
    # as a sampler shares them out, in batches of 3; the second's last is padding
    shares = samples[::2], [*samples[1::2], samples[0]]
    shards = [[share[i : i + 3] for i in range(0, 7, 3)] for share in shares]
    main, other = in_two_processes(shards, 13, tmp_path)
    assert main[0] == other[0] == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
    assert main[2].equals(evaluator.scores.table)


@pytest.mark.skipif(sys.platform != 'linux', reason='forks')
def test_every_process_refuses_a_lost_sample(samples, tmp_path):
    shards = [[[samples[0]]], [[samples[1]]]]
    for message in in_two_processes(shards, 3, tmp_path):
        assert message.startswith('2 samples were evaluated, but the dataset has 3')
