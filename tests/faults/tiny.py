# A training of seconds, for what is done to it: three epochs of three iterations, and
# everything that a run keeps is saved in each.
_base_ = ['../../configs/fume/fume_fastscnn.py']
loader = {'batch_size': 4, 'num_workers': 0, 'dataset': {'scale': (64, 64)}}
model = {'backbone': {'encoder': {'stage_blocks': (1, 1, 1)}}}
train_cfg = {'max_epochs': 3}
train_dataloader = loader
val_dataloader = loader
test_dataloader = loader
default_hooks = {'logger': {'interval': 1}, 'checkpoint': {'interval': 1}}
visualizer = {'vis_backends': [{'type': 'LocalVisBackend'}]}
