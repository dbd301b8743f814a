import json

import pytest

from tests.engine.tiny_run import ROOT
from tests.tools.running import call_tool

TOOL = ROOT / 'tools/analysis_tools/compare_curve.py'


def write_run(folder, factor: float):
    path = folder / '20260101_000000' / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    rows = [
        dict(epoch=e, iter=e, loss=factor * (0.3 + 0.7 / e))
        for e in range(1, 13)
    ]
    path.write_text('\n'.join(map(json.dumps, rows)))
    return folder


def test_comparison_of_the_loss(monkeypatch, tmp_path, capsys):
    def output(*arguments):
        capsys.readouterr()
        call_tool(monkeypatch, TOOL, *arguments)
        return capsys.readouterr().out.splitlines()

    good = write_run(tmp_path / 'good', 1.0)
    bad = write_run(tmp_path / 'bad', 1.3)
    reference = tmp_path / 'reference.json'
    about = ['--about', 'config=tiny', 'tolerance=0.1']
    output(good, '--save-reference', reference, *about)
    saved = json.loads(reference.read_text())
    assert saved['grade'] == 'reproduced here' and saved['config'] == 'tiny'
    plot = tmp_path / 'plot.png'
    last = output(good, reference, '--plot', plot)[-1]
    assert last.startswith('normal: at the end 1.000') and '1.10' in last
    assert plot.is_file()
    last = output(bad, reference)[-1]
    assert last.startswith('high: at the end 1.300')


def test_without_a_reference_is_reported(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        call_tool(monkeypatch, TOOL, write_run(tmp_path, 1.0))
    assert 'no reference curve for' in capsys.readouterr().err


@pytest.mark.parametrize(
    'options, message',
    [
        (['--about', 'seed=0'], '--about has no effect without --save-ref'),
        (['--save-reference', 'x.json', '--bands', '3'], '--bands has no eff'),
        (['ref.json', '--save-reference', 'x.json'], 'ref.json has no effect'),
        (['--bands', '0'], '--bands must be at least 1'),
        (['--plot', '/proc/x.png'], '/proc/x.png cannot be written'),
    ],
)
def test_options_that_change_nothing(
    monkeypatch, tmp_path, capsys, options, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, TOOL, 'run', *options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
