"""A model from a config and a checkpoint, and what it says of one pair of frames."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config

from fume_mm.datasets.samplers import collate_samples
from fume_mm.datasets.transforms import LoadDualGasFrames, LoadDualGasMasks
from fume_mm.errors import UserError
from fume_mm.models.dual_gas_model import DualGasModel
from fume_mm.registry import MODELS, TRANSFORMS, register_all_modules
from fume_mm.structures import GASES, DualGasDataSample

from .checkpoint import read_checkpoint, require_match
from .config import config_errors, first_line, load_config

Frame = str | Path | np.ndarray


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
) -> DualGasModel:
    """The model of ``config``, ready for :func:`inference_model`.

    Args:
        config: A config or its path.
        checkpoint: Path of its weights; without, they are random.
        device: Where it shall run.

    Returns:
        The model in eval mode; ``model.cfg`` is the config and ``model.dataset_meta``
        the metainfo of the dataset it was trained on (empty where unknown).

    Raises:
        UserError: If the config cannot be built, the checkpoint does not belong to it
            or the device is not there.
    """
    register_all_modules()
    cfg = config if isinstance(config, Config) else load_config(str(config))
    with config_errors(cfg):
        model = MODELS.build(cfg.model)
    model.cfg = cfg
    model.dataset_meta = {}
    if checkpoint is not None:
        require_match(model, str(checkpoint))
        content = read_checkpoint(str(checkpoint))
        model.load_state_dict(content.get('state_dict', content))
        model.dataset_meta = content.get('meta', {}).get('dataset_meta', {})
    try:
        model.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f'device {str(device)!r} cannot be used ({first_line(error)}); '
            "'cpu' always can."
        ) from error
    return model.eval()


def inference_model(
    model: DualGasModel, co2: Frame | None = None, ch4: Frame | None = None
) -> DualGasDataSample:
    """Masks and health of one sample.

    The frames go through the pipeline that the config tests with, except for the
    loading of masks.

    Args:
        model: As :func:`init_model` gives it.
        co2: Path of the CO2 frame or the frame itself, (H, W) uint8; None where it was
            not recorded.
        ch4: Likewise; the two may differ in size.

    Returns:
        The sample on the CPU, of each gas that was given ``pred_sem_seg`` (1, H, W) and
        ``seg_logits`` (3, H, W) at the frame's own size, and ``health_scores`` (3,),
        as far as the model has the heads for them.

    Raises:
        UserError: If no gas is given, or naming a frame that cannot be used.
    """
    given = dict(zip(GASES, (co2, ch4), strict=True))
    frames = {
        gas: _read(frame, gas) for gas, frame in given.items() if frame is not None
    }
    if not frames:
        raise UserError('no frame was given; give a CO2 frame, a CH4 frame or both.')
    results = {
        'frames': frames,
        'ori_shape': {gas: frame.shape for gas, frame in frames.items()},
        'frame_paths': {
            gas: None if isinstance(given[gas], np.ndarray) else str(given[gas])
            for gas in frames
        },
    }
    with config_errors(model.cfg):
        dataset = model.cfg.test_dataloader.dataset
        steps = [TRANSFORMS.build(step) for step in dataset.pipeline]
    loading = (LoadDualGasFrames, LoadDualGasMasks)
    pipeline = Compose([step for step in steps if not isinstance(step, loading)])
    with torch.no_grad():
        (sample,) = model.test_step(collate_samples([pipeline(results)]))
    return sample.cpu()


def _read(frame: Frame, gas: str) -> np.ndarray:
    """The frame, (H, W) uint8."""
    if isinstance(frame, np.ndarray):
        if frame.ndim != 2 or frame.dtype != np.uint8:
            raise UserError(
                f'the {gas} frame is {frame.dtype} of shape {frame.shape}; give '
                '(H, W) uint8 gray levels.'
            )
        return np.ascontiguousarray(frame)  # torch takes no reversed axes
    path = str(frame)
    if not Path(path).is_file():
        raise UserError(f'{path}: there is no such {gas} frame; give the path of one.')
    stored = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise UserError(
            f'{path}: cannot be decoded as an image; give the {gas} frame as 8-bit PNG.'
        )
    if stored.ndim == 3 and np.ptp(stored[..., :3], axis=2).any():
        raise UserError(
            f'{path}: is in colour; give the {gas} frame as gray levels, without the '
            "camera's false colours."
        )
    return LoadDualGasFrames()({'frame_paths': {gas: path}})['frames'][gas]
