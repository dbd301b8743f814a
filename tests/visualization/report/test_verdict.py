import math

import pytest

from mixmae.visualization.report.run_history import RunHistory
from mixmae.visualization.report.verdict import verdict
from tests.visualization.report.runs import pretraining, train_row, write_run


def metric_rows(values):
    rows = []
    for epoch, value in enumerate(values, start=1):
        rows.append(train_row(10 * epoch, 1.0, epoch))
        rows.append({'step': epoch, 'accuracy/top1': value})
    return rows


@pytest.mark.parametrize(
    ('rows', 'said'),
    [
        (pretraining([1.2, 1.1, 1.05, 1.01]), 'worse than filling'),
        (pretraining([0.9, 0.8, 0.7, 0.6]), 'still falls'),
        (pretraining([0.9, 0.6, 0.6, 0.6, 0.6]), 'flat in the last quarter'),
        (pretraining([0.9, 0.5, 0.6, 0.7]), 'risen since epoch 2'),
        (pretraining([0.9, 0.5]), 'too few validations'),
        ([train_row(10, 1.0), train_row(20, math.nan)], 'not finite'),
        ([train_row(10, 1.0)], 'No held-out images'),
        ([], 'no loss yet'),
        (metric_rows([10, 20, 30, 40]), 'still rises'),
        (metric_rows([10, 40, 40, 40, 40]), 'flat'),
        (metric_rows([10, 40, 30, 30]), 'best of 40.000 at epoch 2'),
    ],
)
def test_the_first_matching_rule_decides(tmp_path, rows, said):
    assert said in verdict(RunHistory.read(write_run(tmp_path, rows)))
