"""What the page of demo/app.py does, without the page: check, predict, draw, pack."""

import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from app_uploads import CancelledError, Limits, check_clips, kind_of

from fume_mm.drawing import overlay
from fume_mm.errors import UserError
from fume_mm.inference.inferencer import DualGasInferencer
from fume_mm.inference.samples import SampleFrames
from fume_mm.inference.video import annotate as video
from fume_mm.inference.writer import Prediction, ResultWriter
from fume_mm.io.files import make_folder
from fume_mm.structures import GAS_LABELS, GASES

NOTICE = (
    'Research software: no diagnosis, and no ground for treating or not treating an '
    'animal.'
)
#: In place of a verdict.
WITHOUT_HEALTH, NO_HEALTH = 'Tube and gas', 'This model does not judge health.'


@dataclass
class AnalysisResult:
    """What the page shows of one run.

    Attributes:
        clip: Whether it is of clips.
        headline: The verdict in a line, or what else the model looks for.
        scores: Probability by health class, in their order; empty for a model without
            health, and without a verdict.
        areas: Gas, class, pixels (None for a clip), share of the frame.
        colours: Of the classes of the areas and of health, RGB.
        notes: Further remarks, a line each.
        overlays: Of frames, by gas, (H, W, 3) uint8 RGB.
        frames: Likewise, (H, W) uint8: what the overlays are drawn on.
        video: Of clips, the annotated one; without PyAV, browsers may not play it.
        timeline: Of clips, a picture; None without Matplotlib.
        archive: All results as a ZIP.
    """

    clip: bool
    headline: str
    scores: dict[str, float]
    areas: list[tuple[str, str, int | None, float]]
    notes: list[str]
    colours: dict[str, tuple[int, int, int]]
    archive: Path
    overlays: dict[str, np.ndarray] = field(default_factory=dict)
    frames: dict[str, np.ndarray] = field(default_factory=dict)
    video: Path | None = None
    timeline: Path | None = None


def analyse(
    inferencer: DualGasInferencer,
    given: Mapping[str, str | Path | None],
    *,
    out_dir: str | Path,
    limits: Limits | None = None,
    offset: float = 0.0,
    stopped: Callable[[], bool] = bool,
) -> AnalysisResult:
    """Check what was uploaded, run the model, write and pack the results.

    Args:
        inferencer: The model.
        given: By gas, a frame or a clip, or None where it was not recorded.
        out_dir: An empty folder, or one to be made, for the results.
        limits: What is refused; None for the usual ones.
        offset: Of clips, seconds from the first CO2 frame to the first CH4 frame.
        stopped: Asked at each frame whether to stop; by default it says no.

    Raises:
        CancelledError: If ``stopped`` said so.
        UserError: Naming the upload (by its name alone) that cannot be used.
    """
    limits = limits or Limits()
    paths: dict[str, Path] = {
        gas: Path(str(given[gas])) for gas in GASES if given.get(gas)
    }
    out_dir = Path(out_dir)
    if stopped():
        raise CancelledError
    try:
        kinds = {gas: kind_of(path, limits) for gas, path in paths.items()}
        if not kinds:
            raise UserError(
                'nothing was uploaded; give a CO2 frame or clip, a CH4 one, or both.'
            )
        if len(set(kinds.values())) > 1:
            text = ', '.join(f'{GAS_LABELS[gas]} is a {kinds[gas]}' for gas in kinds)
            raise UserError(f'{text}; give two frames or two clips.')
        if 'clip' in kinds.values():
            check_clips(paths, limits, offset, stopped)
            model = _Stoppable(inferencer.predictor, stopped)
            return _of_clips(inferencer, model, paths, out_dir, offset)
        return _of_frames(inferencer, paths, out_dir)
    except UserError as error:
        raise UserError(_without_paths(str(error), paths, out_dir)) from error
    except cv2.error as error:
        names = ', '.join(path.name for path in paths.values())
        raise UserError(
            f'{names}: cannot be decoded; save it again with another program.'
        ) from error


class _Stoppable:
    """A predictor that stops between two instants of a clip."""

    def __init__(self, predictor: Any, stopped: Callable[[], bool]) -> None:
        self._predictor, self._stopped = predictor, stopped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predictor, name)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """As the predictor's."""
        if self._stopped():
            raise CancelledError
        return self._predictor.predict(*args, **kwargs)


def _about(inferencer: DualGasInferencer) -> dict[str, Any]:
    weights = inferencer.weights_name
    return {
        'notice': NOTICE,
        'model': Path(inferencer.model_name).name,
        'weights': weights and Path(weights).name,
        'training_data': inferencer.training_data,
    }


