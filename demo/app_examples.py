"""The examples of the page of demo/app.py, all simulated."""

import dataclasses
from pathlib import Path
from typing import Any

from fume_mm.structures import GASES

EXAMPLES = Path(__file__).parent / 'examples'
CLASSES = ('healthy', 'transitional', 'acidotic')
#: Of the campaign that the examples are from: see demo/examples/README.md.
PRESET, SEED, VESSELS, VESSEL = 'benchmark', 7, 18, 2
CLIP_SECONDS, CLIP_RATE = 1.0, 30


def example_parameters() -> Any:
    """The simulated campaign that the examples are from."""
    from fume_mm.simulation import PRESETS

    return dataclasses.replace(
        PRESETS[PRESET],
        vessels=VESSELS,
        frames_per_vessel=1,
        size=(320, 240),
        missing_co2=0.0,
        missing_ch4=0.0,
    )


def simulated_clips(folder: Path) -> list[str]:
    """Short clips of the vessel of the Healthy examples, CO2 and CH4."""
    import cv2

    from fume_mm.simulation import plan_vessels, render_clip

    parameters = dataclasses.replace(example_parameters(), video_seconds=CLIP_SECONDS)
    vessel = plan_vessels(parameters, seed=SEED)[VESSEL]
    paths = []
    for gas in GASES:
        path = folder / f'simulated_clip_{gas}.avi'
        video = cv2.VideoWriter(
            str(path), cv2.VideoWriter.fourcc(*'MJPG'), CLIP_RATE, parameters.size
        )
        for frame in render_clip(parameters, vessel, seed=SEED, frame=0, gas=gas):
            video.write(cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR))
        video.release()
        paths.append(str(path))
    return paths


def example_rows(folder: Path) -> list[tuple[str, list[str | None]]]:
    """Examples, all simulated: a label, and the CO2 and the CH4 file or None."""
    rows: list[tuple[str, list[str | None]]] = []
    for name in CLASSES:
        frames = [str(EXAMPLES / f'simulated_{name}_{gas}.png') for gas in GASES]
        rows.append((f'Simulated: {name.capitalize()}', [*frames]))
    rows.append(('Simulated: Healthy, CO2 alone', [rows[0][1][0], None]))
    rows.append(('Simulated: a clip', [*simulated_clips(folder)]))
    return rows
