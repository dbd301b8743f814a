"""Parameters, gradients and optimizer states split among the ranks."""

from mixmae.engine.sharding.fully_sharded_model import FullyShardedModel
from mixmae.engine.sharding.sharded_runner import ShardedRunner

__all__ = ['FullyShardedModel', 'ShardedRunner']
