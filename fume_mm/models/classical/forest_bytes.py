"""A fitted forest to bytes and back, without unpickling anything.

skops writes scikit-learn's objects as a schema and plain arrays, and reads back types
that it knows to be harmless and those it is told to trust, no others.
"""

import zipfile
from typing import TYPE_CHECKING

import numpy as np

from fume_mm.errors import UserError

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree._tree import Tree

#: The types that reading trusts beyond those that skops itself does. A tree's nodes
#: name each other by position, which scikit-learn follows without looking; skops leaves
#: them to the reader to check, which :func:`forest_from_bytes` does.
TRUSTED = ('sklearn.tree._tree.Tree',)
_LEAF = -1


def forest_to_bytes(forest: 'RandomForestClassifier') -> bytes:
    """``forest``, fitted, as a compressed skops file."""
    import skops.io

    return skops.io.dumps(forest, compression=zipfile.ZIP_DEFLATED)


def forest_from_bytes(
    data: bytes, *, num_features: int, num_classes: int
) -> 'RandomForestClassifier':
    """The forest that :func:`forest_to_bytes` wrote.

    Args:
        data: The skops file.
        num_features: Features that the forest must take.
        num_classes: Classes it may tell: ids from 0 to one less.

    Raises:
        UserError: If ``data`` is no skops file, holds a type that is not trusted, or is
            anything but a forest that can be run safely.
    """
    import skops.io
    from sklearn.ensemble import RandomForestClassifier

    try:
        forest = skops.io.loads(data, trusted=list(TRUSTED))
    # what a damaged file makes of the reader is anybody's guess
    except Exception as error:
        lines = str(error).splitlines()
        raise _broken(lines[0] if lines else type(error).__name__) from error
    if type(forest) is not RandomForestClassifier:
        raise _broken(f'it holds a {type(forest).__name__}')
    try:
        problem = _problem(forest, num_features, num_classes)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise _broken(str(error)) from error
    if problem:
        raise _broken(problem)
    return forest


def _broken(reason: str) -> UserError:
    return UserError(
        f'holds no random forest that can be read ({reason.rstrip(".")}); it was '
        'damaged or changed, so train again or use another copy.'
    )


def _problem(
    forest: 'RandomForestClassifier', num_features: int, num_classes: int
) -> str | None:
    """Why the forest must not be run, if so."""
    from sklearn.tree import DecisionTreeClassifier

    if forest.n_features_in_ != num_features:
        return f'it takes {forest.n_features_in_} features, not {num_features}'
    classes = np.asarray(forest.classes_)
    known = set(range(num_classes))
    if classes.dtype.kind != 'i' or not set(classes.tolist()) <= known:
        return f'its classes are {classes.tolist()}'
    if forest.n_classes_ != len(classes) or forest.n_outputs_ != 1:
        return 'it has another number of classes than its trees'
    if not forest.estimators_:
        return 'it has no trees'
    for tree in forest.estimators_:
        if type(tree) is not DecisionTreeClassifier:
            return f'a {type(tree).__name__} is among its trees'
        if (tree.n_features_in_, tree.n_classes_) != (num_features, len(classes)):
            return 'a tree takes other features or classes than the forest'
        if not _is_sound(tree.tree_, num_features, len(classes)):
            return 'the nodes of a tree do not fit together'
    return None


def _is_sound(tree: 'Tree', num_features: int, num_classes: int) -> bool:
    """Whether every path in ``tree`` goes down existing nodes and ends in a leaf."""
    count = tree.node_count
    if not 1 <= count <= tree.capacity:
        return False
    if tree.n_features != num_features or tree.value.shape != (count, 1, num_classes):
        return False
    inner = tree.children_left != _LEAF
    position = np.arange(count)[inner]
    for children in (tree.children_left[inner], tree.children_right[inner]):
        # scikit-learn numbers children after their parents
        if not ((position < children) & (children < count)).all():
            return False
    features = tree.feature[inner]
    inside = ((features >= 0) & (features < num_features)).all()
    return bool(inside and np.isfinite(tree.value).all())
