# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have:
# masks and health weigh the same all the time. It is fume_fastscnn under the name of
# this row.
_base_ = '../fume/fume_fastscnn.py'
model = dict(task_weights=dict(type='ConstantTaskWeights', seg=1.0, health=1.0))
