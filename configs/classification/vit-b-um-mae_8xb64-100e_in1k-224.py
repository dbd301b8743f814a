# Paper: UM-MAE, arXiv 2205.10063; implus/UM-MAE Makefile,
#   finetune_mae_vit_base_patch16_dec512d2b_mask_vmr025_200e_100e
# Command: tools/dist_train.sh
#   configs/classification/vit-b-um-mae_8xb64-100e_in1k-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: 82.88 % ImageNet-1K top-1 after 200 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: as swin-t-um-mae_8xb64-100e_in1k-256.py; learned positions and
#   the class token are decayed
_base_ = [
    '../_base_/models/mim-swin-b_classifier.py',
    '../_base_/datasets/imagenet_224_finetune.py',
    '../_base_/schedules/adamw_finetune_100e.py',
    '../_base_/classification_runtime.py',
]

pretrained = 'work_dirs/vit-b_8xb128_200e/epoch_200.pth'
# Positions learn from where the frozen ones were; the mean of the patches is
# normed and classified, not the class token.
model = dict(
    data_preprocessor=dict(num_classes=_base_.num_classes),
    backbone=dict(
        _delete_=True,
        type='mixmae.MIMViT',
        arch='base',
        img_size=224,
        patch_size=16,
        positions='learned',
        drop_path_rate=0.1,
        norm_eps=1e-6,
        output_norms=False,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    neck=dict(type='mixmae.NormedPooling', in_channels=768),
    head=dict(num_classes=_base_.num_classes, in_channels=768),
)
# 8 ranks x 64 images x 2 micro-iterations = 1,024 images an update.
batch_size = 64
accumulative_counts = 2
train_dataloader = dict(batch_size=batch_size)
val_dataloader = dict(batch_size=batch_size)
test_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(
    accumulative_counts=accumulative_counts,
    paramwise_cfg=dict(layer_decay_rate=0.8),
)
auto_scale_lr = dict(base_batch_size=512)
