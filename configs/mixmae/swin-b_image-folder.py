# Paper: MixMAE, arXiv 2205.13137, on any folder of pictures.
# Command: python tools/train.py configs/mixmae/swin-b_image-folder.py
#   --cfg-options data_root=/my/pictures
#   On 8 GPUs: tools/dist_train.sh CONFIG 8 --auto-scale-lr --cfg-options ...
# Cost: not measured by us; 19.0 GMACs forward per image, by arithmetic
# Expected: unknown: it depends on the pictures
# Status: builds; loss and gradients equal the official code (golden figures)
# Deviations: settings ours; 300 epochs, learning rate scaled to a batch of
#   128 from the official one of 2,048
_base_ = [
    '../_base_/models/mixmae_swin-b.py',
    '../_base_/datasets/image_folder_224_mim.py',
    '../_base_/schedules/adamw_mixmae_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(mean=_base_.mean, std=_base_.std),
    backbone=dict(img_size=_base_.img_size, in_channels=_base_.in_channels),
)
# One GPU, one micro-iteration; --auto-scale-lr scales with ranks x batch size.
optim_wrapper = dict(optimizer=dict(lr=1.5e-4 * 128 / 256))
auto_scale_lr = dict(base_batch_size=128)
