# Paper: Mask R-CNN, arXiv 1703.06870, on MixMAE, arXiv 2205.13137
# Command: tools/dist_train.sh
#   configs/detection/mask-rcnn_swin-b_8xb4-36e_coco-lsj.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours, for the paper's are not known: FastMIM's public
#   recipe for a SimMIM Swin-B (its mmdet configs), but without copy-paste and
#   with windows of 16 instead of 7. That recipe starts from the checkpoint
#   fine-tuned on ImageNet-1K, this one from the pretraining; both load
_base_ = [
    '../_base_/models/mask-rcnn_mim-swin.py',
    '../_base_/datasets/coco_instance_lsj-1024.py',
    '../_base_/schedules/adamw_detection_3x.py',
    '../_base_/detection_runtime.py',
]

pretrained = 'work_dirs/swin-b_8xb128_600e/epoch_600.pth'
# torch's SyncBN copes with a rank without regions.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    data_preprocessor=dict(
        batch_augments=[
            dict(
                type='BatchFixedSizePad',
                size=_base_.image_size,
                pad_mask=True,
            )
        ],
    ),
    # Recomputed in the backward pass, as in the recipe.
    backbone=dict(
        with_cp=True,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    neck=dict(norm_cfg=norm_cfg),
    rpn_head=dict(num_convs=2),
    roi_head=dict(
        bbox_head=dict(
            type='Shared4Conv1FCBBoxHead',
            num_classes=_base_.num_classes,
            conv_out_channels=256,
            norm_cfg=norm_cfg,
        ),
        mask_head=dict(num_classes=_base_.num_classes, norm_cfg=norm_cfg),
    ),
)
