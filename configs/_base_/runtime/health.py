# For a model without masks: the health class says which checkpoint is best.
_base_ = './default.py'
default_hooks = dict(checkpoint=dict(save_best='cls/balanced_accuracy'))
