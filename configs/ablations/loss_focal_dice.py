# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have:
# masks learn by half focal, half Dice loss. It is fume_fastscnn under the name of this
# row.
_base_ = '../fume/fume_fastscnn.py'
loss = dict(focal_weight=0.5, dice_weight=0.5, gamma=2.0, smooth=1.0)
model = dict(decode_head=dict(loss_decode=loss))
