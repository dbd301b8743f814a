# Paper: UperNet, arXiv 1807.10221, on MixMAE, arXiv 2205.13137, for classes
#   of your own. Template of mixmae finetune --task segmentation.
# Command: python tools/train.py configs/segmentation/own-masks.py
#   --cfg-options data_root=/my/data pretrained=/my/backbone.safetensors
#   classes="(background,roof)" model.backbone.init_cfg.checkpoint=PATH for
#   another start; mixmae finetune --task segmentation writes such a file
# Cost: depends on the data
# Expected: unknown: it depends on the data
# Status: a tiny network trains on 1-based palette masks in the tests
# Deviations: settings ours, for hundreds to thousands of images

# The three to set. Images: data_root/images/{train,val}/..., masks of one
# value per pixel: data_root/masks/{train,val}/... with the same names.
data_root = 'data/own-masks'
classes = ('background', 'foreground')
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
stages = list(range(len(feature_channels)))
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]
to_rgb = True
# Sample values of black and white, None for images of 8 bits; as the
# pretraining. Images have the channels of the network.
value_range = None

# From the data. A list of pairs, an image and its mask with a tabulator
# between them, instead of two folders: dict(ann_file='train.txt')
train_data = dict(
    data_root=data_root,
    data_prefix=dict(img_path='images/train', seg_map_path='masks/train'),
)
val_data = dict(
    data_root=data_root,
    data_prefix=dict(img_path='images/val', seg_map_path='masks/val'),
)
num_classes = len(classes)
# Colours of the classes in pictures; None draws some.
palette = None
# Value of each class in the masks: with (0, 255), 255 is class 1. None: class
# k has value k. 255 is ignored, unless it is the value of a class.
label_values = None
# 0 is ignored in the masks, class k has value k + 1.
reduce_zero_label = False
# One weight for each class, or None.
class_weight = None
# Side of crops, and the most of the long and the short side of images.
img_size = 512
img_scale = (2 * img_size, img_size)
# 'whole' images at once, or in crops that overlap by a third: 'slide'.
test_mode = 'whole'

# The run.
batch_size = 4
num_workers = 2
max_epochs = 50
warmup_iters = 200
lr = 2e-4
# Images of all devices that lr is for, as --auto-scale-lr counts them.
lr_batch_size = 4
layer_decay_rate = 0.9
drop_path_rate = 0.1
# 4 freezes all stages of the backbone, -1 none.
frozen_stages = -1
# Channels of the decoder, a multiple of 8.
channels = 256
# Epochs without improvement before the run stops; None = never.
patience = None
seed = 0

default_scope = 'mmseg'
crop_size = (img_size, img_size)
# The same figures for one process and several, unlike batch norms.
norm_cfg = dict(type='GN', num_groups=8)
loss = dict(type='CrossEntropyLoss', class_weight=class_weight)
stride = tuple(side * 2 // 3 for side in crop_size)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='mixmae.SegDataPreProcessor',
        mean=mean,
        std=std,
        bgr_to_rgb=to_rgb,
        pad_val=0,
        seg_pad_val=255,
        size=crop_size,
    ),
    backbone=dict(
        **network,
        out_indices=tuple(stages),
        drop_path_rate=drop_path_rate,
        frozen_stages=frozen_stages,
        init_cfg=pretrained and dict(type='Pretrained', checkpoint=pretrained),
    ),
    decode_head=dict(
        type='UPerHead',
        in_channels=feature_channels,
        in_index=stages,
        pool_scales=(1, 2, 3, 6),
        channels=channels,
        dropout_ratio=0.1,
        num_classes=num_classes,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(**loss, loss_weight=1.0),
    ),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=feature_channels[2],
        in_index=2,
        channels=channels // 2,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=num_classes,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(**loss, loss_weight=0.4),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole')
    if test_mode == 'whole'
    else dict(mode='slide', crop_size=crop_size, stride=stride),
)

metainfo = dict(classes=classes, **(dict(palette=palette) if palette else {}))
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
    dict(type='LoadAnnotations'),
    dict(type='mixmae.CheckLabelMap', num_classes=num_classes),
    dict(
        type='RandomResize',
        scale=img_scale,
        ratio_range=(0.75, 1.5),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.9),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    load_test,
    dict(type='Resize', scale=img_scale, keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='mixmae.CheckLabelMap', num_classes=num_classes),
    dict(type='PackSegInputs'),
]
masks = dict(
    type='mixmae.PairedSegDataset',
    metainfo=metainfo,
    label_values=label_values,
    reduce_zero_label=reduce_zero_label,
)
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=num_workers > 0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**masks, **train_data, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=num_workers,
    persistent_workers=num_workers > 0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**masks, **val_data, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU', 'mFscore'])
test_evaluator = val_evaluator

optim_wrapper = dict(
    # On a CPU, convolutions of few channels are slow in bfloat16; on a GPU,
    # dtype='auto' saves memory.
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
        type='PolyLR',
        eta_min=0.0,
        power=1.0,
        begin=0,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type='mixmae.ResumableTrainLoop', max_epochs=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='mixmae.DurableCheckpointHook',
        max_keep_ckpts=2,
        save_best='mIoU',
        rule='greater',
    ),
    throughput=dict(type='mixmae.ThroughputHook', mfu=False),
    interrupt=dict(type='mixmae.InterruptHook'),
    finite_guard=dict(type='mixmae.FiniteGuardHook'),
    watchdog=dict(type='mixmae.WatchdogHook'),
    report=dict(type='mixmae.ReportHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    step_seed=dict(type='mixmae.StepSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
)
stopping = dict(
    type='EarlyStoppingHook', monitor='mIoU', rule='greater', patience=patience
)
custom_hooks = [
    dict(type='mixmae.CorruptFilesHook', max_corrupt_ratio=0.01),
    *([stopping] if patience else []),
]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=vis_backends, alpha=0.6
)
log_processor = dict(type='mixmae.ThroughputLogProcessor', window_size=50)
env_cfg = dict(
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=seed)
auto_scale_lr = dict(enable=False, base_batch_size=lr_batch_size)
load_from = None
resume = False
