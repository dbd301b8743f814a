default_hooks = dict(
    bad_files=dict(max_broken_share=0.01, type='BadFilesHook'),
    checkpoint=dict(
        interval=1, max_keep_ckpts=-1, type='DurableCheckpointHook'
    ),
    finite_guard=dict(max_skips=5, type='FiniteGuardHook'),
    interrupt=dict(type='InterruptHook'),
    logger=dict(interval=1, type='LoggerHook'),
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    step_seed=dict(type='StepSeedHook'),
    throughput=dict(type='ThroughputHook'),
    timer=dict(type='IterTimerHook'),
    update_border=dict(type='UpdateBorderHook'),
    watchdog=dict(timeout=540, type='WatchdogHook'),
)
default_scope = 'mixmae'
env_cfg = dict(
    cudnn_benchmark=False,
    dist_cfg=dict(backend='nccl'),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
)
launcher = 'none'
load_from = None
log_level = 'INFO'
log_processor = dict(type='ThroughputLogProcessor', window_size=50)
model = dict(
    backbone=dict(
        arch=dict(
            depths=(
                1,
                1,
            ),
            embed_dims=8,
            num_heads=(
                1,
                2,
            ),
        ),
        img_size=32,
        patch_size=4,
        type='MIMSwin',
        window_sizes=(
            4,
            4,
        ),
    ),
    data_preprocessor=dict(
        masking=dict(cell=8, ratio=0.5, shared=True, type='RandomMasking'),
        mean=[
            127.5,
            127.5,
            127.5,
        ],
        std=[
            64.0,
            64.0,
            64.0,
        ],
        type='MaskingDataPreprocessor',
    ),
    head=dict(norm_pixels=True, type='DualReconstructionHead'),
    neck=dict(
        cell=8,
        decoder=dict(depth=1, embed_dims=16, num_heads=2),
        in_channels=16,
        type='MixMAENeck',
    ),
    type='MaskedImageModel',
)
model_wrapper_cfg = dict(
    broadcast_buffers=False,
    gradient_as_bucket_view=True,
    type='MMDistributedDataParallel',
)
optim_wrapper = dict(
    dtype='float32',
    optimizer=dict(lr=0.001, type='AdamW'),
    type='AutocastOptimWrapper',
)
param_scheduler = [
    dict(
        begin=0,
        by_epoch=True,
        convert_to_iter_based=True,
        end=2,
        type='CosineAnnealingLR',
    ),
]
randomness = dict(seed=0)
resume = False
test_cfg = dict()
test_dataloader = dict(
    batch_size=3,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        data_root='@DATA@',
        pipeline=[
            dict(type='LoadImage'),
            dict(crop_size=32, type='mmpretrain.CenterCrop'),
            dict(
                meta_keys=(
                    'sample_idx',
                    'img_path',
                ),
                type='mmpretrain.PackInputs',
            ),
        ],
        type='UnlabeledImageFolder',
    ),
    drop_last=False,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(shuffle=False, type='DefaultSampler'),
)
test_evaluator = dict(type='ReconstructionMetric')
test_pipeline = [
    dict(type='LoadImage'),
    dict(crop_size=32, type='mmpretrain.CenterCrop'),
    dict(
        meta_keys=(
            'sample_idx',
            'img_path',
        ),
        type='mmpretrain.PackInputs',
    ),
]
train_cfg = dict(max_epochs=2, type='ResumableTrainLoop', val_interval=1)
train_dataloader = dict(
    batch_size=4,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        data_root='@DATA@',
        pipeline=[
            dict(type='SeedSample'),
            dict(
                crop_ratio_range=(
                    0.4,
                    1.0,
                ),
                interpolation='bicubic',
                scale=32,
                type='LoadRandomResizedCrop',
            ),
            dict(prob=0.5, type='DrawFlip'),
            dict(type='PackImage'),
        ],
        type='UnlabeledImageFolder',
    ),
    drop_last=True,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(
        accumulative_counts=1, batch_size=4, shuffle=True, type='UpdateSampler'
    ),
)
train_pipeline = [
    dict(type='SeedSample'),
    dict(
        crop_ratio_range=(
            0.4,
            1.0,
        ),
        interpolation='bicubic',
        scale=32,
        type='LoadRandomResizedCrop',
    ),
    dict(prob=0.5, type='DrawFlip'),
    dict(type='PackImage'),
]
val_cfg = dict()
val_dataloader = dict(
    batch_size=3,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        data_root='@DATA@',
        pipeline=[
            dict(type='LoadImage'),
            dict(crop_size=32, type='mmpretrain.CenterCrop'),
            dict(
                meta_keys=(
                    'sample_idx',
                    'img_path',
                ),
                type='mmpretrain.PackInputs',
            ),
        ],
        type='UnlabeledImageFolder',
    ),
    drop_last=False,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(shuffle=False, type='DefaultSampler'),
)
val_evaluator = dict(type='ReconstructionMetric')
vis_backends = [
    dict(type='LocalVisBackend'),
]
visualizer = dict(
    type='Visualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
    ],
)
work_dir = '@WORK@'
