default_scope = 'fume_mm'
default_hooks = dict(
    runtime_info=dict(type='LossHook'),
    timer=dict(type='IterTimerHook'),
    # by iteration, so that losses, validation figures and panels share one axis
    logger=dict(type='LoggerHook', interval=20, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        interval=5,
        save_best='joint/score',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
early_stopping = dict(
    type='ResumableEarlyStoppingHook', rule='greater', min_delta=0.001, patience=15
)
# those that do not ask what the model's task is
hooks = [
    dict(type='ConsistencyHook'),
    dict(type='EpochSeedHook'),
    dict(type='ChannelsLastHook'),
    # each process has batch statistics of its own until an epoch ends
    dict(type='SyncBuffersHook'),
    dict(type='RollingCheckpointHook'),
    dict(type='PanelHook'),
    dict(type='TensorboardHook'),
    dict(type='ConfusionHook'),
    dict(type='AttentionHook', interval=100),
]
custom_hooks = [*hooks, dict(early_stopping, monitor='cls/balanced_accuracy')]
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=1),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(
    type='DualGasVisualizer', vis_backends=vis_backends, name='visualizer'
)
log_processor = dict(by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=42)
# A gas that no sample of a rank's batch has leaves its parameters without a gradient.
find_unused_parameters = True
