# demo.py's warm-up and cosine, over four epochs and with one validation at the end.
_base_ = './demo.py'
max_epochs = 4
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
