# Ablation of FUME's recipe (arXiv 2601.08205), a row that the paper does not have: the
# tasks' weights are learnt as their homoscedastic uncertainty (Kendall et al. 2018,
# arXiv:1705.07115), all else as in fume_fastscnn.
_base_ = '../fume/fume_fastscnn.py'
model = dict(task_weights=dict(type='UncertaintyTaskWeights', log_variance=0.0))
# decay would pull the log variances to 0
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(task_weights=dict(decay_mult=0.0)))
)
