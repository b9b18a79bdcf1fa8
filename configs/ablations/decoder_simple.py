# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have: the
# founding document's simple segmentation head (3x3 convolution, norm, ReLU, dropout,
# 1x1 convolution) on the encoder's deepest map, all else as in fume_fastscnn.
_base_ = '../fume/fume_fastscnn.py'
model = dict(decode_head=dict(type='SegmentationHead', in_channels=128, channels=128))
