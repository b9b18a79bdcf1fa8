# FUME on Fast-SCNN (fume_fastscnn) for five classes of gas flow in the place of health;
# no pH limits them. The campaign's labels.json says the same: docs/labels.md.
_base_ = './fume_fastscnn.py'
flows = ('flow1', 'flow2', 'flow3', 'flow4', 'flow5')
labels = dict(health_classes=flows, ph_limits=None)
model = dict(health_head=dict(num_classes=len(flows)))
train_dataloader = dict(dataset=dict(metainfo=labels))
val_dataloader = dict(dataset=dict(metainfo=labels))
test_dataloader = dict(dataset=dict(metainfo=labels))
