"""What a model's file is told of its verdicts, from labelled vessels it never saw."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.structures import GASES, NO_CLASS, availability
from fume_mm.structures.labels import Labels

from ..predictor import Predictor
from .conformal import LEVEL, LEVELS, class_set, threshold
from .frame_statistics import frame_statistics
from .gate import Gate, Normal
from .verdicts import FRAME, VESSEL

#: Share of frames that the gate may refuse of those it is fitted to.
REFUSED = 0.005
#: Frames of a gas below which their statistics say nothing.
LEAST_FRAMES = 100
_FOLDS = 5


@dataclass(frozen=True)
class LabelledSample:
    """A sample whose vessel's class is known.

    Attributes:
        frames: As :meth:`.predictor.Predictor.predict` takes a sample.
        vessel: What was recorded together.
        class_id: Of its health.
    """

    frames: Mapping[str, Any]
    vessel: str
    class_id: int


@dataclass(frozen=True)
class Observation:
    """What the model made of a sample.

    Attributes:
        vessel: See :class:`LabelledSample`.
        class_id: Likewise.
        scores: By pattern of gases, those left out that others may lack, (C,).
        statistics: By gas, of :func:`.frame_statistics.frame_statistics`.
        palette: Whether a frame was in a colour palette.
    """

    vessel: str
    class_id: int
    scores: Mapping[str, np.ndarray]
    statistics: Mapping[str, np.ndarray]
    palette: bool


def labelled_samples(dataset: Any) -> list[LabelledSample]:
    """The samples of a dataset whose class is known, with their vessels.

    Raises:
        UserError: If vessels are not known.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    from fume_mm.datasets.frame_limits import limits_of_rows

    if dataset.metainfo['by_frame']:
        raise UserError(
            f'{dataset.ann_file}: which frames are of one vessel is not known, and '
            'frames of one vessel are no evidence of their own; add the column '
            'vessel_id to the annotations and pair them again.'
        )
    rows = dataset.read_table()
    rows = rows[rows['class_id'].astype(int) != NO_CLASS]
    # frames of two cameras have groups of their own, which their pairs join
    numbers: dict[str, int] = {}
    edges = [
        (len(rows) + numbers.setdefault(group, len(numbers)), row)
        for row, groups in enumerate(rows['groups'])
        for group in groups
    ]
    size = len(rows) + len(numbers)
    places = np.array(edges, np.int64).reshape(-1, 2).T
    ones = np.ones(len(edges))
    graph = coo_array((ones, tuple(places)), shape=(size, size))
    vessels = connected_components(graph, directed=False)[1][: len(rows)]
    limits = limits_of_rows(rows)
    samples = []
    records: list[dict[Any, Any]] = rows.to_dict('records')
    for vessel, row in zip(vessels.tolist(), records, strict=True):
        paths = {gas: row[f'{gas}_frame'] for gas in GASES if row[f'{gas}_frame']}
        frames = {
            'name': row['sample_id'],
            'limits': {g: limits[path] for g, path in paths.items() if path in limits},
            **{gas: dataset.root / path for gas, path in paths.items()},
        }
        samples.append(LabelledSample(frames, str(vessel), int(row['class_id'])))
    return samples


