# Paper: MixMAE, arXiv 2205.13137, on images of your own. Template of mixmae
#   pretrain.
# Command: python tools/train.py configs/mixmae/own-images.py
#   --cfg-options data_root=/my/photos
#   `mixmae pretrain --data /my/photos --out RUN` derives the values below from
#   images, method and machine, and writes such a file
# Cost: depends on the images
# Expected: unknown: it depends on the images
# Status: run by the tests with tiny networks of all families
# Deviations: settings ours, for thousands of images

# Images: folders, or lists of files below data_root as ann_file.
data_root = 'data/images'
train_data = [dict(type='UnlabeledImageFolder', data_root=data_root)]
val_data = [
    dict(type='UnlabeledImageFolder', data_root=data_root, indices=1000)
]
img_size = 224
crop_ratio_range = (0.2, 1.0)
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]
to_rgb = True
# Sample values of black and white; None for images of 8 bits.
value_range = None

# Network.
network = dict(
    type='MIMSwin',
    arch='tiny',
    img_size=img_size,
    patch_size=4,
    window_sizes=(14, 14, 14, 7),
)
# dict(type='Pretrained', checkpoint=PATH) starts from these weights.
init_cfg = None

# Images have the channels of the network.

# Method.
masking = dict(type='RandomMasking', ratio=0.5, cell=32, shared=True)
neck = dict(
    type='MixMAENeck',
    in_channels=768,
    cell=32,
    decoder=dict(embed_dims=512, depth=8, num_heads=16),
)
head = dict(type='DualReconstructionHead', norm_pixels=True)

# Run: images of a forward pass, and forward passes of an update.
batch_size = 64
accumulative_counts = 1
num_workers = 4
max_epochs = 300
warmup_epochs = max_epochs / 15
lr = 2e-4
# Images of all devices that lr is for, as --auto-scale-lr counts them.
lr_batch_size = 64
betas = (0.9, 0.95)
weight_decay = 0.05
clip_grad = None
precision = 'auto'  # bfloat16 where it is faster, else float32
# Epochs between validations and checkpoints, iterations between lines.
interval = 10
log_interval = 50
seed = 0

default_scope = 'mixmae'
model = dict(
    type='MaskedImageModel',
    data_preprocessor=dict(
        type='MaskingDataPreprocessor',
        mean=mean,
        std=std,
        to_rgb=to_rgb,
        masking=masking,
    ),
    backbone=dict(**network, init_cfg=init_cfg),
    neck=neck,
    head=head,
)

train_pipeline = [
    # Crops depend on seed, epoch and image alone.
    dict(type='SeedSample'),
    dict(
        type='LoadRandomResizedCrop',
        scale=img_size,
        crop_ratio_range=crop_ratio_range,
        interpolation='bicubic',
        channels=network.get('in_channels', 3),
        value_range=value_range,
    ),
    dict(type='DrawFlip', prob=0.5),
    dict(type='PackImage'),
]
test_pipeline = [
    dict(
        type='LoadImage',
        channels=network.get('in_channels', 3),
        value_range=value_range,
    ),
    dict(type='ResizeShortSide', scale=img_size * 8 // 7),
    dict(type='mmpretrain.CenterCrop', crop_size=img_size),
    # sample_idx seeds the mask of an image, so that figures can be compared.
    dict(type='mmpretrain.PackInputs', meta_keys=('sample_idx', 'img_path')),
]
train_sets = [dict(pipeline=train_pipeline, **one) for one in train_data]
val_sets = [dict(pipeline=test_pipeline, **one) for one in val_data]
joined = dict(type='ConcatDataset', ignore_keys='dataset_type')
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    collate_fn=dict(type='default_collate'),
    # Drops what does not fill an update of batches and accumulation.
    sampler=dict(type='UpdateSampler', shuffle=True),
    dataset=train_sets[0]
    if len(train_sets) == 1
    else dict(datasets=train_sets, **joined),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    pin_memory=True,
    drop_last=False,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=val_sets[0]
    if len(val_sets) == 1
    else dict(datasets=val_sets, **joined),
)
val_evaluator = dict(type='ReconstructionMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype=precision,
    accumulative_counts=accumulative_counts,
    optimizer=dict(
        type='AdamW', lr=lr, betas=betas, weight_decay=weight_decay
    ),
    clip_grad=clip_grad,
    # What has one axis (norms, biases) is not decayed.
    paramwise_cfg=dict(flat_decay_mult=0.0),
)
# Linear from 0, then a cosine to 0. A run too short for the warm-up warms up
# for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,  # MMEngine divides by it: 0 is not possible
        by_epoch=True,
        begin=0,
        end=warmup_end,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        by_epoch=True,
        begin=warmup_end,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(
    type='ResumableTrainLoop', max_epochs=max_epochs, val_interval=interval
)
auto_scale_lr = dict(base_batch_size=lr_batch_size)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=log_interval),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='DurableCheckpointHook', interval=interval, max_keep_ckpts=2
    ),
    throughput=dict(type='ThroughputHook'),
    # SIGTERM and Ctrl-C: save after the next update, exit with status 75.
    interrupt=dict(type='InterruptHook'),
    # Updates by NaN or infinity are left out; too many in a row stop the run.
    finite_guard=dict(type='FiniteGuardHook', max_skips=5),
    # A rank that hangs is named, with its stack, and all end.
    watchdog=dict(type='WatchdogHook'),
    # Corrupt files are replaced, counted and listed in corrupt_files.txt.
    corrupt_files=dict(type='CorruptFilesHook', max_corrupt_ratio=0.01),
    update_border=dict(type='AccumulationBoundaryHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    step_seed=dict(type='StepSeedHook'),
    # report.html in the work folder: curves, a verdict, held-out images.
    report=dict(type='ReportHook'),
)
# What the network sees and predicts, for the visualizer.
custom_hooks = [dict(type='ReconstructionHook', interval=interval)]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='Visualizer', vis_backends=vis_backends)
log_processor = dict(type='ThroughputLogProcessor', window_size=50)
log_level = 'INFO'
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
# Several ranks: gradients live in the buffers that they are exchanged in.
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel',
    broadcast_buffers=False,
    gradient_as_bucket_view=True,
)
randomness = dict(seed=seed)
load_from = None
resume = False
