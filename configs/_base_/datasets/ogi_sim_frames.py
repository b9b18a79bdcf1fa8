# Each frame is a sample of its own, for models that look at one frame at a time.
_base_ = './ogi_sim.py'
# a frame alone has no second gas that dropout could leave out
train_pipeline = [*_base_.load_resized, _base_.augment, _base_.pack]
train_dataloader = dict(dataset=dict(per_frame=True, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(per_frame=True))
test_dataloader = dict(dataset=dict(per_frame=True))
