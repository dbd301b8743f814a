# Paper: MixMAE, arXiv 2205.13137; a network and a data set small enough for
#   two CPU cores.
# Command: python tools/train.py configs/mixmae/swin-mini_imagenette-96.py
# Cost: see LOG.md
# Expected: see configs/mixmae/README.md [reproduced here]
# Status: run by `make evidence`
# Deviations: settings ours; 96-pixel images of 16 cells, 32 dims at stage 1.
_base_ = ['../_base_/models/mixmae_swin-b.py', '../_base_/default_runtime.py']

# Ten classes of ImageNet in class folders: Imagenette, or any other set laid
# out as {train,val}/<class>/*.jpg.
data_root = 'data/imagenette128'
batch_size = 64
max_epochs = 10
warmup_epochs = 1

model = dict(
    data_preprocessor=dict(masking=dict(cell=24)),
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=32,
            depths=(1, 1, 4, 1),
            num_heads=(2, 4, 8, 16),
        ),
        img_size=96,
        patch_size=3,
        window_sizes=(8, 8, 8, 4),
    ),
    neck=dict(
        in_channels=256,
        cell=24,
        decoder=dict(embed_dims=128, depth=2, num_heads=4),
    ),
)

train_pipeline = [
    # Crops depend on seed, epoch and image alone.
    dict(type='SeedSample'),
    dict(
        type='LoadRandomResizedCrop',
        scale=96,
        crop_ratio_range=(0.2, 1.0),
        interpolation='bicubic',
    ),
    # Drawn here, done on the device.
    dict(type='DrawFlip', prob=0.5),
    dict(type='PackImage'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(
        type='mmpretrain.ResizeEdge',
        scale=96,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size=96),
    dict(
        type='mmpretrain.PackInputs',
        meta_keys=('sample_idx', 'img_path'),
    ),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(
        type='UpdateSampler', batch_size=batch_size, accumulative_counts=1
    ),
    dataset=dict(
        type='mmpretrain.CustomDataset',
        data_root=data_root,
        data_prefix='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpretrain.CustomDataset',
        data_root=data_root,
        data_prefix='val',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ReconstructionMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='AutocastOptimWrapper',
    dtype='auto',
    optimizer=dict(
        type='AdamW', lr=1e-3, betas=(0.9, 0.95), weight_decay=0.05
    ),
    paramwise_cfg=dict(flat_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        by_epoch=True,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        by_epoch=True,
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
# A run that was cut off goes on in the middle of an epoch.
train_cfg = dict(
    type='ResumableTrainLoop', max_epochs=max_epochs, val_interval=5
)
val_cfg = dict()
test_cfg = dict()
# Labels measure what has been learnt; nothing of them reaches the network.
probe_train = dict(
    batch_size=batch_size,
    num_workers=1,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmpretrain.CustomDataset',
        data_root=data_root,
        data_prefix='train',
        pipeline=test_pipeline,
    ),
)
custom_hooks = [
    dict(
        type='ProbeHook',
        train_dataloader=probe_train,
        val_dataloader=val_dataloader,
        interval=5,
    ),
    dict(type='ReconstructionHook', interval=5),
]
default_hooks = dict(
    logger=dict(interval=25),
    checkpoint=dict(interval=2, max_keep_ckpts=2),
)
