# What every detection config inherits: mmdet's runtime.
_base_ = 'mmdet::_base_/default_runtime.py'

default_hooks = dict(
    # Whole or not there, with a checksum, and written beside the training.
    checkpoint=dict(type='mixmae.DurableCheckpointHook', max_keep_ckpts=3),
    # Images per second, and the share of the time that went by waiting for
    # data. (The images have many sizes, so that no count of operations fits.)
    throughput=dict(type='mixmae.ThroughputHook', mfu=False),
    # SIGTERM and Ctrl-C: save after the next update, exit with status 75.
    interrupt=dict(type='mixmae.InterruptHook'),
    # Updates by NaN or infinity are left out and told; too many in a row stop
    # the run.
    finite_guard=dict(type='mixmae.FiniteGuardHook', max_skips=5),
    # What is random in a step depends on (seed, rank, iteration) only.
    step_seed=dict(type='mixmae.StepSeedHook'),
    # Refuses to train where accumulated updates would straddle epochs or
    # checkpoints.
    update_border=dict(type='mixmae.AccumulationBoundaryHook'),
    watchdog=dict(type='mixmae.WatchdogHook', timeout=540),
)
# No name: visualizers of one name are one object, so a second run of a
# process would write to the first's folder.
visualizer = dict(
    _delete_=True,
    type='DetLocalVisualizer',
    vis_backends=[dict(type='LocalVisBackend')],
)
log_processor = dict(type='mixmae.ThroughputLogProcessor')
randomness = dict(seed=0)
