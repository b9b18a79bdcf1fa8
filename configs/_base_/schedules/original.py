# The original's own recipe for Fast-SCNN (arXiv 2601.08205): fume.py's over 50 epochs.
_base_ = './fume.py'
max_epochs = 50
param_scheduler = [dict(_base_.param_scheduler[0], T_max=max_epochs)]
train_cfg = dict(max_epochs=max_epochs)
