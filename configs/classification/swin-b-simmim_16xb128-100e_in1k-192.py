# Paper: SimMIM, arXiv 2111.09886; microsoft/SimMIM
#   simmim_finetune__swin_base__img192_window6__100ep.yaml
# Command: NNODES=2 NODE_RANK=... MASTER_ADDR=... tools/dist_train.sh
#   configs/classification/swin-b-simmim_16xb128-100e_in1k-192.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: 82.8 % ImageNet-1K top-1 after 100 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: bfloat16 autocast instead of apex; patch merging learns with the
#   rate of the block after it, officially of the block before it; the rate
#   is lower at the end of the warm-up (adamw_simmim-finetune_100e.py); the
#   last epoch counts, where the official script also prints the best one on
#   the test images
_base_ = [
    '../_base_/models/simmim-swin-b_classifier.py',
    '../_base_/datasets/imagenet_192_finetune.py',
    '../_base_/schedules/adamw_simmim-finetune_100e.py',
    '../_base_/classification_runtime.py',
]

pretrained = 'work_dirs/swin-b_16xb128_100e/epoch_100.pth'
model = dict(
    data_preprocessor=dict(num_classes=_base_.num_classes),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=pretrained)),
    head=dict(num_classes=_base_.num_classes),
)
# 16 ranks x 128 images = 2,048 images an update: nothing to accumulate.
auto_scale_lr = dict(base_batch_size=2048)
