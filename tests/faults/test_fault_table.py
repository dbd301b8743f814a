import json

from tests.faults.fault_table import Outcome, markdown, write

OUTCOMES = [
    Outcome('killed', 4),
    Outcome('full', 0),
    Outcome('killed', 0, 'step 7: 1.0, wanted 1.5'),
    Outcome('killed', 2),
]


def test_a_row_for_each_fault(tmp_path):
    lines = markdown(OUTCOMES).splitlines()
    assert lines[2:] == [
        '| killed | 3 | 2 | 2, 4 |',
        '| full | 1 | 1 | 0, 0 |',
    ]
    write(tmp_path / 'new', OUTCOMES, seed=3)
    assert (tmp_path / 'new/faults.md').read_text() == markdown(OUTCOMES)
    content = json.loads((tmp_path / 'new/faults.json').read_text())
    assert content['seed'] == 3
    assert content['faults'][0]['wrong'] == ['step 7: 1.0, wanted 1.5']
