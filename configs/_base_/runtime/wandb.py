# The default runtime with Weights & Biases beside TensorBoard; put it in its place
# among a config's bases. WANDB_MODE=offline keeps runs on disk. Needs pip install
# 'fume_mm[wandb]'.
_base_ = './default.py'
vis_backends = [
    *_base_.vis_backends,
    dict(type='IterationWandbVisBackend', init_kwargs=dict(project='fume_mm')),
]
visualizer = dict(vis_backends=vis_backends)
