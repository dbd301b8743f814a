"""Header comment of every config."""

from __future__ import annotations

import re
from pathlib import Path

from tests.configs.test_configs import (
    CONFIGS,
    ROOT,
    every_config,
    header,
    identity,
)

FIELDS = ['Paper', 'Command', 'Cost', 'Expected', 'Status', 'Deviations']
# Beginnings and parts of config names.
NETWORK = r'(?:swin|pvt|twins-svt|vit)-\w'
GRADES = ('[reproduced here]', '[converted]', '[official number]', 'unknown')


@every_config
def test_header(path):
    fields = header(path)
    assert list(fields) == FIELDS
    assert any(grade in fields['Expected'] for grade in GRADES)
    assert any(
        identity(path) in value.replace('configs/', '')
        for value in fields.values()
    )


@every_config
def test_configs_that_a_header_names_exist(path):
    stems = {config.stem for config in CONFIGS} | {
        base.stem for base in (ROOT / 'configs/_base_').rglob('*.py')
    }
    for value in header(path).values():
        for word in re.findall(r'[\w./-]+', value):
            word = word.rstrip('.')
            if word.startswith('configs/') and Path(word).suffix:
                assert (ROOT / word).exists(), word
            elif word.startswith('work_dirs/'):
                continue  # test_starting_checkpoints_are_written_by_a_config
            elif re.search(f'{NETWORK}.*_|_.*{NETWORK}', word):
                assert Path(word).name.removesuffix('.py') in stems, word
