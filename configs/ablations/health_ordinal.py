# Ablation beyond FUME (arXiv 2601.08205): the health loss knows the order of the
# classes, which are cuts of pH: two classes off costs more than one. All else as in
# fume_fastscnn.
_base_ = '../fume/fume_fastscnn.py'
loss = dict(type='OrdinalLoss', sharpness=3.0, class_weight='auto', loss_weight=1.0)
model = dict(health_head=dict(loss=[loss]))  # a list replaces
