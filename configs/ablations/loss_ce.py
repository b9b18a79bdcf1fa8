# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have:
# masks learn by plain cross entropy, the focal loss at gamma 0, all else as in
# fume_fastscnn. The health loss stays FUME's.
_base_ = '../fume/fume_fastscnn.py'
loss = dict(
    type='SoftmaxFocalLoss',
    gamma=0.0,
    class_weight=None,
    loss_weight=1.0,
    loss_name='loss_ce',
)
model = dict(decode_head=dict(loss_decode=[loss]))  # a list replaces
