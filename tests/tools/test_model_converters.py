"""All conversions from the command line, without other code bases."""

import json

import pytest
import torch
from mmengine.config import Config
from safetensors import safe_open

from mixmae.registry import MODELS
from tests.checkpoints.conversion.networks import (
    PREPROCESSOR,
    PRETRAINING,
    SWIN,
    SWIN_MODEL,
    build,
    equal,
    file_of,
    images,
    randomised,
)

OUTGOING = ['mmdet', 'mmseg', 'timm', 'mmpretrain', 'safetensors']


def state_of(path) -> dict:
    return torch.load(path, weights_only=True)['state_dict']


def backbone_of(path) -> dict:
    state = state_of(path)
    return {k: v for k, v in state.items() if k.startswith('backbone.')}


@pytest.mark.parametrize('other', OUTGOING)
def test_there_and_back(tmp_path, run, swin, pretraining, other):
    """Bit-equal, with enough metadata for another conversion."""
    source = pretraining if other == 'mmpretrain' else swin
    suffix = '.safetensors' if other == 'safetensors' else '.pth'
    meant = ['--from-task'] if other == 'safetensors' else []
    first, back = tmp_path / f'first{suffix}', tmp_path / 'back.pth'
    again = tmp_path / f'again{suffix}'
    status, out, errors = run(f'mixmae_to_{other}', source, first, *meant)
    assert status == 0, errors
    assert '0 unexpected, 0 missing' in out and f'wrote {first}' in out
    assert ('rpn_head.weight (a part of' in out) == (source is swin)
    status, out, errors = run(f'{other}_to_mixmae', first, back)
    assert status == 0, errors
    assert "network: backbone=dict(type='mixmae.MIMSwin'" in out
    assert equal(backbone_of(back), backbone_of(source))
    if other == 'mmpretrain':
        assert equal(state_of(back), state_of(source))
    status, _, errors = run(f'mixmae_to_{other}', back, again)
    assert status == 0, errors
    if suffix == '.pth':
        assert equal(state_of(again), state_of(first))
    assert not list(tmp_path.glob('.*'))


@pytest.mark.parametrize('other', ['mmdet', 'mmseg', 'timm'])
def test_networks_that_are_no_swin_are_refused(
    tmp_path, run, pretraining, other
):
    """MixMAE's own: unshifted, unequal windows, positions."""
    target = tmp_path / 'out.pth'
    status, _, errors = run(f'mixmae_to_{other}', pretraining, target)
    assert status == 2 and not target.exists()
    assert 'never shifted (shift=False)' in errors
    assert 'fixed sine-cosine positions' in errors
    assert "backbone=dict(type='mixmae.MIMSwin'" in errors
    # timm takes one window per stage, of late.
    differ = 'its windows 4, 8, 4, 2 differ' in errors
    assert differ == (other != 'timm')
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize('other', OUTGOING)
def test_missing_settings_are_requested(tmp_path, run, other):
    config = tmp_path / 'config.py'
    model = PRETRAINING if other == 'mmpretrain' else SWIN_MODEL
    parts = {'backbone': randomised(build(model['backbone']))}
    source = file_of(tmp_path / 'in.pth', parts)
    target = tmp_path / f'out.{"pth" if other != OUTGOING[-1] else other}'
    status, _, errors = run(f'mixmae_to_{other}', source, target)
    assert status == 2 and '--config CONFIG' in errors
    config.write_text(f'model = {model!r}')
    arguments = (f'mixmae_to_{other}', source, target, '--config', config)
    # That it has a decoder, too, does not matter: the file has none.
    status, _, errors = run(*arguments)
    assert status == 0, errors
    wrong = dict(model['backbone'], window_sizes=(7, 7, 7, 7))
    config.write_text(f'model = {dict(backbone=wrong)!r}')
    status, _, errors = run(*arguments)
    assert status == 2
    assert 'another network: its window_sizes is (7, 7, 7, 7)' in errors


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda s: s.update({'backbone.x': torch.ones(1)}), 'unexpected  '),
        (lambda s: s.pop('backbone.norm3.bias'), 'missing     backbone.norm3'),
        (
            lambda s: s.update({'backbone.norm3.bias': torch.ones(5)}),
            'norm3.bias of shape (5,), expected (64,)',
        ),
    ],
)
@pytest.mark.parametrize('other', OUTGOING)
def test_keys_that_do_not_fit(
    tmp_path, run, swin, pretraining, other, spoil, message
):
    source = pretraining if other == 'mmpretrain' else swin
    content = torch.load(source, weights_only=True)
    spoil(content['state_dict'])
    torch.save(content, source)
    bare = other == 'safetensors'
    target = tmp_path / ('out.safetensors' if bare else 'out.pth')
    target.write_text('what was there')
    meant = ['--from-task'] if bare else []
    status, out, errors = run(f'mixmae_to_{other}', source, target, *meant)
    assert status == 2 and message in out
    assert 'nothing was written' in errors
    assert target.read_text() == 'what was there'


@pytest.mark.parametrize('other', ['mmdet', 'mmpretrain', 'timm'])
def test_incoming_keys_that_do_not_fit(
    tmp_path, run, swin, pretraining, other
):
    source = pretraining if other == 'mmpretrain' else swin
    middle, target = tmp_path / 'middle.pth', tmp_path / 'out.pth'
    assert run(f'mixmae_to_{other}', source, middle)[0] == 0
    state = state_of(middle)
    lost = next(key for key in state if key.endswith('proj.bias'))
    del state[lost]
    torch.save(state, middle)
    status, out, _ = run(f'{other}_to_mixmae', middle, target)
    assert status == 2 and 'missing     backbone.' in out
    assert not target.exists()


