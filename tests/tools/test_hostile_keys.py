"""Control characters in names of checkpoints do not reach the terminal."""

import pytest
import torch

from tests.apis.tiny_setup import photo_folder, tiny_checkpoint
from tests.engine.tiny_run import ROOT
from tests.tools.running import call_tool

NAME = 'backbone.\x1b[2J\x1b]0;title\x07\rerror: \u202eall is well\n'


@pytest.fixture
def bad(tmp_path):
    path = tiny_checkpoint(tmp_path / 'bad.pth')
    content = torch.load(path, weights_only=True)
    content['state_dict'][NAME] = torch.ones(1)
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ('tool', 'out'),
    [('reconstruct', 'out'), ('extract_features', 'out.npz')],
)
def test_errors_name_them_on_one_line(
    monkeypatch, capsys, tmp_path, bad, tool, out
):
    photo_folder(tmp_path / 'in')
    arguments = (bad, tmp_path / 'in', '--out', tmp_path / out)
    with pytest.raises(SystemExit):
        call_tool(monkeypatch, ROOT / f'tools/{tool}.py', *arguments)
    said = ''.join(capsys.readouterr())
    assert '\\x1b[2J' in said
    for character in '\x1b\x07\r\u202e':
        assert character not in said
    errors = [x for x in said.split('\n') if 'error: ' in x]
    assert len(errors) == 1 and errors[0].startswith('error: ')


def test_reports_of_keys(monkeypatch, capsys, tmp_path, bad):
    with pytest.raises(SystemExit):
        call_tool(
            monkeypatch,
            ROOT / 'tools/convert.py',
            bad,
            tmp_path / 'out.pth',
            '--to',
            'mmpretrain',
        )
    said = ''.join(capsys.readouterr())
    assert '\\x1b[2J' in said and '\x1b' not in said
