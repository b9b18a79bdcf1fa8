# For a model without a health head: its masks say which checkpoint is best, and when
# to stop.
_base_ = './default.py'
default_hooks = dict(checkpoint=dict(save_best='seg/mIoU'))
custom_hooks = [*_base_.hooks, dict(_base_.early_stopping, monitor='seg/mIoU')]
