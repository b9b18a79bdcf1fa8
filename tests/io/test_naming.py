import pytest

from fume_mm.io.naming import sample_names, split_gas


@pytest.mark.parametrize(
    ('stem', 'expected'),
    [
        ('a', ('a', None)),
        ('a_co2', ('a', 'co2')),
        ('CH4-a.b', ('a.b', 'ch4')),
        ('co2', ('frame', 'co2')),
        ('co2_a_ch4', ('co2_a', 'ch4')),
        ('methane_co2x', ('methane_co2x', None)),
    ],
)
def test_the_gas_is_taken_off(stem, expected):
    assert split_gas(stem) == expected


def test_samples_are_named_after_what_their_frames_share():
    samples = [
        {'co2': 'x/a_co2.png', 'ch4': 'y/a_ch4.png'},
        {'co2': 'x/b_co2.png', 'ch4': 'y/c_ch4.png'},
        {'ch4': 'y/d_ch4.png'},
        {'co2': 'x/e.png', 'ch4': 'y/e.jpg'},
        {'co2': 'x/co2.png', 'ch4': 'x/ch4.png'},
    ]
    assert sample_names(samples) == ['a', 'b_co2+c_ch4', 'd', 'e', 'frame']


def test_a_shared_key_is_no_name():
    samples = [{'co2': 'x/a_co2.png'}, {'ch4': 'x/a_ch4.png'}, {'ch4': 'z/a_ch4.png'}]
    assert sample_names(samples) == ['a_co2', 'a_ch4', 'a_ch4~2']


def test_a_numbered_name_may_be_taken():
    samples = [
        {'co2': folder} for folder in ('x/a.png', 'y/a.png', 'z/a~2.png', 'w/a.png')
    ]
    assert sample_names(samples) == ['a', 'a~3', 'a~2', 'a~4']
