# What every segmentation config inherits: mmseg's scope, hooks, processes,
# log. (`mmseg::` cannot be inherited from: the maintained fork's distribution
# has another name than its package, and MMEngine looks for the latter.)
default_scope = 'mmseg'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Whole or not there, with a checksum, and written beside the training.
    checkpoint=dict(
        type='mixmae.DurableCheckpointHook',
        by_epoch=False,
        interval=16000,
        max_keep_ckpts=2,
        save_best='mIoU',
    ),
    # Images per second, and the share of the time that went by waiting for
    # data. (Auxiliary heads elude the count of operations.)
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
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # Draws nothing until it is told to: --show-dir of the test tools does.
    visualization=dict(type='SegVisualizationHook'),
)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # tools/train.py and tools/test.py take gloo where there is no GPU.
    dist_cfg=dict(backend='nccl'),
)

vis_backends = [dict(type='LocalVisBackend')]
# No name: MMEngine then takes the experiment's. Visualizers of one name are
# one object, so a second run of a process would write to the first's folder.
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=vis_backends, alpha=0.6
)

log_processor = dict(type='mixmae.ThroughputLogProcessor', by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
tta_model = dict(type='SegTTAModel')