def observe(
    predictor: Predictor,
    samples: Sequence[LabelledSample],
    *,
    batch_size: int = 8,
    on_sample: Callable[[], object] = lambda: None,
) -> list[Observation]:
    """Predict each sample with all of its gases, and as if it had fewer.

    Raises:
        UserError: If the model has no health, or a frame cannot be used.
    """
    usable = getattr(predictor, 'gases', GASES)
    observed = []
    for start in range(0, len(samples), batch_size):
        batch = samples[start : start + batch_size]
        wanted: list[tuple[int, tuple[str, ...]]] = []
        for i, sample in enumerate(batch):
            has = [g for g in GASES if g in usable and sample.frames.get(g) is not None]
            for number in range(len(has), 0, -1):
                wanted += [(i, gases) for gases in combinations(has, number)]
        inputs = [
            {
                'name': batch[i].frames['name'],
                'limits': batch[i].frames.get('limits', {}),
                **{gas: batch[i].frames[gas] for gas in gases},
            }
            for i, gases in wanted
        ]
        scores: list[dict[str, np.ndarray]] = [{} for _ in batch]
        kept: dict[int, tuple[dict[str, np.ndarray], bool]] = {}
        results = predictor.predict(inputs)
        for (i, gases), result in zip(wanted, results, strict=True):
            if result.health_scores is None:
                raise UserError(
                    'the model gives no health, so it has no verdict to calibrate.'
                )
            pattern = availability(dict.fromkeys(gases, True))
            scores[i][pattern] = np.asarray(result.health_scores, np.float64)
            if i not in kept:  # the first has all gases
                statistics = {
                    gas: frame_statistics(
                        result.frames[gas], result.masks.get(gas), result.labels
                    )
                    for gas in gases
                }
                palette = any('palette' in done for done in result.read_as.values())
                kept[i] = statistics, palette
        for i, sample in enumerate(batch):
            if i in kept:  # else of gases that the model does not look at
                observed.append(
                    Observation(sample.vessel, sample.class_id, scores[i], *kept[i])
                )
            on_sample()
    return observed


def calibrated(
    observed: Sequence[Observation], labels: Labels, **about: Any
) -> dict[str, Any]:
    """What a model's file holds, plain values.

    ``gate`` (:class:`.gate.Gate`), ``classes``, and for frames and for vessels with
    several of them, by pattern: ``limits`` of scores by level; of the verdicts at
    :data:`.conformal.LEVEL` [share right, vessels, chance], ``records`` by their
    classes, ``undecided`` those of the most probable class where none is ruled out; the
    number of ``vessels``, and the median number of ``frames`` of each.

    Args:
        observed: Of vessels that training did not see.
        labels: What the classes are.
        about: What else the file shall say, such as the campaign's name.

    Raises:
        UserError: If there is no sample.
    """
    if not observed:
        raise UserError('no sample has a health class; calibrate on labelled vessels.')
    gate = fit_gate(observed)
    passing = [x for x in observed if not refuses(gate, x)]
    content: dict[str, Any] = {**about, 'classes': list(labels.health_classes)}
    content |= {'gate': gate.to_dict(), FRAME: {}, VESSEL: {}}
    for pattern in dict.fromkeys(key for x in passing for key in x.scores):
        classes, scores = by_vessel(passing, pattern)
        table = _table(scores, classes, labels)
        content[FRAME][pattern] = table
        if table['frames'] > 1:
            means = [x.mean(axis=0, keepdims=True) for x in scores]
            several = _table(means, classes, labels)
            content[VESSEL][pattern] = several | {'frames': table['frames']}
    return content


