"""Does the background alone tell the class? A classifier that sees no gas.

Where recordings of a class share a place, a day or a camera setting, a net can learn
those in place of the gas. So the gas and the tube are taken out of every frame, and a
small classifier guesses the class of other groups from what is left. The features are
means of coarse cells over the background alone, so the size of what was taken out,
which does depend on the class, leaves little trace.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fume_mm.structures import BACKGROUND

#: Rows and columns of cells.
_CELLS = (6, 8)
#: Quantiles of the background's gray levels.
_QUANTILES = (5, 25, 50, 75, 95)
_PERMUTATIONS, _FOLDS, _LEAST_GROUPS = 999, 5, 5
#: Share of shuffled runs that may do as well where the background tells the class.
_CHANCE = 0.002
#: How much wider than the label the gas is taken out, as a share of the width.
_MARGIN = 0.02
_SMALL = 160


def background_features(gray: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A frame without its gas and tube as (54,) float32: cells, quantiles, roughness.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) class ids; what is unlabelled counts as gas.
    """
    height, width = gray.shape
    scale = min(_SMALL / width, 1)
    size = (max(round(width * scale), 16), max(round(height * scale), 16))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    taken = (mask != BACKGROUND).astype(np.float32)
    taken = cv2.resize(taken, size, interpolation=cv2.INTER_AREA)
    side = 2 * max(round(_MARGIN * size[0]), 1) + 1
    taken = cv2.dilate((taken > 0).astype(np.uint8), np.ones((side, side), np.uint8))
    rest = (taken == 0).astype(np.float32)
    if not rest.any():
        return np.zeros(_CELLS[0] * _CELLS[1] + len(_QUANTILES) + 1, np.float32)
    # a cell that the gas covers gets the mean of its surroundings
    wide = size[0] / 6
    around = cv2.GaussianBlur(small * rest, (0, 0), wide)
    around /= cv2.GaussianBlur(rest, (0, 0), wide) + 1e-3
    filled = np.where(rest > 0, small, around)
    cells = cv2.resize(filled, _CELLS[::-1], interpolation=cv2.INTER_AREA)
    seen = small[rest > 0]
    quantiles = np.percentile(seen, _QUANTILES)
    rough = np.median(np.abs(small - cv2.blur(small, (3, 3)))[rest > 0])
    return np.concatenate([cells.ravel(), quantiles, [rough]]).astype(np.float32)


@dataclass(frozen=True)
class Erased:
    """How well the class is guessed without the gas.

    Attributes:
        accuracy: Balanced accuracy on other groups, 0 to 1.
        chance: 2.5 and 97.5 percentile of the same with classes shuffled among groups.
        p: Share of shuffled runs that do as well, the true one counted.
        groups: How many there were.
    """

    accuracy: float
    chance: tuple[float, float]
    p: float
    groups: int

    @property
    def tells(self) -> bool:
        """Whether it is better than 998 of 1000 shuffled runs."""
        return self.p <= _CHANCE


def classify_erased(
    features: np.ndarray, classes: np.ndarray, groups: np.ndarray, *, seed: int = 0
) -> Erased | None:
    """Guess the class of groups from frames without gas, all of one gas.

    Args:
        features: (N, F), of :func:`background_features`.
        classes: (N,).
        groups: (N,); the features of a group's frames of a class are averaged.
        seed: Of the folds, trees and shuffles.

    Returns:
        None where a class has fewer than 5 groups, or there is one class.
    """
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    pairs = zip(groups, classes, strict=True)
    keys = np.array([f'{group}\0{name}' for group, name in pairs])
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    sums = np.zeros((len(first), features.shape[1]))
    np.add.at(sums, member, features)
    means = sums / np.bincount(member)[:, None]
    labels = classes[first]
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) < 2 or counts.min() < _LEAST_GROUPS:
        return None
    # One fit serves the true classes and all shuffles: they are its targets.
    rng = np.random.default_rng(seed)
    runs = np.stack([codes, *(rng.permutation(codes) for _ in range(_PERMUTATIONS))])
    targets = np.eye(len(names))[runs.T].reshape(len(codes), -1)
    guesses = np.zeros_like(runs)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for fitted, held in folds.split(means, codes):
        scaler = StandardScaler().fit(means[fitted])
        prior = np.maximum(targets[fitted].mean(axis=0), 1e-9)
        ridge = KernelRidge(alpha=1.0, kernel='rbf', gamma=0.5 / means.shape[1])
        ridge.fit(scaler.transform(means[fitted]), targets[fitted] / prior - 1)
        scores = ridge.predict(scaler.transform(means[held]))
        shape = (len(held), len(runs), len(names))
        guesses[:, held] = scores.reshape(shape).argmax(axis=2).T
    of_class = [
        ((guesses == code) & (runs == code)).sum(axis=1) / counts[code]
        for code in range(len(names))
    ]
    accuracy = np.mean(of_class, axis=0)
    low, high = np.percentile(accuracy[1:], [2.5, 97.5])
    return Erased(
        float(accuracy[0]),
        (float(low), float(high)),
        float((accuracy >= accuracy[0]).mean()),
        len(first),
    )