def _of_frames(
    inferencer: DualGasInferencer, paths: Mapping[str, Path], out_dir: Path
) -> AnalysisResult:
    (prediction,) = inferencer.stream(
        co2=paths.get('co2'), ch4=paths.get('ch4'), pbar=False
    )
    result = prediction.result
    names: dict[str, Any] = {gas: path.name for gas, path in paths.items()}
    sample = SampleFrames(result.name, names)
    title = ', '.join(names.values())
    about = _about(inferencer)
    labels = inferencer.labels
    palette = labels.seg_palette
    options: dict[str, Any] = {'samples': [sample], 'about': about, 'labels': labels}
    with closing(ResultWriter(out_dir, **options)) as writer:
        panel = inferencer.visualize(prediction, title=title)
        writer.write(Prediction(sample, result, panel))
    pixels, shares = result.areas(), result.shares()
    areas: list[tuple[str, str, int | None, float]] = [
        (GAS_LABELS[gas], name, pixels[gas][name], shares[gas][name])
        for gas in pixels
        for name in result.labels.foreground
    ]
    said = result.verdict
    return AnalysisResult(
        clip=False,
        headline=said.text if said else WITHOUT_HEALTH,
        scores={} if said and said.reasons else result.health_by_class(),
        areas=areas,
        colours=_colours(inferencer),
        notes=[
            *(said.notes if said else [NO_HEALTH]),
            *(f'{GAS_LABELS[gas]}: read as {x}.' for gas, x in result.read_as.items()),
            *_absent(result.frames),
        ],
        archive=_packed(out_dir),
        overlays={
            gas: overlay(result.frames[gas], mask, palette=palette)
            for gas, mask in result.masks.items()
        },
        frames={gas: result.frames[gas] for gas in result.masks},
    )


def _of_clips(
    inferencer: DualGasInferencer,
    model: Any,
    paths: dict[str, Path],
    out_dir: Path,
    offset: float,
) -> AnalysisResult:
    content = video.run_video(
        model,
        co2=paths.get('co2'),
        ch4=paths.get('ch4'),
        out_dir=out_dir,
        offset=offset if len(paths) > 1 else 0.0,
        about=_about(inferencer),
    )
    for gas, path in paths.items():
        content['gases'][gas]['source'] = path.name
    text = json.dumps(content, indent=2) + '\n'
    (out_dir / video.VERDICT).write_text(text, encoding='utf-8')
    archive = _packed(out_dir)
    verdict = content['verdict'] or {}
    notes = [
        *verdict.get('notes', [NO_HEALTH]),
        *content['remarks'],
        *_absent(paths),
    ]
    if verdict.get('agreement') is not None:
        notes.append(
            f'{verdict["agreement"]:.0%} of {verdict["instants"]} instants agree, '
            'which is no confidence. Probabilities and areas are means over the clip.'
        )
    files = content['files']
    timeline = files.get('timeline')
    return AnalysisResult(
        clip=True,
        headline=verdict.get('text', WITHOUT_HEALTH),
        scores={} if verdict.get('reasons') else verdict.get('probabilities', {}),
        areas=[
            (GAS_LABELS[gas], name, None, share)
            for gas, stream in content['gases'].items()
            for name, share in (stream['mean_share'] or {}).items()
        ],
        notes=notes,
        colours=_colours(inferencer),
        archive=archive,
        video=out_dir / files['video'],
        timeline=timeline and out_dir / timeline,
    )


def _colours(inferencer: DualGasInferencer) -> dict[str, tuple[int, int, int]]:
    labels = inferencer.labels
    names = (*labels.seg_classes, *labels.health_classes)
    palette = (*labels.seg_palette, *labels.health_palette)
    return dict(zip(names, palette, strict=True))


def _absent(given: Mapping[str, Any]) -> list[str]:
    return [
        f'{GAS_LABELS[gas]} was not given and is left out.'
        for gas in GASES
        if gas not in given
    ]


def _packed(folder: Path) -> Path:
    """A ZIP beside the folder with all that is in it."""
    target = make_folder(folder.parent) / f'{folder.name}.zip'
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob('*') if path.is_file()):
            archive.write(path, path.relative_to(folder))
    return target


def prune(folder: Path, *, older_than: float, now: float) -> None:
    """Remove what is in a folder and has not been changed for so many seconds."""
    for path in folder.iterdir():
        if now - path.stat().st_mtime > older_than:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _without_paths(text: str, paths: Mapping[str, Path], out_dir: Path) -> str:
    """A message that tells nothing of the server's folders."""
    for path in paths.values():
        text = text.replace(str(path), path.name)
    return text.replace(str(out_dir), 'the results')
