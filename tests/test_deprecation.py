"""Old names of arguments and config keys, which give a warning."""

import argparse

import pytest

from mixmae.cli.shared_arguments import add_inference_arguments
from mixmae.deprecation import rename_hooks
from mixmae.preflight.resume_rules import differences
from mixmae.registry import DATASETS, HOOKS


@pytest.mark.parametrize(
    'registry, config',
    [
        (HOOKS, dict(type='CorruptFilesHook')),
        (DATASETS, dict(type='UnlabeledImageFolder')),
        (DATASETS, dict(type='PackedImages')),
        (DATASETS, dict(type='LmdbImages')),
    ],
)
def test_an_old_argument_replaces_an_inherited_one(registry, config):
    config |= dict(max_corrupt_ratio=0.01, max_broken_share=0.25)
    if registry is DATASETS:
        config |= dict(data_root='images', lazy_init=True)
    with pytest.warns(FutureWarning, match='is now max_corrupt_ratio'):
        built = registry.build(config)
    assert built.max_corrupt_ratio == 0.25


def test_an_old_flag_sets_the_new_one():
    parser = argparse.ArgumentParser()
    add_inference_arguments(parser)
    assert not parser.parse_args(['a.pth', 'b.png']).skip_corrupt
    with pytest.warns(FutureWarning, match='is now --skip-corrupt'):
        args = parser.parse_args(['a.pth', 'b.png', '--skip-broken'])
    assert args.skip_corrupt


def test_an_old_hook_changes_the_inherited_one():
    hook = dict(type='CorruptFilesHook', max_corrupt_ratio=0.01)
    config = dict(
        default_hooks=dict(
            corrupt_files=hook, bad_files=dict(max_corrupt_ratio=0.5)
        )
    )
    with pytest.warns(FutureWarning, match='default_hooks.corrupt_files'):
        rename_hooks(config)
    assert config['default_hooks'] == dict(
        corrupt_files=dict(type='CorruptFilesHook', max_corrupt_ratio=0.5)
    )


def test_a_recorded_run_has_the_same_settings_under_old_names():
    old = dict(type='BadFilesHook', max_broken_share=0.01)
    new = dict(type='mixmae.CorruptFilesHook', max_corrupt_ratio=0.01)
    then = dict(default_hooks=dict(bad_files=old))
    now = dict(default_hooks=dict(corrupt_files=new))
    assert differences(then, now) == []
