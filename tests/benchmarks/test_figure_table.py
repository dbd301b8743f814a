"""Medians, quartiles and ratios."""

import pytest

from benchmarks.figure_table import Column, spread, summarise, table


def test_a_machine_that_slows_down_changes_no_ratio():
    rounds = [
        {'a': {'s': 1.0}, 'b': {'s': 3.0}},
        {'b': {'s': 30.0}, 'a': {'s': 10.0}},
        {'a': {'s': 2.0}, 'b': {'s': 6.2}},
    ]
    found = summarise(['a', 'b'], rounds)
    assert found['b']['s']['median'] == 6.2
    assert found['b']['s']['ratio'] == 3.0
    assert found['b']['s']['ratio_upper'] == pytest.approx(3.05)
    assert found['a']['s']['ratio'] == found['a']['s']['ratio_upper'] == 1.0


def test_quartiles():
    assert spread([4.0, 1.0, 2.0, 3.0, 5.0]) == dict(
        median=3.0, lower=2.0, upper=4.0
    )
    assert spread([2.0, 1.0]) == dict(median=1.5, lower=1.0, upper=2.0)
    assert spread([2.0]) == dict(median=2.0, lower=2.0, upper=2.0)


def test_only_rounds_with_both_are_compared():
    rounds = [
        {'a': {'s': 1.0}, 'b': {'s': 9.0}},
        {'b': {'s': 1000.0}},
        {'a': {'s': 0.0}, 'b': {'s': 5.0}},
    ]
    row = summarise(['a', 'b'], rounds)['b']['s']
    assert (row['rounds'], row['ratio']) == (3, 9.0)


def test_the_first_with_figures_is_the_measure():
    rounds = [{'b': {'s': 2.0}, 'c': {'s': 3.0}}]
    found = summarise(['a', 'b', 'c'], rounds)
    assert found['c']['s']['ratio'] == 1.5
    assert 'a' not in found
    assert 'x b' in table('', found, [Column('s', 's', ratio=True)])


def test_what_is_no_number_is_left_out():
    rounds = [{'a': {'s': None, 'names': ['x'], 'yes': True, 'n': 3}}]
    assert set(summarise(['a'], rounds)['a']) == {'n'}


def test_table():
    rounds = [{'first': {'s': 0.5}, 'b': {'s': 1.0, 'm': 2e6}}]
    columns = [
        Column('s', 'ms', unit=1e-3, digits=1, spread=True, ratio=True),
        Column('m', 'MB', unit=1e6, digits=0),
    ]
    text = table('median', summarise(['first', 'b'], rounds), columns)
    assert text.splitlines() == [
        'median      ms         (quartiles)  x first  MB',
        'first    500.0    (500.0 to 500.0)    1.000   -',
        'b       1000.0  (1000.0 to 1000.0)    2.000   2',
    ]
