# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have:
# masks first; health begins at a tenth of its weight and has all of it after ten
# epochs, all else as in fume_fastscnn.
_base_ = '../fume/fume_fastscnn.py'
points = [(0, 1.0, 0.1), (10, 1.0, 1.0)]  # (epoch, masks, health)
model = dict(task_weights=dict(type='ScheduledTaskWeights', by='epoch', points=points))
