"""Help on the weights that a call starts from."""

import pytest

from mixmae.cli.commands import finetune, pretrain


@pytest.mark.parametrize('command', [pretrain, finetune])
def test_both_calls_name_all_sources_of_weights_and_what_follows(
    command, capsys
):
    with pytest.raises(SystemExit):
        command.parse_args(['--help'])
    text = ' '.join(capsys.readouterr().out.split())
    for source in ('SimMIM', 'Hugging Face', 'mixmae:', 'timm:', 'hf:'):
        assert source in text
    # The value range of images of other than 8 bits.
    assert 'default: those of --init' in text
