"""tools/evidence.py: arguments and errors."""

import pytest

from benchmarks.evidence.specs import CAMPAIGN
from tests.tools.running import run_tool

TOOL = 'tools/evidence.py'


def test_list_names_the_chosen_runs(tmp_path):
    (tmp_path / f'{CAMPAIGN[0].name}.json').write_text('{}')
    out = run_tool(
        *(TOOL, '--list', '--only', 'selection-*', '--results', tmp_path)
    ).stdout
    lines = [line.split() for line in out.splitlines()]
    chosen = [s.name for s in CAMPAIGN if s.images == 'selection']
    assert [name for _, name in lines] == chosen
    assert [state for state, _ in lines] == [
        'done',
        *['missing'] * (len(chosen) - 1),
    ]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (('--only', 'nothing-like-it'), 'nothing-like-it'),
        (('--data', '/no/such/folder'), '/no/such/folder/train'),
        (('--archive', '/no/such.npz', '--data', '/no/data'), '/no/such.npz'),
    ],
)
def test_errors_are_one_line(arguments, words):
    done = run_tool(TOOL, *arguments, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: ') and words in line
