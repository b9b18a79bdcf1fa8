# The default runtime with MLflow beside TensorBoard; put it in its place among a
# config's bases. Runs are kept in the run's own folder; with tracking_uri they go to a
# server. Needs pip install 'fume_mm[mlflow]'.
_base_ = './default.py'
vis_backends = [
    *_base_.vis_backends,
    dict(type='FolderMLflowVisBackend', exp_name='fume_mm', artifact_suffix=()),
]
visualizer = dict(vis_backends=vis_backends)
