# Paper: MixMAE, arXiv 2205.13137, UM-MAE, arXiv 2205.10063, and SimMIM, arXiv
#   2111.09886, compared on one backbone
# Command: python tools/train.py
#   configs/classification/swin-3stage-finetune_imagenette-96.py
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: about 65 s of one core for 9,469 images, in bfloat16
# Expected: see docs/evidence.md [reproduced here]
# Status: run by `make evidence` with 100, 860 and all labels
# Deviations: settings ours; equal for all three methods
_base_ = './swin-mini-finetune_imagenette-96.py'

# What configs/mixmae/swin-3stage-mixmae_imagenette-96.py writes. The others:
#   work_dirs/swin-3stage-um-mae_imagenette-96/epoch_20.pth
#   work_dirs/swin-3stage-simmim_imagenette-96/epoch_20.pth
pretrained = 'work_dirs/swin-3stage-mixmae_imagenette-96/epoch_20.pth'
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=48,
            depths=(1, 1, 6),
            num_heads=(3, 6, 12),
        ),
        patch_size=4,
        window_sizes=(12, 12, 6),
        position_bias='log_coordinates',
        init_cfg=dict(checkpoint=pretrained),
    ),
    head=dict(in_channels=192),
)
train_dataloader = dict(dataset=dict(indices=None))
