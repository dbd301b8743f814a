# Paper: Mask R-CNN, arXiv 1703.06870, on MixMAE, arXiv 2205.13137, for
#   objects of your own. Template of mixmae finetune --task detection.
# Command: python tools/train.py configs/detection/own-coco.py
#   --cfg-options data_root=/my/data pretrained=/my/backbone.safetensors
#   classes="(cat,dog)" model.backbone.init_cfg.checkpoint=PATH for another
#   start; mixmae finetune --task detection writes such a file for you
# Cost: depends on the data
# Expected: unknown: it depends on the data
# Status: a tiny network trains on 24 images in the tests
# Deviations: settings ours, for hundreds to thousands of images
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

# The three to set. Annotations: data_root/{train,val}.json in COCO's format,
# images below data_root/images. Classes are the names of the categories.
data_root = 'data/own-coco'
classes = ('first', 'second', 'third')
pretrained = 'work_dirs/swin-b_image-folder/epoch_300.pth'

# From the pretraining: its network, the channels of its stages, and how its
# images were normalised.
network = dict(
    type='mixmae.MIMSwin',
    arch='base',
    img_size=224,
    patch_size=4,
    window_sizes=(14, 14, 14, 7),
)
feature_channels = [128, 256, 512, 1024]
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]
to_rgb = True
# Sample values of black and white, None for images of 8 bits; as the
# pretraining. Images have the channels of the network.
value_range = None

# From the data.
train_file = f'{data_root}/train.json'
val_file = f'{data_root}/val.json'
img_dir = f'{data_root}/images'
num_classes = len(classes)
# Ids of the classes in files of predictions; None = 1, 2, 3, ...
category_ids = None
# Whether the objects have masks, else boxes only.
with_mask = True
# Short side of the images that the network sees, and the most of the long one.
img_size = 800
longest_side = 1333
# Side of the smallest anchor, in tokens; 4 for objects of a few pixels.
anchor_scale = 8
# Images of a class in fewer than this share of the images are repeated.
oversample_below = 0.0

# The run.
batch_size = 2
num_workers = 2
max_epochs = 24
warmup_iters = 200
lr = 1e-4
# Images of all devices that lr is for, as --auto-scale-lr counts them.
lr_batch_size = 2
layer_decay_rate = 0.9
drop_path_rate = 0.1
# 4 freezes all stages of the backbone, -1 none.
frozen_stages = -1
# Channels of pyramid and heads, and of the fully connected layers.
channels = 256
fc_channels = 1024
# Epochs without improvement before the run stops; None = never.
patience = None
seed = 0

default_scope = 'mmdet'
img_scale = (longest_side, img_size)
stride = network['patch_size']
strides = [stride << level for level in range(5)]
roi = dict(
    out_channels=channels,
    featmap_strides=strides[:4],
    finest_scale=14 * stride * anchor_scale // 8,
)
model = dict(
    data_preprocessor=dict(
        type='mixmae.DetDataPreprocessor',
        mean=mean,
        std=std,
        bgr_to_rgb=to_rgb,
        pad_size_divisor=strides[len(feature_channels) - 1],
    ),
    backbone=dict(
        _delete_=True,
        **network,
        out_indices=tuple(range(len(feature_channels))),
        drop_path_rate=drop_path_rate,
        frozen_stages=frozen_stages,
        init_cfg=pretrained and dict(type='Pretrained', checkpoint=pretrained),
    ),
    neck=dict(in_channels=feature_channels, out_channels=channels),
    rpn_head=dict(
        in_channels=channels,
        feat_channels=channels,
        anchor_generator=dict(scales=[anchor_scale], strides=strides),
    ),
    roi_head=dict(
        bbox_roi_extractor=roi,
        bbox_head=dict(
            in_channels=channels,
            fc_out_channels=fc_channels,
            num_classes=num_classes,
        ),
        mask_roi_extractor=roi if with_mask else None,
        mask_head=dict(
            in_channels=channels,
            conv_out_channels=channels,
            num_classes=num_classes,
        )
        if with_mask
        else None,
    ),
)

metainfo = dict(classes=classes, category_ids=category_ids)
# Training replaces corrupt images, which mmcv's loader cannot tell.
load = dict(
    type='mixmae.LoadImage',
    channels=network.get('in_channels', 3),
    value_range=value_range,
)
# The frameworks' own inferencers look for mmcv's loader, of 8-bit RGB.
load_test = load
if (network.get('in_channels', 3), value_range) == (3, None):
    load_test = dict(type='LoadImageFromFile')
train_pipeline = [
    load,
    dict(
        type='mixmae.CheckInstances',
        num_classes=num_classes,
        with_mask=with_mask,
        ann_file=train_file,
    ),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=with_mask),
    dict(
        type='RandomResize',
        scale=img_scale,
        ratio_range=(0.75, 1.25),
        keep_ratio=True,
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    load_test,
    dict(type='Resize', scale=img_scale, keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=with_mask),
    dict(
        type='PackDetInputs',
        meta_keys=(
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
        ),
    ),
]
train_set = dict(
    type='mixmae.CheckedCocoDataset',
    ann_file=train_file,
    data_prefix=dict(img=img_dir),
    metainfo=metainfo,
    # Images without objects are examples of what is none.
    filter_cfg=dict(filter_empty_gt=False),
    pipeline=train_pipeline,
)
if oversample_below:
    train_set = dict(
        type='ClassBalancedDataset',
        oversample_thr=oversample_below,
        dataset=train_set,
    )
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=num_workers > 0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=train_set,
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=num_workers > 0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mixmae.CheckedCocoDataset',
        ann_file=val_file,
        data_prefix=dict(img=img_dir),
        metainfo=metainfo,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    ann_file=val_file,
    metric=['bbox', 'segm'] if with_mask else ['bbox'],
)
test_evaluator = val_evaluator

optim_wrapper = dict(
    # mmcv's ops know no bfloat16; on a GPU, dtype='float16' saves memory.
    type='mixmae.AutocastOptimWrapper',
    dtype='float32',
    optimizer=dict(type='AdamW', lr=lr, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=layer_decay_rate, flat_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        by_epoch=False,
        begin=0,
        end=warmup_iters,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        begin=max_epochs // 2,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type='mixmae.ResumableTrainLoop', max_epochs=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# The figure that decides which checkpoint is the best, and when to stop.
figure = 'coco/segm_mAP' if with_mask else 'coco/bbox_mAP'
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='mixmae.DurableCheckpointHook',
        max_keep_ckpts=2,
        save_best=figure,
        rule='greater',
    ),
    throughput=dict(type='mixmae.ThroughputHook', mfu=False),
    interrupt=dict(type='mixmae.InterruptHook'),
    finite_guard=dict(type='mixmae.FiniteGuardHook'),
    watchdog=dict(type='mixmae.WatchdogHook'),
    report=dict(type='mixmae.ReportHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    step_seed=dict(type='mixmae.StepSeedHook'),
    visualization=dict(type='DetVisualizationHook'),
)
stopping = dict(
    type='EarlyStoppingHook', monitor=figure, rule='greater', patience=patience
)
custom_hooks = [
    dict(type='mixmae.CorruptFilesHook', max_corrupt_ratio=0.01),
    *([stopping] if patience else []),
]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='DetLocalVisualizer', vis_backends=vis_backends)
log_processor = dict(type='mixmae.ThroughputLogProcessor', window_size=50)
env_cfg = dict(
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=seed)
auto_scale_lr = dict(enable=False, base_batch_size=lr_batch_size)
load_from = None
resume = False
