# Ablation of FUME (arXiv 2601.08205), Table 4 "CO2 only": fume_fastscnn with the
# CO2 frames alone, so without fusion. Samples without one are left out of training
# and test; what the paper does with them is not said.
_base_ = '../fume/fume_fastscnn.py'
gases = ('co2',)
model = dict(gases=gases, neck=dict(type='AddFusion'))
# no second gas that dropout could leave out
train_pipeline = [*_base_.load_resized, _base_.augment, _base_.pack]
train_dataloader = dict(dataset=dict(gases=gases, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(gases=gases))
test_dataloader = dict(dataset=dict(gases=gases))