def test_a_half_written_file_is_never_seen(tmp_path, run, swin, monkeypatch):
    target = tmp_path / 'out.pth'
    target.write_text('what was there')

    def fail(content, path):
        path.write_text('half')
        raise OSError('no space left on device')

    monkeypatch.setattr(torch, 'save', fail)
    with pytest.raises(OSError, match='no space'):
        run('mixmae_to_mmdet', swin, target)
    assert target.read_text() == 'what was there'
    assert not list(tmp_path.glob('.*'))


def test_source_is_not_overwritten(run, swin):
    status, _, errors = run('mixmae_to_mmdet', swin, swin)
    assert status == 2 and 'the same file' in errors


def test_no_code_of_a_checkpoint_is_run(tmp_path, run, swin):
    """Its config is parsed, not executed."""
    trace = tmp_path / 'was_run'
    content = torch.load(swin, weights_only=True)
    content['meta']['cfg'] += f'\nmodel = open({str(trace)!r}, "w")\n'
    torch.save(content, swin)
    # The assignment that is no plain value does not count.
    assert run('mixmae_to_mmdet', swin, tmp_path / 'out.pth')[0] == 2
    assert not trace.exists()


def test_a_bare_file_describes_its_network(tmp_path, run, swin):
    """Read by safetensors alone, and by the backbone itself."""
    target = tmp_path / 'bare.safetensors'
    assert run('mixmae_to_safetensors', swin, target, '--from-task')[0] == 0
    with safe_open(target, 'pt') as file:
        header = {k: v for k, v in file.metadata().items() if k != 'format'}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    header = {key: json.loads(value) for key, value in header.items()}
    assert header['format_version'] == 1
    assert header['source'].startswith(
        'converted from swin.pth, the backbone of a model with rpn_head, '
        'neither a pretraining model nor a classifier'
    )
    assert header['preprocessing'] == {
        'mean': [120.0, 115.0, 100.0],
        'std': [60.0, 55.0, 50.0],
        'channel_order': 'RGB',
    }
    ours = build(header['backbone'], tensors)
    init_cfg = dict(type='Pretrained', checkpoint=str(target))
    loaded = MODELS.build(dict(header['backbone'], init_cfg=init_cfg))
    loaded.init_weights()
    wanted = build(SWIN, {k[9:]: v for k, v in backbone_of(swin).items()})
    for network in (ours, loaded.double().eval()):
        # Loading into float32 rounds.
        atol = 1e-5 if network is loaded else 0
        torch.testing.assert_close(
            network(images())[0], wanted(images())[0], rtol=0, atol=atol
        )


@pytest.mark.parametrize('outputs', [(0, 1, 2, 3), (1, 2)])
def test_norms_of_all_outputs_are_recorded(tmp_path, run, outputs):
    """The printed and stored config builds a network for the tensors."""
    config = dict(SWIN, out_indices=outputs)
    model = dict(backbone=config, data_preprocessor=PREPROCESSOR)
    ours = randomised(build(config))
    source = file_of(tmp_path / 'in.pth', {'backbone': ours}, model)
    bare = tmp_path / 'bare.safetensors'
    status, out, errors = run('mixmae_to_safetensors', source, bare)
    assert status == 0, errors
    assert f'out_indices={outputs}' in out
    with safe_open(bare, 'pt') as file:
        header = json.loads(file.metadata()['backbone'])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    again = build(header, tensors)
    for found, wanted in zip(again(images()), ours(images()), strict=True):
        assert torch.equal(found, wanted)
    for there, back in (
        ('mixmae_to_mmdet', 'mmdet_to_mixmae'),
        ('mixmae_to_safetensors', 'safetensors_to_mixmae'),
    ):
        suffix = 'safetensors' if 'safe' in there else 'pth'
        middle, end = tmp_path / f'middle.{suffix}', tmp_path / 'end.pth'
        assert run(there, source, middle)[0] == 0
        assert run(back, middle, end)[0] == 0
        meta = torch.load(end, weights_only=True)['meta']
        build(
            meta['model']['backbone'],
            {k[9:]: v for k, v in backbone_of(end).items()},
        )


def test_a_suffix_of_another_format(tmp_path, run, swin):
    status, _, errors = run(
        'mixmae_to_safetensors', swin, tmp_path / 'out.pth', '--from-task'
    )
    assert status == 2 and 'must end in .safetensors' in errors
    target = tmp_path / 'out.safetensors'
    status, _, errors = run('mixmae_to_mmdet', swin, target)
    assert status == 2 and 'must not end in .safetensors' in errors
    assert not target.exists()


def test_unknown_preprocessing_is_refused(tmp_path, run):
    parts = {'backbone': randomised(build(SWIN))}
    source = file_of(tmp_path / 'in.pth', parts, dict(backbone=SWIN))
    target = tmp_path / 'out.safetensors'
    status, _, errors = run('mixmae_to_safetensors', source, target)
    assert status == 2 and 'how its data_preprocessor was built' in errors
    config = tmp_path / 'config.py'
    # It may stand beside the model, as mmpretrain has it.
    beside = {**PREPROCESSOR, 'to_rgb': False}
    config.write_text(
        f'model = {dict(backbone=SWIN)!r}\ndata_preprocessor = {beside!r}'
    )
    assert Config.fromfile(config).model
    arguments = ('mixmae_to_safetensors', source, target, '--config', config)
    assert run(*arguments)[0] == 0
    with safe_open(target, 'pt') as file:
        assert '"BGR"' in file.metadata()['preprocessing']
