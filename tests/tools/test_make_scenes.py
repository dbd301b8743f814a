"""Command that writes the scenes."""

from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

TOOL = ROOT / 'tools' / 'dataset_converters' / 'make_scenes.py'
SMALL = ['--size', '16', '--train', '10', '--val', '10']


def test_writes_once(tmp_path, capsys):
    tool = load_tool(TOOL)
    arguments = [str(tmp_path / 'out'), *SMALL]
    assert tool.main(arguments) == 0
    said = capsys.readouterr()
    assert '10 + 10 scenes of 16 px written' in said.out
    assert tool.main(arguments) == 0
    assert 'already exists' in capsys.readouterr().out


def test_chosen_layouts(tmp_path):
    tool = load_tool(TOOL)
    out = tmp_path / 'out'
    assert tool.main([str(out), *SMALL, '--format', 'ade', 'imagenet']) == 0
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == [
        'ade',
        'imagenet',
    ]


def test_errors_are_one_line(tmp_path, capsys):
    tool = load_tool(TOOL)
    (tmp_path / 'mine').touch()
    assert tool.main([str(tmp_path), *SMALL]) == 2
    said = capsys.readouterr().err
    assert 'not empty' in said and 'Traceback' not in said
    assert tool.main([str(tmp_path / 'out'), '--size', '2']) == 2
