# What every config inherits: scope, hooks, processes, log.
default_scope = 'mixmae'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Whole or not there, with a checksum, and written beside the training.
    checkpoint=dict(
        type='DurableCheckpointHook', interval=10, max_keep_ckpts=3
    ),
    # Images per second, share of the time that went by waiting for data, and
    # how much of what the device can do is put to use.
    throughput=dict(type='ThroughputHook'),
    # SIGTERM and Ctrl-C: save after the next update, exit with status 75.
    interrupt=dict(type='InterruptHook'),
    # Updates by NaN or infinity are left out and told; too many in a row stop
    # the run.
    finite_guard=dict(type='FiniteGuardHook', max_skips=5),
    # Training skips files that are no images and lists them in the work
    # folder's bad_files.txt; too many of them stop the run.
    bad_files=dict(type='CorruptFilesHook', max_broken_share=0.01),
    # A rank that hangs is named, with its stack, and all end.
    watchdog=dict(type='WatchdogHook', timeout=540),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # What is random in a step depends on (seed, rank, iteration) only: a
    # resumed run draws what the uninterrupted one would have drawn.
    step_seed=dict(type='StepSeedHook'),
    # Refuses to train where accumulated updates would straddle epochs or
    # checkpoints.
    update_border=dict(type='AccumulationBoundaryHook'),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # tools/train.py and tools/test.py take gloo where there is no GPU.
    dist_cfg=dict(backend='nccl'),
)

# Several ranks: gradients live in the buffers they are exchanged in, so they
# are neither held twice nor copied. (static_graph=True only without
# accumulation; find_unused_parameters=True here for models that need it.)
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel',
    broadcast_buffers=False,
    gradient_as_bucket_view=True,
)

# TensorBoard, too (pip install tensorboard), in a config or by --cfg-options
#   "vis_backends=[{type: LocalVisBackend}, {type: TensorboardVisBackend}]"
vis_backends = [dict(type='LocalVisBackend')]
# No name: MMEngine then takes the experiment's. Visualizers of one name are
# one object, so a second run of a process would write to the first's folder.
visualizer = dict(type='Visualizer', vis_backends=vis_backends)

log_processor = dict(type='ThroughputLogProcessor', window_size=50)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
