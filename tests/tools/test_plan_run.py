"""Plans of runs, compared with counts, real runs and each other."""

import json
import re

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.cli.commands import plan
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import call_tool

TOOL = ROOT / 'tools/analysis_tools/plan_run.py'


@pytest.fixture
def config(tmp_path):
    """Write a tiny network on 16 images; 2 updates of 8 images per epoch."""
    return write_config(tmp_path / 'tiny.py', tiny_config(tmp_path / 'run'))


@pytest.fixture
def call(monkeypatch, capsys, config):
    def output(*arguments):
        capsys.readouterr()
        call_tool(monkeypatch, TOOL, config, *arguments)
        return capsys.readouterr().out

    return output


def test_figures_of_a_plan(call):
    found = json.loads(call('--json', '--size', 32, '--gpu', 'h200'))
    assert found['images'] == 19 and found['updates'] == 6
    assert found['accumulative_counts'] == 2
    assert found['flops'] == found['flops_per_image'] * 3 * 16
    assert found['img_per_s'] == pytest.approx(
        0.4 * 67e12 / found['flops_per_image']
    )
    assert found['seconds'] == pytest.approx(48 / found['img_per_s'])
    assert 'assumed' in found['speed_source'] and found['fits']
    # The speed of this machine is not known until it is measured.
    assert 'seconds' not in json.loads(call('--json'))


def test_the_plan_as_text(call):
    """Two devices with half the batch make the same updates."""
    options = ('--mfu', 0.25, '--gpu', 'h200', '--num', 2, '--batch', 2)
    text = call(*options)
    assert '(25% MFU)' in text
    assert '3 epochs of 19 images, 6 updates by 8 images: 2 x 2 x 2' in text
    assert 'fits, and batches up to' in text


def test_measured_iterations(call, tmp_path):
    """No file of the measurement is kept; times are those of its images."""
    found = json.loads(call('--measure', 4, '--json'))
    assert found['speed_source'] == 'median of 4 iterations here'
    assert found['seconds'] == pytest.approx(
        found['seconds_per_iteration'] * 12
    )
    assert not (tmp_path / 'run').exists()


def test_a_plan_and_a_real_run(call, config, tmp_path):
    """Counts agree, and the log's ETA uses them."""
    run = Config.fromfile(config)
    run.log_level = 'ERROR'
    run.experiment_name = 'planned'
    run.val_cfg = run.val_dataloader = run.val_evaluator = None
    runner = Runner.from_cfg(run)
    runner.train()
    folder = tmp_path / 'run'
    [log] = folder.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    found = json.loads(call('--log', folder, '--json'))
    last = rows[-1]
    iterations = found['updates'] * found['accumulative_counts']
    assert iterations == runner.iter == len(rows) == 12
    assert found['epochs'] == runner.epoch == 3
    assert found['batch'] == last['batch_size'] == 4
    assert found['flops_per_image'] == last['gflops_per_image'] * 1e9
    counts = [x.numel() for x in runner.model.parameters()]
    assert found['parameters'] == sum(counts)
    # Weights and moments, and little beside them.
    stored = (folder / 'epoch_3.pth').stat().st_size
    assert found['checkpoint'] == pytest.approx(stored, rel=0.5)
    speeds = sorted(row['img_per_s'] for row in rows if 'img_per_s' in row)
    assert speeds[0] <= found['img_per_s'] <= speeds[-1]


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--mfu', 2], '--mfu must be in (0, 1], got 2.0'),
        (['--mfu', 0.5], '--mfu needs the peak FLOP/s of a GPU'),
        (['--num', 0], '--num must be above 0, got 0'),
        (['--batch', 3], 'batch sizes that do: 1, 2, 4, 8'),
        (['--images', 7], 'images make no update of 8 images'),
        (['--measure', 4, '--gpu', 'h200'], 'remove --gpu and --batch'),
        (['--size', 99_999], '--size must be at most 2,048'),
        (['--size', 36], 'images of shape (3, 36, 36)'),
        (['--cfg-options', 'modle=1'], 'did you mean model?'),
    ],
)
def test_bad_input_is_one_line(call, capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        call(*arguments)
    assert ended.value.code == 2
    [line] = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith('error: ')
    ]
    assert message in line


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--log', 'nowhere'], 'log nowhere does not exist'),
        (['--log', '.'], 'holds no vis_data/scalars.json'),
        (['--log', 'LOG {'], 'is not the log of a run'),
        (['--log', 'LOG []'], 'has no matmul_mfu'),
        (['--log', 'LOG 1'], 'is not the log of a run'),
        (['--log', 'LOG {"matmul_mfu": null}'], 'is not the log of a run'),
        (['--measure', 4, '--batch', 2], 'remove --gpu and --batch'),
        (['--measure', 40], '12 iterations, but the measurement takes'),
        (
            ['--measure', 4, '--cfg-options',
             'train_dataloader.dataset.data_root=nowhere'],
            'nowhere does not exist (train_dataloader.dataset.data_root',
        ),
    ],
)  # fmt: skip
def test_arguments_are_checked_before_the_work(
    call, capsys, monkeypatch, tmp_path, arguments, message
):
    def no_work(*args, **kwargs):
        raise AssertionError('the network is built')

    monkeypatch.setattr(plan.MODELS, 'build', no_work)
    monkeypatch.chdir(tmp_path)
    if str(arguments[1]).startswith('LOG'):
        (tmp_path / 'log').write_text(arguments[1].removeprefix('LOG '))
        arguments = ['--log', 'log']
    with pytest.raises(SystemExit) as ended:
        call(*arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_log_of_another_network(call, capsys, tmp_path):
    row = dict(matmul_mfu=0.5, matmul_tflops=600.0, gflops_per_image=1e3)
    log = tmp_path / 'scalars.json'
    log.write_text(json.dumps(row))
    with pytest.raises(SystemExit):
        call('--log', log)
    assert 'is of another network or image size' in capsys.readouterr().err


def test_imagenet_is_not_needed(monkeypatch, capsys):
    """The command of docs/planning.md prints what the page shows."""
    config = 'configs/mixmae/swin-b_8xb128_600e.py'
    monkeypatch.chdir(ROOT)
    call_tool(monkeypatch, TOOL, config, '--gpu', 'h200', '--num', 8)
    printed = capsys.readouterr().out
    assert '600 epochs of 1,281,167 images' in printed
    page = (ROOT / 'docs/planning.md').read_text()
    block = page.split('```text\n')[1].split('```')[0]
    # Figures of memory depend on the version of PyTorch.
    assert words(block) == words(printed)


def words(text):
    return re.sub(r'[\d.,]+', '#', text).split()
