# The class weights of health that FUME publishes (arXiv 2601.08205), for the owners'
# data, of whose frames 2.6 % are Transitional. Beside the class-balanced sampler they
# count Transitional twice. A config takes them by model = dict(health_head=dict(
# loss=_base_.fume_published_loss)) with this file among its bases.
fume_published_loss = dict(class_weight=[1.0, 8.0, 1.2])
