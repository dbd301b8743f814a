import math

import pytest

from mixmae.visualization.report.run_history import RunHistory
from tests.visualization.report.runs import pretraining, train_row, write_run


def test_validations_lie_at_the_end_of_their_epoch(tmp_path):
    rows = []
    for epoch in (1, 2):
        for step in (5, 10):
            iteration = 10 * (epoch - 1) + step
            rows.append(train_row(iteration, 1.0, epoch))
        rows.append({'step': epoch, 'mIoU': 0.5})
    history = RunHistory.read(write_run(tmp_path, rows))
    assert history.unit == 'epoch'
    assert history.train['loss'].steps == [0.5, 1.0, 1.5, 2.0]
    assert history.val['mIoU'].steps == [1, 2]


def test_a_resumed_run_replaces_the_rows_it_repeats(tmp_path):
    write_run(tmp_path, [train_row(i, 1.0) for i in (10, 20, 30)])
    later = [train_row(i, 2.0) for i in (20, 30, 40)]
    write_run(tmp_path, later, '20260102_000000')
    history = RunHistory.read(tmp_path)
    assert history.train['loss'].steps == [10, 20, 30, 40]
    assert history.train['loss'].values == [1.0, 2.0, 2.0, 2.0]
    assert history.origin == '20260101_000000'


def test_an_overwritten_run_is_ignored(tmp_path):
    write_run(tmp_path, pretraining([3.0, 2.0, 1.0]))
    write_run(tmp_path, pretraining([9.0]), '20260102_000000')
    history = RunHistory.read(tmp_path)
    assert history.train['loss'].values == [9.0]
    assert history.val['reconstruction/loss'].values == [9.0]
    assert history.origin == '20260102_000000'


def test_reads_truncated_logs(tmp_path):
    write_run(tmp_path, [train_row(10, math.nan), train_row(20, 1.0)])
    file = tmp_path / '20260101_000000/vis_data/scalars.json'
    file.write_text(file.read_text() + '["a list"]\n{"iter": 30, "lo')
    history = RunHistory.read(tmp_path)
    assert history.train['loss'].finite == [(20, 1.0)]


def test_events_of_the_log(tmp_path):
    write_run(tmp_path, [train_row(10, 1.0)])
    log = tmp_path / '20260101_000000/20260101_000000.log'
    log.write_text(
        'x - INFO - loading\n'
        'x - WARNING - a warning\n'
        'x - WARNING - "FileClient" will be deprecated in future.\n'
        'x - INFO - SIGTERM after iteration 10: saved iter_10.pth\n'
        'x - INFO - resumed from iter_10.pth\n'
        'x - INFO - resumed epoch: 1, iter: 10\n'
    )
    kinds = [kind for kind, _ in RunHistory.read(tmp_path).events]
    assert kinds == ['warning', 'interrupted', 'resume', 'resume']


def test_held_out_errors_of_earlier_logs(tmp_path):
    """They are means over all validations; the ratios are not."""
    errors = [0.9, 0.5, 0.4]
    rows = pretraining(errors, filling=0.8)
    for i, row in enumerate(rows[1::2]):
        row['reconstruction/loss'] = sum(errors[: i + 1]) / (i + 1)
    history = RunHistory.read(write_run(tmp_path, rows))
    found = history.val['reconstruction/loss'].values
    assert found == pytest.approx(errors)


def test_a_folder_without_scalars_is_an_error(tmp_path):
    with pytest.raises(ValueError, match='scalars.json'):
        RunHistory.read(tmp_path)
