"""Inference for users: whatever frames they have in, masks, health and files out.

MMEngine's ``BaseInferencer`` takes one input per sample, holds all predictions before
the first is drawn, and needs torch. Here a sample has two optional frames, results are
written as they come, and an exported file runs without torch; so its call is kept, and
its class is not inherited.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.drawing import draw_result
from fume_mm.errors import UserError
from fume_mm.io.progress import progress_bar, remark

from .predictor import Predictor, labels_of
from .samples import describe, gather, with_limits
from .trust.verdicts import Trust, trust_of, with_verdict
from .writer import Prediction, ResultWriter

ROOT = Path(__file__).resolve().parents[2]
#: The weights that the repository brings along, and their config.
BUNDLED_CONFIG = 'configs/fume/fume_fastscnn_benchmark_health.py'
BUNDLED_WEIGHTS = 'demo/weights/fume_fastscnn_benchmark_health.safetensors'
CONFIG_SUFFIXES = ('.py', '.json', '.yaml', '.yml')


def default_model() -> tuple[str, str]:
    """Config and weights to use where none are named: those in the repository.

    FUME on Fast-SCNN, trained on simulated frames; its model card lies beside it.

    Raises:
        UserError: If this is an installation without the repository.
    """
    config, weights = ROOT / BUNDLED_CONFIG, ROOT / BUNDLED_WEIGHTS
    if not (config.is_file() and weights.is_file()):
        raise UserError(
            'no model was given, and the bundled weights are part of the repository, '
            'not of the installed package; give a config and checkpoint, or an '
            'exported file.'
        )
    return str(config), str(weights)


def choose_model(model: Any, weights: Any) -> tuple[Any, Any]:
    """Model and weights as given, or :func:`default_model` if neither is."""
    return default_model() if model is None and weights is None else (model, weights)


def load_predictor(
    model: Any, weights: str | Path | None = None, device: str = 'cpu'
) -> Predictor:
    """What predicts, from what a user names.

    Args:
        model: A config (path or object), an exported file, a model that
            :func:`~fume_mm.apis.init_model` gave, or a predictor.
        weights: The checkpoint of a config.
        device: Where a config's model runs; an exported file runs on the CPU.

    Raises:
        UserError: If there is no such file, or weights are missing or left over.
    """
    if model is None:
        raise UserError(f'{weights}: give the config that it was trained with, too.')
    is_path, built = isinstance(model, (str, Path)), hasattr(model, 'state_dict')
    if is_path and Path(model).suffix.lower() not in CONFIG_SUFFIXES:
        return _load_exported(Path(model), weights, device)
    if not is_path and not built and hasattr(model, 'predict'):
        return model
    if not built and weights is None:
        raise UserError(
            f'{model if is_path else "the config"}: has no weights of its own; give a '
            'checkpoint with it, such as last.pth of a work dir.'
        )
    from .torch_predictor import TorchPredictor, init_model

    return TorchPredictor(model if built else init_model(model, weights, device))


def _load_exported(path: Path, weights: Any, device: str) -> Predictor:
    if not path.is_file():
        raise UserError(
            f'{path}: there is no such file; give a config (.py) with its checkpoint, '
            'or an exported model.'
        )
    if weights is not None:
        raise UserError(
            f'{path}: is not a config (.py), and an exported model holds its weights; '
            f'leave {weights} out, or give the config.'
        )
    if device != 'cpu':
        raise UserError(
            f'device {device!r}: an exported model runs on the CPU; give the config '
            'and checkpoint to use another device.'
        )
    from .exported import ExportedModel

    return ExportedModel(path)


class DualGasInferencer:
    """Masks of tube and gas, and rumen health, of any number of samples.

    Examples:
        >>> inferencer = DualGasInferencer('fume_fastscnn.py', 'last.pth')
        >>> inferencer(co2='a_co2.png', ch4='a_ch4.png')['predictions'][0].areas()
        >>> inferencer('frames/', out_dir='results')

    Args:
        model: See :func:`load_predictor`; None for :func:`default_model`.
        weights: See :func:`load_predictor`.
        device: ``'cpu'``, ``'cuda'``, ``'cuda:1'``.
        batch_size: Samples that are in memory together.

    Raises:
        UserError: If the model cannot be used.
    """

    def __init__(
        self,
        model: Any = None,
        weights: str | Path | None = None,
        *,
        device: str = 'cpu',
        batch_size: int = 8,
    ) -> None:
        if batch_size < 1:
            raise UserError(f'batch_size is {batch_size}; choose 1 or more.')
        self.batch_size = batch_size
        model, weights = choose_model(model, weights)
        self.predictor = load_predictor(model, weights, device)
        #: What the model learned from, in a few words; None if there is no need to say.
        self.training_data: str | None = getattr(self.predictor, 'training_data', None)
        #: What the model's classes are.
        self.labels = labels_of(self.predictor)
        #: How far its verdicts go; nothing is known of a predictor that does not say.
        self.trust: Trust = trust_of(self.predictor)
        named = isinstance(model, (str, Path))
        #: What results say of where they are from.
        self.model_name = str(model) if named else type(self.predictor).__name__
        self.weights_name = None if weights is None else str(weights)

    def __call__(
        self, inputs: Any = None, *, return_vis: bool = False, **options: Any
    ) -> dict[str, list]:
        """Predict, and keep all results in memory; arguments are :meth:`stream`'s.

        Returns:
            ``predictions``, :class:`DualGasResult` in the order of the samples, and
            ``visualization``, with ``return_vis`` their panels (h, w, 3) uint8 RGB.
        """
        results, panels = [], []
        for x in self.stream(inputs, **options):
            results.append(x.result)
            if return_vis:
                panels.append(self.visualize(x) if x.panel is None else x.panel)
        return {'predictions': results, 'visualization': panels}

    def stream(
        self,
        inputs: Any = None,
        *,
        co2: Any = None,
        ch4: Any = None,
        split: str | None = None,
        out_dir: str | Path | None = None,
        panels: bool = True,
        probabilities: bool = False,
        pbar: bool = True,
    ) -> Iterator[Prediction]:
        """Predict sample by sample, in constant memory.

        Inputs and the output folder are checked at once, frames are read when their
        turn comes.

        Args:
            inputs: See :func:`~fume_mm.inference.samples.gather`; also for the gases
                and ``split``.
            co2: CO2 frames.
            ch4: CH4 frames.
            split: Of a campaign.
            out_dir: Also write masks, panels, ``results.json`` and ``results.csv``.
            panels: Whether panels are written beside the masks.
            probabilities: Also give the probability of each class at each pixel.
            pbar: Whether to show progress and the pairing.

        Raises:
            UserError: Naming what cannot be used; before the model runs if it can be
                seen then.
        """
        samples = gather(inputs, co2=co2, ch4=ch4, split=split)
        if pbar and len(samples) > 1:
            remark(describe(samples))
        writer = None
        if out_dir is not None:
            about = {'model': self.model_name, 'weights': self.weights_name}
            about['training_data'] = self.training_data
            writer = ResultWriter(
                out_dir,
                samples=samples,
                about=about,
                panels=panels,
                labels=self.labels,
            )
        samples = with_limits(samples)
        bar = progress_bar(total=len(samples), unit='sample', show=pbar)

        def run() -> Iterator[Prediction]:
            try:
                for start in range(0, len(samples), self.batch_size):
                    batch = samples[start : start + self.batch_size]
                    frames = [
                        {'name': x.name, 'limits': x.limits, **x.frames} for x in batch
                    ]
                    results = self.predictor.predict(frames, probabilities)
                    for sample, result in zip(batch, results, strict=True):
                        # a predictor of one's own gives none
                        given = sample.frames
                        result = with_verdict(result, self.trust, given=given)
                        prediction = Prediction(sample, result)
                        if writer is not None:
                            if panels:
                                panel = self.visualize(prediction)
                                prediction = replace(prediction, panel=panel)
                            writer.write(prediction)
                        bar.update()
                        yield prediction
            finally:
                bar.close()
                if writer is not None:
                    writer.close()

        return run()  # what is above is done at once, not at the first sample

    def visualize(
        self, prediction: Prediction, *, title: str | None = None
    ) -> np.ndarray:
        """The panel of a prediction, (h, w, 3) uint8 RGB."""
        note = f'training data: {self.training_data}' if self.training_data else None
        result = prediction.result
        parts = result.frames, result.masks, result.health_scores
        said = result.verdict
        return draw_result(
            *parts,
            title=title or result.name,
            note=note,
            labels=result.labels,
            verdict=() if said is None else (said.text, *said.notes),
        )
