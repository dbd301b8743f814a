# Swin-B/W14, mean of the normalised last map, one linear layer.
# Source: Sense-X/MixMIM models_mixmim_ft.py and main_finetune.py: the final
# norm (the backbone's norm3) comes before the pooling, the head starts almost
# at zero, mixup and cutmix take turns, a batch at a time.
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        num_classes=1000,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    # img_size is the pretraining's: positions are resized from its grid.
    backbone=dict(
        type='mixmae.MIMSwin',
        arch='base',
        img_size=224,
        patch_size=4,
        window_sizes=(14, 14, 14, 7),
        drop_path_rate=0.1,
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=1024,
        loss=dict(
            type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'
        ),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=2e-5),
    ),
    train_cfg=dict(
        augments=[
            dict(type='Mixup', alpha=0.8),
            dict(type='CutMix', alpha=1.0),
        ],
        probs=[0.5, 0.5],
    ),
)