def by_vessel(
    observed: Sequence[Observation], pattern: str
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Of each vessel its class, (V,), and the probabilities of its frames, (n, C)."""
    found: dict[str, tuple[int, list[np.ndarray]]] = {}
    for x in observed:
        if pattern in x.scores:
            found.setdefault(x.vessel, (x.class_id, []))[1].append(x.scores[pattern])
    classes = np.array([class_id for class_id, _ in found.values()])
    return classes, [np.stack(scores) for _, scores in found.values()]


def _table(
    scores: Sequence[np.ndarray], classes: np.ndarray, labels: Labels
) -> dict[str, Any]:
    own = [1 - x[:, k] for x, k in zip(scores, classes, strict=True)]
    return {
        'limits': {f'{level:.0%}': threshold(own, level) for level in LEVELS},
        **_records(scores, own, classes, labels.health_classes),
        'vessels': len(scores),
        'frames': int(np.median([len(x) for x in scores])),
    }


def _records(
    scores: Sequence[np.ndarray],
    own: Sequence[np.ndarray],
    classes: np.ndarray,
    names: Sequence[str],
) -> dict[str, dict[str, list[float]]]:
    """What each verdict was worth, each vessel judged by a limit of the others."""
    shares = np.bincount(classes, minlength=len(names)) / len(classes)
    told: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for v, (x, k) in enumerate(zip(scores, classes, strict=True)):
        limit = threshold([*own[:v], *own[v + 1 :]], LEVEL)
        for p in x:
            kind, said = 'records', tuple(np.flatnonzero(class_set(p, limit)).tolist())
            if len(said) == len(names):
                kind, said = 'undecided', (int(p.argmax()),)
            entry = told.setdefault((kind, said), [0.0, 0.0])
            entry[0] += (k in said) / len(x)
            entry[1] += 1 / len(x)
    records: dict[str, dict[str, list[float]]] = {'records': {}, 'undecided': {}}
    for (kind, said), (right, number) in sorted(told.items()):
        chance = float(shares[list(said)].sum())
        values = [round(right / number, 4), round(number, 1), round(chance, 4)]
        records[kind]['/'.join(names[i] for i in said)] = values
    return records


def fit_gate(observed: Sequence[Observation]) -> Gate:
    """What frames are like, and the distances that next to none of them exceeds.

    Distances are of frames of vessels that the statistics are not of, in five folds.
    A gas with fewer than :data:`LEAST_FRAMES` frames has no statistics.
    """
    vessels = list(dict.fromkeys(x.vessel for x in observed))
    fold = {vessel: i % _FOLDS for i, vessel in enumerate(vessels)}
    rows = {
        gas: [
            (x.statistics[gas], fold[x.vessel]) for x in observed if gas in x.statistics
        ]
        for gas in GASES
    }
    known = [gas for gas in GASES if len(rows[gas]) >= LEAST_FRAMES]
    values = {gas: np.stack([x for x, _ in rows[gas]]) for gas in known}
    folds = {gas: np.array([k for _, k in rows[gas]]) for gas in known}
    distances = {gas: np.zeros(len(values[gas])) for gas in known}
    gains = {gas: np.zeros(len(values[gas])) for gas in known}
    for k in range(_FOLDS):
        part = Gate({g: _normal(values[g][folds[g] != k]) for g in known})
        for gas in known:
            for i in np.flatnonzero(folds[gas] == k):
                x = values[gas][i]
                distances[gas][i] = part.normals[gas].distance(x)
                if len(known) == len(GASES):
                    gains[gas][i] = part.gain(gas, x)
    normals: dict[str, Normal] = {}
    for gas in known:
        limit = np.quantile(distances[gas], 1 - REFUSED, method='higher')
        alone = min(np.quantile(gains[gas], REFUSED, method='lower'), 0.0)
        normals[gas] = _normal(values[gas], limit=float(limit), alone=float(alone))
    return Gate(normals, palettes=any(x.palette for x in observed))


def _normal(values: np.ndarray, **limits: float) -> Normal:
    from sklearn.covariance import LedoitWolf

    mean, scale = values.mean(axis=0), values.std(axis=0) + 1e-2
    fitted = LedoitWolf(assume_centered=True).fit((values - mean) / scale)
    root = np.linalg.inv(np.linalg.cholesky(fitted.covariance_))
    offset = 2 * float(np.log(scale).sum() - np.log(np.diag(root)).sum())
    return Normal(mean, scale, root, offset, **limits)


def refuses(gate: Gate, observation: Observation) -> bool:
    """Whether the frames of a sample do not pass, by their statistics."""
    known = {g: x for g, x in observation.statistics.items() if g in gate.normals}
    far = (
        gate.normals[g].distance(x) > gate.normals[g].limit for g, x in known.items()
    )
    return any(far) or gate.swapped(known)
