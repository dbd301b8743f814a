"""Display of a training's output."""

import pytest

from mixmae.apis.training_display import TrainingDisplay

HEAD = '11/29 11:00:34 - mmengine'
OUTPUT = f"""\
Could not import OneDL
{HEAD} - \x1b[4mINFO\x1b[0m - Config:
max_epochs = 2
{HEAD} - WARNING - "FileClient" will be deprecated in future.
{HEAD} - WARNING - cannot read image a.jpg
{HEAD} - INFO - Epoch(train)  [1][ 5/10]  lr: 1e-3  eta: 0:00:20  time: 0.4  \
data_time: 0.1  loss: 0.9  img_per_s: 73.2
{HEAD} - WARNING - cannot read image a.jpg
{HEAD} - INFO - Epoch(train)  [1][10/10]  lr: 1e-3  eta: 0:00:10  time: 0.4  \
data_time: 0.1  loss: 0.8  img_per_s: 73.2
{HEAD} - INFO - Saving checkpoint at 1 epochs
{HEAD} - INFO - Epoch(val) [1][2/2]    reconstruction/loss: 0.7  time: 0.9
{HEAD} - INFO - Epoch(train)  [2][10/10]  lr: 1e-3  eta: 0:00:00  time: 0.4  \
data_time: 0.1  loss: 0.6  img_per_s: 73.2
"""


def test_one_line_for_an_epoch_a_validation_and_a_warning(capsys):
    display = TrainingDisplay(epochs=2)
    for line in OUTPUT.splitlines(keepends=True):
        display.show(line)
    assert capsys.readouterr().out.splitlines() == [
        'warning: cannot read image a.jpg',
        'epoch 1/2  loss 0.8  73.2 images/s  eta 0:00:10',
        'epoch 1: validation  reconstruction/loss 0.7',
        'epoch 2/2  loss 0.6  73.2 images/s  eta 0:00:00',
    ]


def test_long_runs_have_a_bounded_number_of_lines(capsys):
    display = TrainingDisplay(epochs=2000)
    for epoch in range(1, 2001):
        display.show(
            f'{HEAD} - INFO - Epoch(train)  [{epoch}][3/3]  eta: 0  loss: 1\n'
        )
    assert 30 < len(capsys.readouterr().out.splitlines()) < 60


def test_everything_on_request(capsys):
    display = TrainingDisplay(epochs=2, verbose=True)
    for line in OUTPUT.splitlines(keepends=True):
        display.show(line)
    assert len(capsys.readouterr().out.splitlines()) == 11


@pytest.mark.parametrize('verbose', [True, False])
def test_the_first_error_is_kept(verbose):
    display = TrainingDisplay(verbose=verbose)
    for text in ('error: the first\n', 'error: the second\n'):
        display.show(text)
    assert display.error == 'the first'
