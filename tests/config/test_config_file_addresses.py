"""Passwords and tokens of addresses are neither stored nor shown."""

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.config.config_file import hide_addresses
from tests.checkpoints.io.test_download import net  # noqa: F401
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import call_tool

SECRET = 'hunter2'


def test_all_places_of_a_config():
    address = f'https://u:{SECRET}@host/x.pth?token={SECRET}'
    cfg = Config(
        dict(
            load_from=address,
            model=dict(backbone=dict(init_cfg=dict(checkpoint=address))),
            hooks=[dict(a=(1, [address]))],
            plain='https://host/x.pth',
            number=3,
        )
    )
    hide_addresses(cfg)
    assert SECRET not in str(cfg.to_dict()) + cfg.pretty_text
    hidden = 'https://***@host/x.pth?token=***'
    assert cfg.load_from == cfg.hooks[0].a[1][0] == hidden
    assert cfg.model.backbone.init_cfg.checkpoint == hidden
    assert cfg.plain == 'https://host/x.pth' and cfg.hooks[0].a[0] == 1


@pytest.fixture
def first(monkeypatch, tmp_path):
    """Return the config of a run that has written its first checkpoint."""
    # Logging the environment calls compilers, which takes seconds.
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)
    config = tiny_config(tmp_path / 'first')
    config['train_cfg']['max_epochs'] = 2
    path = write_config(tmp_path / 'tiny.py', config)
    call_tool(monkeypatch, ROOT / 'tools/train.py', path)
    return path


@pytest.mark.parametrize(
    'option', [('--resume',), ('--cfg-options', 'load_from=')]
)
def test_a_run_from_a_secret_address(
    net,  # noqa: F811
    first,
    monkeypatch,
    tmp_path,
    capsys,
    option,
):
    data = (tmp_path / 'first/epoch_1.pth').read_bytes()
    net.files[f'/x.pth?token={SECRET}'] = data
    place = net.url.replace('//', f'//u:{SECRET}@')
    address = f'{place}/x.pth?token={SECRET}'
    name, *key = option
    second = tmp_path / 'second'
    call_tool(
        monkeypatch,
        ROOT / 'tools/train.py',
        first,
        '--work-dir',
        second,
        name,
        ''.join([*key, address]),
    )
    assert net.asked == [f'/x.pth?token={SECRET}'] and net.users[0]
    said = ''.join(capsys.readouterr())
    shown = f'//***@{net.url.split("//")[1]}/x.pth?token=***'
    # A run resumes from the downloaded file, which is shown.
    assert shown in said or name == '--resume'
    assert SECRET not in said
    files = [one for one in second.rglob('*') if one.is_file()]
    assert second / 'epoch_2.pth' in files and len(files) > 3
    for one in files:
        assert SECRET.encode() not in one.read_bytes(), one
