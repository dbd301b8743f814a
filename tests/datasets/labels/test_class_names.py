"""Lists of class names and their comparison."""

import pytest

from mixmae.datasets.labels.class_names import (
    ClassList,
    name_faults,
    order_faults,
)


@pytest.mark.parametrize('names', [('cat',), ['cat', 'cow', 'a b']])
def test_valid_names(names):
    assert name_faults('config', names) == []


@pytest.mark.parametrize(
    'names, words',
    [
        ('cat', "classes=('cat',)"),
        ([], 'empty'),
        (3, 'tuple of names'),
        (('cat', 3), 'tuple of names'),
        (('cat', ' '), 'tuple of names'),
        (('cat', 'cow', 'cat'), 'cat is repeated'),
    ],
)
def test_faulty_names(names, words):
    faults = name_faults('config', names)
    assert [fault.level for fault in faults] == ['error']
    assert words in faults[0].text and 'config' in faults[0].text


def level(first, second, **options):
    faults = order_faults(
        ClassList('A', first), ClassList('B', second), 'mend', **options
    )
    assert all(text in f.text for f in faults for text in ('A', 'B', 'mend'))
    return [fault.level for fault in faults]


def test_same_names_in_the_same_order():
    assert level('abc', ['a', 'b', 'c']) == []


@pytest.mark.parametrize('other', ['acb', 'ac', 'xbc', 'abxc', 'bc'])
def test_a_label_with_two_names_is_an_error(other):
    assert level('abc', other) == ['error']


@pytest.mark.parametrize('other', ['ab', 'abcd', 'abca'])
def test_appended_classes_change_no_label(other):
    assert level('abc', other) == ['warning']


def test_other_spelling():
    assert level(['Cat', 'dog'], ['cat', 'dog']) == ['warning']
    assert level(['Cat', 'ant'], ['ant', 'cat']) == ['error']


def test_a_subset_by_name():
    assert level('abcd', 'bd', by_name=True) == []
    assert level('abcd', 'db', by_name=True) == ['error']
    assert level('abcd', 'bx', by_name=True) == ['error']
