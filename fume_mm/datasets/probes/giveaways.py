"""Is the class given away by the file? Size, mode, format, border, gray level, gas.

A net learns whatever tells the classes apart. If every Acidotic frame is of another
size or has a black edge, it needs no gas. All of it is asked of groups, not of frames:
one odd recording proves nothing, and a hundred frames of it neither.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Traits of a file that say nothing of a rumen.
TRAITS = ('size', 'mode', 'format', 'border')
#: A trait gives the class away where guessing by it beats chance by that much in
#: balanced accuracy, and no more than that share of random labellings does as well.
_GAIN, _CHANCE = 0.2, 0.005
_PERMUTATIONS = 999
#: Balanced accuracy on other groups from which the mean gray level alone separates.
_GRAY_ALONE = 0.85
_FOLDS, _LEAST_GROUPS = 5, 5
#: A row or column of the edge whose gray levels differ by no more is a border.
_FLAT = 2


@dataclass(frozen=True)
class Giveaway:
    """What tells the class.

    Attributes:
        trait: One of :data:`TRAITS`, or ``gray``.
        gas: In whose frames.
        accuracy: Balanced accuracy of the class guessed by it, 0 to 1.
        chance: What guessing gives.
        shown: The values and their classes, for example ``64x48: Acidotic``.
        frame: Row of a frame that the trait tells the class of.
    """

    trait: str
    gas: str
    accuracy: float
    chance: float
    shown: str
    frame: int


def border_of(gray: np.ndarray) -> str:
    """Sides of a frame (H, W) whose edge is one gray level: ``''`` to ``'TBLR'``."""
    edges = {'T': gray[0], 'B': gray[-1], 'L': gray[:, 0], 'R': gray[:, -1]}
    # a saturated frame is white or black up to its edges
    if np.ptp(gray) <= _FLAT:
        return ''
    return ''.join(side for side, edge in edges.items() if np.ptp(edge) <= _FLAT)


def find_giveaways(frames: pd.DataFrame, *, seed: int = 0) -> list[Giveaway]:
    """Traits of the files that tell the class, by gas.

    Args:
        frames: Frames with a class: ``gas_type``, ``class_name``, ``group``,
            :data:`TRAITS` and ``gray`` (the mean gray level).
        seed: Of the random labellings and the folds.
    """
    found = []
    for gas, rows in frames.groupby('gas_type'):
        for trait in TRAITS:
            if rows[trait].nunique() > 1 and (
                giveaway := _of_trait(rows, str(gas), trait, seed)
            ):
                found.append(giveaway)
        if giveaway := _of_gray(rows, str(gas), seed):
            found.append(giveaway)
    return found


def _of_trait(rows: pd.DataFrame, gas: str, trait: str, seed: int) -> Giveaway | None:
    groups = rows.groupby(['group', 'class_name'])[trait]
    # the mode; of several, the first in order
    values = groups.agg(lambda of: str(of.value_counts().sort_index().idxmax()))
    of_class = values.index.get_level_values('class_name').tolist()
    names, classes = np.unique(np.array(of_class, str), return_inverse=True)
    codes, kinds = pd.factorize(values.to_numpy(object))
    if len(names) < 2 or len(kinds) < 2:
        return None
    accuracy, guess = _guess(codes, classes)
    rng = np.random.default_rng(seed)
    as_good = sum(
        _guess(codes, rng.permutation(classes))[0] >= accuracy
        for _ in range(_PERMUTATIONS)
    )
    chance = 1 / len(names)
    if accuracy < chance + _GAIN or (as_good + 1) / (_PERMUTATIONS + 1) > _CHANCE:
        return None
    shown = ', '.join(
        f'{kind or "none"}: mostly {names[guess[code]]}'
        for code, kind in enumerate(kinds)
    )
    right = rows[trait].map(dict(zip(kinds, names[guess], strict=True)))
    rarest = rows[trait].map(rows[trait].value_counts())
    told = rarest[right == rows['class_name']].to_numpy()
    at = np.flatnonzero(right == rows['class_name'])[told.argmin()]
    return Giveaway(trait, gas, accuracy, chance, shown, int(rows.index[at]))


def _guess(codes: np.ndarray, classes: np.ndarray) -> tuple[float, np.ndarray]:
    """Balanced accuracy of the best class of each value, and those classes."""
    table = np.zeros((codes.max() + 1, classes.max() + 1))
    np.add.at(table, (codes, classes), 1)
    table /= table.sum(axis=0)
    return float(table.max(axis=1).sum() / table.shape[1]), table.argmax(axis=1)


def _of_gray(rows: pd.DataFrame, gas: str, seed: int) -> Giveaway | None:
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    means = rows.groupby(['group', 'class_name'])['gray'].mean()
    classes = np.array(means.index.get_level_values('class_name').tolist(), str)
    names, counts = np.unique(classes, return_counts=True)
    if len(names) < 2 or counts.min() < _LEAST_GROUPS:
        return None
    tree = DecisionTreeClassifier(
        max_leaf_nodes=2 * len(names), class_weight='balanced', random_state=0
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    guess = cross_val_predict(tree, means.to_numpy()[:, None], classes, cv=folds)
    accuracy = balanced_accuracy_score(classes, guess)
    if accuracy < _GRAY_ALONE:
        return None
    shown = ', '.join(f'{name}: {means[classes == name].mean():.0f}' for name in names)
    return Giveaway(
        'gray', gas, float(accuracy), 1 / len(names), shown, int(rows.index[0])
    )


def gases_by_class(frames: pd.DataFrame) -> dict[str, list[str]]:
    """Classes of the gases that some class lacks: gas, and the classes that have it.

    Args:
        frames: Frames with a class: ``gas_type``, ``class_name``.
    """
    classes = frames['class_name'].unique()
    by_gas = {
        str(gas): sorted(rows['class_name'].unique())
        for gas, rows in frames.groupby('gas_type')
    }
    return {gas: has for gas, has in by_gas.items() if len(has) < len(classes)}
