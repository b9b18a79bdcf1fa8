# The original keeps the checkpoint of the best balanced accuracy, and stops after 15
# epochs without a better one, however little better (it reads no min_delta).
_base_ = './default.py'
best = 'cls/balanced_accuracy'
default_hooks = dict(checkpoint=dict(save_best=best))
stopping = dict(_base_.early_stopping, min_delta=0.0, monitor=best)
custom_hooks = [*_base_.hooks, stopping]
