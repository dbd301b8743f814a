import subprocess

import torch

import mixmae
from mixmae.engine import surroundings as module
from mixmae.engine.surroundings import surroundings


def test_names_machine_versions_and_commit():
    found = surroundings()
    assert found['torch'] == torch.__version__
    assert found['mixmae'] == mixmae.__version__
    assert found['cores'] >= 1 and found['load'] >= 0
    assert found['cpu'] and found['commit']


def test_without_git(monkeypatch):
    def run(*_, **__):
        raise FileNotFoundError('git')

    monkeypatch.setattr(subprocess, 'run', run)
    assert module.surroundings()['commit'] == 'unknown'
