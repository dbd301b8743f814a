"""Tiny run with ``DurableCheckpointHook``, and its checkpoint writer."""

from pathlib import Path

from mmengine.config import Config

from mixmae.checkpoints.io import checkpoint_writer
from mixmae.checkpoints.io.checkpoint_writer import (
    CheckpointWriter,
)
from tests.engine.tiny_run import tiny_config

DURABLE = dict(type='DurableCheckpointHook', interval=1, max_keep_ckpts=2)


def config(tmp_path: Path, **checkpoint) -> Config:
    found = tiny_config(tmp_path / 'run')
    found['default_hooks']['checkpoint'] = {**DURABLE, **checkpoint}
    return Config(found)


def fresh_writer(monkeypatch) -> CheckpointWriter:
    """Return a new writer, without failures of other tests."""
    fresh = CheckpointWriter()
    monkeypatch.setattr(checkpoint_writer, 'WRITER', fresh)
    for name in ('hooks.durable_checkpoint_hook', 'manifest.run_files'):
        monkeypatch.setattr(f'mixmae.engine.{name}.WRITER', fresh)
    return fresh
