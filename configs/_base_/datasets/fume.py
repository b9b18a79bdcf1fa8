# Real paired CO2 and CH4 frames, as FUME's owners hold them (their data are private):
# the layout of docs/datasets.md. All else is as in the simulated campaign.
_base_ = './ogi_sim.py'
data_root = 'data/fume'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
