# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have: the
# task whose loss falls more slowly gets more weight, by dynamic weight average (Liu et
# al. 2019, arXiv:1803.10704), all else as in fume_fastscnn.
_base_ = '../fume/fume_fastscnn.py'
model = dict(task_weights=dict(type='DWATaskWeights', temperature=2.0))
