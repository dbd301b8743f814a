# What every classification config inherits: mmpretrain's scope, hooks,
# processes and log.
_base_ = 'mmpretrain::_base_/default_runtime.py'

default_hooks = dict(
    logger=dict(interval=50),
    # Whole or not there, with a checksum, and written beside the training.
    checkpoint=dict(
        type='mixmae.DurableCheckpointHook', interval=5, max_keep_ckpts=2
    ),
    # Images per second, share of the time that went by waiting for data, and
    # how much of what the device can do is put to use.
    throughput=dict(type='mixmae.ThroughputHook'),
    # SIGTERM and Ctrl-C: save after the next update, exit with status 75.
    interrupt=dict(type='mixmae.InterruptHook'),
    # Updates by NaN or infinity are left out and told; too many in a row stop
    # the run.
    finite_guard=dict(type='mixmae.FiniteGuardHook', max_skips=5),
    # What is random in a step depends on (seed, rank, iteration) only.
    step_seed=dict(type='mixmae.StepSeedHook'),
    watchdog=dict(type='mixmae.WatchdogHook', timeout=540),
)
custom_hooks = [
    # Refuses to train where accumulated updates would straddle epochs or
    # checkpoints.
    dict(type='mixmae.AccumulationBoundaryHook'),
    # Training skips files that are no images and lists them in the work
    # folder's bad_files.txt; too many of them stop the run.
    dict(type='mixmae.CorruptFilesHook', max_broken_share=0.01),
]
# Gradients live in the buffers they are exchanged in.
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel',
    broadcast_buffers=False,
    gradient_as_bucket_view=True,
)
log_processor = dict(type='mixmae.ThroughputLogProcessor', window_size=50)
randomness = dict(seed=0)
