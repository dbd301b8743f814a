# Paper: MixMAE, arXiv 2205.13137; linear probe as in MAE, arXiv 2111.06377
# Command: tools/dist_train.sh
#   configs/classification/swin-b-linear_8xb2048-90e_in1k-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us; 16.3 GMACs forward per image, by arithmetic
# Expected: unknown: no linear probe of MixMAE is published
# Status: builds; not trained by us
# Deviations: settings ours: those that mmpretrain's MAE probe has (LARS, 90
#   epochs of 16,384 images an update, features standardised by a batch norm
#   without weights); bfloat16 autocast
_base_ = [
    '../_base_/models/mim-swin-b_classifier.py',
    '../_base_/datasets/imagenet_224_finetune.py',
    '../_base_/classification_runtime.py',
]

pretrained = 'work_dirs/swin-b_8xb128_600e/epoch_600.pth'
# All four stages keep their weights; only the linear layer learns.
model = dict(
    data_preprocessor=dict(num_classes=_base_.num_classes),
    backbone=dict(
        frozen_stages=4,
        drop_path_rate=0.0,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    neck=[
        dict(type='GlobalAveragePooling'),
        dict(type='ClsBatchNormNeck', input_features=1024),
    ],
    head=dict(
        num_classes=_base_.num_classes,
        loss=dict(_delete_=True, type='CrossEntropyLoss'),
        init_cfg=dict(std=0.01),
    ),
    train_cfg=None,
)
# Crops and flips only.
train_pipeline = [*_base_.train_pipeline[:2], dict(type='PackInputs')]
batch_size = 2048
max_epochs = 90
warmup_epochs = 10
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(pipeline=train_pipeline),
)
# Accuracies are averages over images: batches of testing may be smaller.
val_dataloader = test_dataloader = dict(batch_size=128)
optim_wrapper = dict(
    type='mixmae.AutocastOptimWrapper',
    dtype='auto',
    optimizer=dict(type='LARS', lr=6.4, weight_decay=0.0, momentum=0.9),
)
# A run too short for the warm-up warms up for half of its length.
warmup_end = warmup_epochs if warmup_epochs < max_epochs else max_epochs / 2
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
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
    type='mixmae.ResumableTrainLoop', max_epochs=max_epochs, val_interval=10
)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=16384)
