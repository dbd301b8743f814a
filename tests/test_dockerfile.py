"""The Dockerfile, as far as it can be checked without building it."""

import re
import shlex

from tests.package_samples import BUILT_FROM, ROOT

TEXT = (ROOT / 'Dockerfile').read_text().replace('\\\n', ' ')


def test_the_requirements_are_those_of_the_base_tier():
    named = re.findall(r'-r (\S+)', TEXT)
    assert named == [
        f'requirements/{name}.txt'
        for name in ('runtime', 'pretrain', 'pretrain-no-deps')
    ]
    assert all((ROOT / name).is_file() for name in named)
    # One pair of versions, for each index of PyTorch.
    constraints = (ROOT / 'requirements/constraints.txt').read_text()
    for name in ('torch', 'torchvision'):
        assert re.search(rf'^{name}==', constraints, re.MULTILINE)
    assert 'PIP_CONSTRAINT=/opt/mixmae/requirements/constraints.txt' in TEXT


def test_what_the_package_is_built_from_is_copied():
    ignored = (ROOT / '.dockerignore').read_text().splitlines()
    assert not set(ignored) & set(BUILT_FROM)
    assert 'COPY . .' in TEXT


def test_commands_are_those_of_the_tool():
    (entry,) = re.findall(r'ENTRYPOINT \["(.*)"\]', TEXT)
    assert entry == 'mixmae'
    for line in re.findall(r'^RUN (.*)', TEXT, re.MULTILINE):
        assert shlex.split(line)[:2] == ['pip', 'install']
