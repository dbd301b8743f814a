# What every classification config inherits: mmpretrain's scope, hooks,
# processes and log.
_base_ = 'mmpretrain::_base_/default_runtime.py'

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=5, max_keep_ckpts=2),
)
# Refuses to train where accumulated updates would straddle epochs or
# checkpoints.
custom_hooks = [dict(type='mixmae.UpdateBorderHook')]
randomness = dict(seed=0)
