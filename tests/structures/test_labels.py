"""What the classes of a campaign may be, and what follows from them."""

import json
from pathlib import Path
from typing import Any

import pytest

from fume_mm.errors import UserError
from fume_mm.io.label_file import read_labels
from fume_mm.structures import HEALTH_PALETTE, SEG_PALETTE
from fume_mm.structures.labels import FUME_LABELS, Labels

FIVE = Labels(('f1', 'f2', 'f3', 'f4', 'f5'), None)


@pytest.mark.parametrize(
    ('ph', 'class_id'),
    [(9, 0), (6.0501, 0), (6.05, 1), (5.9, 1), (5.75, 1), (5.7499, 2), (3, 2)],
)
def test_fumes_classes_by_ph(ph: float, class_id: int) -> None:
    assert FUME_LABELS.health_class(ph) == class_id


@pytest.mark.parametrize(
    ('limits', 'phs'),
    [
        ([5.75], {5.76: 0, 5.75: 0, 5.74: 1}),
        ([6.5, 6.0, 5.5], {6.6: 0, 6.5: 1, 6.0: 2, 5.5: 2, 5.4: 3}),
    ],
)
def test_classes_by_other_limits(limits: list[float], phs: dict[float, int]) -> None:
    names = [f'c{number}' for number in range(len(limits) + 1)]
    labels = Labels.from_meta({'health_classes': names, 'ph_limits': limits})
    assert {ph: labels.health_class(ph) for ph in phs} == phs


def test_the_gas_is_found_by_its_name() -> None:
    assert (FUME_LABELS.gas, FUME_LABELS.tube) == (2, 1)
    two = Labels(seg_classes=('background', 'gas'))
    assert (two.gas, two.tube, two.foreground) == (1, None, ('gas',))
    assert two.seg_palette == (SEG_PALETTE[0], SEG_PALETTE[2])


def test_colours_are_fumes_and_differ() -> None:
    assert FUME_LABELS.seg_palette == SEG_PALETTE
    assert FUME_LABELS.health_palette == HEALTH_PALETTE
    assert len(set(FIVE.health_palette)) == 5
    many = Labels(seg_classes=('background', 'tube', 'gas', 'cow', 'hand'))
    assert many.seg_palette[:3] == SEG_PALETTE and len(set(many.seg_palette)) == 5


@pytest.mark.parametrize(
    ('meta', 'said'),
    [
        ({'health_classes': ['one']}, r"health_classes is \['one'\]: give two or more"),
        ({'health_classes': ['a', 'A']}, 'no two may be the same'),
        ({'health_classes': ['a', 'b/c']}, "a name has no '/'"),
        ({'health_classes': ['a', ' b']}, 'without blanks around it'),
        ({'health_classes': 'ab'}, 'give two or more'),
        (
            {'ph_limits': [6.0]},
            r'ph_limits is \[6.0\]: 3 health classes .* have 2 fall',
        ),
        ({'ph_limits': [5.75, 6.05]}, '2 falling limits'),
        ({'ph_limits': [6.05, 'x']}, '2 falling limits'),
        ({'ph_limits': [12, 6]}, 'within 3.0 and 9.0'),
        ({'classes': ['background', 'plume']}, "'gas' must be among the others"),
        ({'classes': ['gas', 'background']}, "'gas' must be among the others"),
        ({'palette': [[0, 0, 0]]}, r'each of the 3 classes'),
        ({'palette': [[0, 0, 0], [1, 1, 1], [0, 0, 256]]}, 'each 0 to 255'),
    ],
)
def test_what_are_no_classes_is_said(meta: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Labels.from_meta(meta)


def test_metainfo_of_earlier_checkpoints_is_fumes() -> None:
    names = ('Healthy', 'Transitional', 'Acidotic')
    assert Labels.from_meta({'health_classes': names}) == FUME_LABELS
    assert Labels.from_meta(None) == FUME_LABELS
    assert Labels.from_meta({'health_classes': ('a', 'b')}).ph_limits is None
    assert Labels.from_meta({'ph_limits': None}).ph_limits is None


def test_a_file_is_read_back(tmp_path: Path) -> None:
    assert read_labels(tmp_path) == FUME_LABELS
    (tmp_path / 'labels.json').write_text(json.dumps(FIVE.to_meta()))
    assert read_labels(tmp_path) == FIVE


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ({'health': ['a', 'b']}, "has 'health'"),
        (['a', 'b'], "has 'no object'"),
        ({'health_classes': ['a']}, 'give two or more'),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: Any, said: str) -> None:
    (tmp_path / 'labels.json').write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf'labels\.json: .*{said}'):
        read_labels(tmp_path)
