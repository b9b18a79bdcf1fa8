# Masks of CH4 frames alone: fume_fastscnn_masks (FUME on Fast-SCNN, arXiv 2601.08205)
# for a campaign of one camera, from any import into data/fume; no pH is needed. With pH
# and a health head that is the ablation modality_ch4_only.
_base_ = '../ablations/tasks_seg_only.py'
data_root = 'data/fume'
gases = ('ch4',)
model = dict(gases=gases)
dataset = dict(data_root=data_root, gases=gases)
train_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=True),
    # no second gas that dropout could leave out
    dataset=dict(dataset, pipeline=[*_base_.load_resized, _base_.augment, _base_.pack]),
)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
