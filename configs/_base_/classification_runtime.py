# What every classification config inherits: mmpretrain's scope, hooks,
# processes and log.
_base_ = 'mmpretrain::_base_/default_runtime.py'

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=5, max_keep_ckpts=2),
    watchdog=dict(type='mixmae.WatchdogHook', timeout=540),
)
custom_hooks = [
    # Refuses to train where accumulated updates would straddle epochs or
    # checkpoints.
    dict(type='mixmae.UpdateBorderHook'),
    # Training skips files that are no images and lists them in the work
    # folder's bad_files.txt; too many of them stop the run.
    dict(type='mixmae.BadFilesHook', max_broken_share=0.01),
]
randomness = dict(seed=0)
