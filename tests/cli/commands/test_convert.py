"""``mixmae convert``: choice of the conversion."""

import pytest

from mixmae.cli.commands import convert
from mixmae.config.failure_report import ConfigError
from tests.tools.running import ROOT, run_tool

PAIRS = [
    *((name, convert.OURS) for name in convert.INCOMING),
    *((convert.OURS, name) for name in convert.OUTGOING),
    (convert.OURS, convert.RELEASE),
]
VALUES = {
    'window_sizes': ['--window-sizes', '7', '7'],
    'img_size': ['--img-size', '224'],
    'backbone_only': ['--backbone-only'],
    'from_task': ['--from-task'],
    'card': ['--card', 'card.json'],
}


def chosen(pair, *options):
    source, target = pair
    return convert.checked_options(
        convert.parse_args(
            ['a', 'b', f'--from={source}', f'--to={target}', *options]
        )
    )


@pytest.mark.parametrize('pair', PAIRS, ids='-'.join)
@pytest.mark.parametrize('option', convert.OPTIONS)
def test_an_option_without_effect_is_refused(pair, option):
    if pair in convert.OPTIONS[option]:
        assert option in chosen(pair, *VALUES[option])
        return
    with pytest.raises(ConfigError, match='has no effect'):
        chosen(pair, *VALUES[option])


@pytest.mark.parametrize('pair', [('mixmae', 'mixmae'), ('timm', 'mmdet')])
def test_one_side_must_be_ours(pair):
    with pytest.raises(ConfigError, match='must be mixmae'):
        chosen(pair)


@pytest.mark.slow
def test_an_old_script_names_the_new_command(tmp_path):
    scripts = sorted((ROOT / 'tools/model_converters').glob('*_mixmae.py'))
    done = run_tool(scripts[0], 'no.pth', tmp_path / 'out.pth', check=False)
    assert done.returncode == 2
    assert 'use tools/convert.py SRC DST --from' in done.stderr
    assert done.stderr.splitlines()[-1].startswith('error: ')
