# FUME on Fast-SCNN (fume_fastscnn) for two health classes, FUME's lower limit of pH
# between them. The campaign's labels.json says the same: docs/labels.md.
_base_ = './fume_fastscnn.py'
labels = dict(health_classes=('Healthy', 'Acidotic'), ph_limits=(5.75,))
model = dict(health_head=dict(num_classes=len(labels['health_classes'])))
train_dataloader = dict(dataset=dict(metainfo=labels))
val_dataloader = dict(dataset=dict(metainfo=labels))
test_dataloader = dict(dataset=dict(metainfo=labels))
