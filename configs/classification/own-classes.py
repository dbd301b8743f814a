# Paper: MixMAE, arXiv 2205.13137, fine-tuned on classes of your own. Template
#   of mixmae finetune --task classification.
# Command: python tools/train.py configs/classification/own-classes.py
#   --cfg-options data_root=/my/classes pretrained=/my/backbone.safetensors
#   classes="(cat,dog,owl)" model.backbone.init_cfg.checkpoint=PATH for another
#   start; mixmae finetune --task classification writes such a file for you
# Cost: depends on the data
# Expected: unknown: it depends on the data
# Status: a tiny network learns three classes in the tests
# Deviations: settings ours, for hundreds to thousands of images

# The three to set. Images: data_root/train/CLASS/... and data_root/val/CLASS/
data_root = 'data/own-classes'
classes = ('first', 'second', 'third')
pretrained = 'work_dirs/swin-b_image-folder/epoch_300.pth'

# From the pretraining: its network, the channels of its last stage, and how
# its images were normalised.
network = dict(
    type='mixmae.MIMSwin',
    arch='base',
    img_size=224,
    patch_size=4,
    window_sizes=(14, 14, 14, 7),
)
feature_channels = 1024
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]
to_rgb = True
# Sample values of black and white, None for images of 8 bits; as the
# pretraining. Images have the channels of the network.
value_range = None

# From the data. A list of lines "path label" instead of class folders:
#   train_data = dict(ann_file='train.txt', data_prefix='')
train_data = dict(data_root=data_root, data_prefix='train')
val_data = dict(data_root=data_root, data_prefix='val')
img_size = 224
num_classes = len(classes)
# One weight for each class, or None.
class_weight = None

# The run.
batch_size = 32
num_workers = 2
max_epochs = 50
warmup_epochs = 5
lr = 5e-4
# Images of all devices that lr is for, as --auto-scale-lr counts them.
lr_batch_size = 32
layer_decay_rate = 0.75
drop_path_rate = 0.1
# 4 freezes all stages of the backbone, -1 none.
frozen_stages = -1
# Epochs without improvement before the run stops; None = never.
patience = None
seed = 0

default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        num_classes=num_classes,
        mean=mean,
        std=std,
        to_rgb=to_rgb,
    ),
    backbone=dict(
        **network,
        drop_path_rate=drop_path_rate,
        frozen_stages=frozen_stages,
        init_cfg=pretrained and dict(type='Pretrained', checkpoint=pretrained),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=num_classes,
        in_channels=feature_channels,
        loss=dict(
            type='LabelSmoothLoss',
            label_smooth_val=0.1,
            mode='original',
            class_weight=class_weight,
        ),
    ),
)

train_pipeline = [
    dict(
        type='mixmae.LoadRandomResizedCrop',
        scale=img_size,
        crop_ratio_range=(0.35, 1.0),
        interpolation='bicubic',
        channels=network.get('in_channels', 3),
        value_range=value_range,
    ),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(
        type='mixmae.LoadImage',
        channels=network.get('in_channels', 3),
        value_range=value_range,
    ),
    dict(type='mixmae.ResizeShortSide', scale=img_size * 8 // 7),
    dict(type='CenterCrop', crop_size=img_size),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=num_workers > 0,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mixmae.CheckedCustomDataset',
        metainfo=dict(classes=classes),
        pipeline=train_pipeline,
        **train_data,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=num_workers > 0,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mixmae.CheckedCustomDataset',
        metainfo=dict(classes=classes),
        pipeline=test_pipeline,
        **val_data,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='Accuracy', topk=(1, 5) if num_classes > 5 else (1,)),
    # Means over classes: rare ones count as much as frequent ones.
    dict(type='SingleLabelMetric', num_classes=num_classes),
]
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='mixmae.AutocastOptimWrapper',
    dtype='auto',  # bfloat16 where it is faster, else float32
    optimizer=dict(type='AdamW', lr=lr, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
    constructor='mixmae.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=layer_decay_rate, flat_decay_mult=0.0),
)
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-3,
        begin=0,
        end=warmup_end,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        begin=warmup_end,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type='mixmae.ResumableTrainLoop', max_epochs=max_epochs)
val_cfg = dict()
test_cfg = dict()

# The figure that decides which checkpoint is the best, and when to stop.
figure = 'single-label/f1-score' if class_weight else 'accuracy/top1'
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
    throughput=dict(type='mixmae.ThroughputHook'),
    interrupt=dict(type='mixmae.InterruptHook'),
    finite_guard=dict(type='mixmae.FiniteGuardHook'),
    watchdog=dict(type='mixmae.WatchdogHook'),
    report=dict(type='mixmae.ReportHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    step_seed=dict(type='mixmae.StepSeedHook'),
    visualization=dict(type='VisualizationHook', enable=False),
)
stopping = dict(
    type='EarlyStoppingHook', monitor=figure, rule='greater', patience=patience
)
custom_hooks = [
    dict(type='mixmae.CorruptFilesHook', max_corrupt_ratio=0.01),
    *([stopping] if patience else []),
]
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)
log_processor = dict(type='mixmae.ThroughputLogProcessor', window_size=50)
env_cfg = dict(
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=seed)
auto_scale_lr = dict(base_batch_size=lr_batch_size)
load_from = None
resume = False
