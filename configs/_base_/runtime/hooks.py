# Parts of the runtimes of all tasks: hooks, processes, seed.
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Atomic writes with a checksum, in a thread during training.
    checkpoint=dict(type='mixmae.DurableCheckpointHook'),
    # Images per second, share of the time that went by waiting for data, and
    # how much of what the device can do is put to use.
    throughput=dict(type='mixmae.ThroughputHook'),
    # SIGTERM and Ctrl-C: save after the next update, exit with status 75.
    interrupt=dict(type='mixmae.InterruptHook'),
    # Updates with NaN or infinity are skipped and logged; too many in a row
    # stop the run.
    finite_guard=dict(type='mixmae.FiniteGuardHook', max_skips=5),
    # A rank that hangs is named, with its stack, and all end.
    watchdog=dict(type='mixmae.WatchdogHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # What is random in a step depends on (seed, rank, iteration) only: a
    # resumed run draws what the uninterrupted one would have drawn.
    step_seed=dict(type='mixmae.StepSeedHook'),
    # report.html in the work folder: curves, a verdict, held-out images.
    report=dict(type='mixmae.ReportHook'),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # Without a GPU, gloo is used instead.
    dist_cfg=dict(backend='nccl'),
)

# Trackers as well: --track tensorboard, wandb or mlflow of tools/train.py.
vis_backends = [dict(type='LocalVisBackend')]

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
