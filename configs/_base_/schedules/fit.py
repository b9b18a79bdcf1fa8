# One pass over the training split, then a fit: no gradients, no epochs.
optim_wrapper = dict(constructor='NoOptimizer')
param_scheduler = []
train_cfg = dict(type='FitLoop')
val_cfg = dict()
test_cfg = dict()
