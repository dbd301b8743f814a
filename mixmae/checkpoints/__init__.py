"""Checkpoint files: reading them safely, and whose keys are whose."""

from mixmae.checkpoints.backbone_state import load_pretrained
from mixmae.checkpoints.key_report import KeyReport
from mixmae.checkpoints.official_mixmim import from_official_mixmim
from mixmae.checkpoints.safe_load import safe_load

__all__ = ['KeyReport', 'from_official_mixmim', 'load_pretrained', 'safe_load']
