"""Options that have no effect are refused by name."""

import argparse

import pytest

from mixmae.cli.command_line import refuse_unused


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument('--count', type=int)
    parser.add_argument('--all-files', action='store_true')
    parser.add_argument('--names', nargs='*', default=[])
    return parser.parse_args(arguments)


NAMES = ('count', 'all_files', 'names')


def test_absent_options_are_not_refused():
    refuse_unused(parsed(), NAMES, 'here')


@pytest.mark.parametrize(
    'arguments',
    [('--count', '0'), ('--all-files',), ('--names', 'a')],
)
def test_given_options_are_refused(arguments):
    with pytest.raises(ValueError, match=f'{arguments[0]} has no effect here'):
        refuse_unused(parsed(*arguments), NAMES, 'here')
