"""Command that writes lists of images and labels."""

from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

TOOL = ROOT / 'tools' / 'dataset_converters' / 'make_lists.py'


def test_writes_and_counts(tmp_path, capsys):
    for split in ('train', 'val'):
        path = tmp_path / f'{split}_places205.csv'
        path.write_text('a/1.jpg 0\n')
    assert load_tool(TOOL).main(['places205', str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f'{tmp_path}/meta/train.txt: 1 images' in said
    assert (tmp_path / 'meta' / 'val.txt').read_text().endswith('1.jpg 0\n')


def test_errors_are_one_line(tmp_path, capsys):
    assert load_tool(TOOL).main(['inaturalist2019', str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert 'train2019.json' in said and said.count('\n') == 1
    arguments = ['places205', str(tmp_path), '--size', '256']
    assert load_tool(TOOL).main(arguments) == 2
