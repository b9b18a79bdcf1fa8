# FUME on Fast-SCNN (fume_fastscnn) for masks of background and gas, the tube being
# background. The campaign's labels.json says the same: docs/labels.md.
_base_ = './fume_fastscnn.py'
labels = dict(classes=('background', 'gas'))
model = dict(decode_head=dict(num_classes=len(labels['classes'])))
train_dataloader = dict(dataset=dict(metainfo=labels))
val_dataloader = dict(dataset=dict(metainfo=labels))
test_dataloader = dict(dataset=dict(metainfo=labels))
