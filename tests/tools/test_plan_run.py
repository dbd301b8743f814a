import json

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.engine.test_device_rates import ROW, write_log
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import call_tool

TOOL = ROOT / 'tools/analysis_tools/plan_run.py'


@pytest.fixture
def config(tmp_path):
    """A tiny network on 16 pictures; 2 updates of 8 images an epoch."""
    return write_config(tmp_path / 'tiny.py', tiny_config(tmp_path / 'run'))


@pytest.fixture
def call(monkeypatch, capsys, config):
    def output(*arguments):
        capsys.readouterr()
        call_tool(monkeypatch, TOOL, config, '--gpu', 'h200', *arguments)
        return capsys.readouterr().out

    return output


def test_figures_of_a_plan(call, tmp_path):
    found = json.loads(call('--json', '--size', 32))
    assert found['images'] == 19 and found['updates'] == 6
    assert found['accumulative_counts'] == 2
    assert found['flops'] == found['flops_per_image'] * 3 * 16
    assert found['img_per_s'] == pytest.approx(
        0.4 * 67e12 / found['flops_per_image']
    )
    assert found['seconds'] == pytest.approx(48 / found['img_per_s'])
    assert 'assumed' in found['mfu_source'] and found['fits']
    # Half of 600 of the GPU's 67 TFLOP/s in float32: as if it were TF32.
    log = write_log(tmp_path, {**ROW, 'matmul_tflops': 60.0})
    again = json.loads(call('--json', '--size', 32, '--log', log))
    assert again['mfu'] == pytest.approx(0.5 * 60 / 67)


def test_the_plan_for_people(call):
    """Two devices with half the batch make the same updates."""
    text = call('--mfu', 0.25, '--num', 2, '--batch', 2)
    assert '25.0% (given) of 67 TFLOP/s (NVIDIA H200' in text
    assert '3 epochs of 19 images, 6 updates by 8 images: 2 x 2 x 2' in text
    assert 'fits, and batches up to' in text


def test_a_plan_and_a_real_run(monkeypatch, capsys, config, tmp_path):
    """Counts agree, and the run's own log says how long it will take."""
    run = Config.fromfile(config)
    run.log_level = 'ERROR'
    run.experiment_name = 'planned'
    run.val_cfg = run.val_dataloader = run.val_evaluator = None
    runner = Runner.from_cfg(run)
    runner.train()
    folder = tmp_path / 'run'
    [log] = folder.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    capsys.readouterr()
    call_tool(
        monkeypatch, TOOL, config, '--gpu', 'cpu', '--log', folder, '--json'
    )
    found = json.loads(capsys.readouterr().out)
    last = rows[-1]
    iterations = found['updates'] * found['accumulative_counts']
    assert iterations == runner.iter == len(rows) == 12
    assert found['epochs'] == runner.epoch == 3
    assert found['batch'] == last['batch_size'] == 4
    assert found['flops_per_image'] == last['gflops_per_image'] * 1e9
    assert found['moved_per_image'] == last['moved_gb_per_image'] * 1e9
    counts = [x.numel() for x in runner.model.parameters()]
    assert found['parameters'] == sum(counts)
    # Weights and moments; beside them what has no size to speak of.
    stored = (folder / 'epoch_3.pth').stat().st_size
    assert found['checkpoint'] == pytest.approx(stored, rel=0.5)
    speeds = [
        row['img_per_s'] / (1 - row['data_wait'])
        for row in rows
        if 'img_per_s' in row
    ]
    middle = sorted(speeds)[(len(speeds) - 1) // 2 :][: 2 - len(speeds) % 2]
    assert found['img_per_s'] == pytest.approx(sum(middle) / len(middle))


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--mfu', 2], '--mfu must be in (0, 1], got 2.0'),
        (['--num', 0], '--num must be above 0, got 0'),
        (['--batch', 3], 'batch sizes that do: 1, 2, 4, 8'),
        (['--images', 7], 'images make no update of 8 images'),
        (['--log', 'nowhere'], 'there is no log nowhere'),
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


def test_a_log_of_another_kind_of_device(call, capsys, tmp_path):
    log = write_log(tmp_path, {**ROW, 'matmul_tflops': 0.05})
    with pytest.raises(SystemExit):
        call('--log', log)
    assert 'it is of another kind; give --mfu' in capsys.readouterr().err
