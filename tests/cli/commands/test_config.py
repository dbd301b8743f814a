"""``mixmae config``: configs of the package, written to a file."""

import pytest
from mmengine.config import Config

from mixmae.cli.commands.config import main
from tests.engine.tiny_run import ROOT

NAME = 'mixmae/swin-demo_scenes-64'


def test_a_config_with_its_bases_and_options(tmp_path, capsys):
    main([])
    assert NAME in capsys.readouterr().out.splitlines()
    path = tmp_path / 'own.py'
    main([f'{NAME}.py', str(path), '--cfg-options', 'max_epochs=3'])
    cfg = Config.fromfile(path)
    assert cfg.train_cfg.max_epochs == 3
    theirs = Config.fromfile(ROOT / 'configs' / f'{NAME}.py')
    assert cfg.to_dict()['model'] == theirs.to_dict()['model']


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['mixmae/swin-demo_scenes-65', 'a.py'], f'did you mean {NAME}'),
        (['zzzzzzzz', 'a.py'], 'mixmae config lists all'),
        ([NAME], 'name a file'),
        ([NAME, 'a.txt'], 'name a file'),
        ([NAME, '{folder}/there.py'], 'exists; remove it'),
    ],
)
def test_refusals(tmp_path, arguments, words):
    (tmp_path / 'there.py').touch()
    given = [one.format(folder=tmp_path) for one in arguments]
    with pytest.raises(ValueError, match=words):
        main(given)
