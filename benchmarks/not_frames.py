"""Pictures that are no OGI frames, made by code: what the gate has to refuse.

Photographs are those that scikit-learn and Matplotlib bring along, cut at random; the
figures are this repository's. Nothing is downloaded.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
#: (width, height)
SIZE = (640, 480)
Random = np.random.Generator


def flat(rng: Random) -> np.ndarray:
    """Black, white, or one gray."""
    level = rng.choice([0, 255, rng.integers(256)])
    return np.full(SIZE[::-1], level, np.uint8)


def ramp(rng: Random) -> np.ndarray:
    """A gray wedge at any angle."""
    angle, (rows, columns) = rng.uniform(0, 2 * np.pi), np.indices(SIZE[::-1])
    return _stretched(columns * np.cos(angle) + rows * np.sin(angle), rng)


def white_noise(rng: Random) -> np.ndarray:
    """Each pixel by itself."""
    if rng.random() < 0.3:
        return rng.integers(0, 256, SIZE[::-1]).astype(np.uint8)
    level, spread = rng.uniform(40, 215), rng.uniform(12, 80)
    return rng.normal(level, spread, SIZE[::-1]).clip(0, 255).astype(np.uint8)


def coloured_noise(rng: Random) -> np.ndarray:
    """Clouds: the amplitude falls with a power of the frequency."""
    fy, fx = np.fft.fftfreq(SIZE[1])[:, None], np.fft.rfftfreq(SIZE[0])[None]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.normal(size=SIZE[::-1]))
    field = np.fft.irfft2(spectrum / frequency ** rng.uniform(0.5, 1.6), SIZE[::-1])
    return _stretched(field, rng)


def salt(rng: Random) -> np.ndarray:
    """Black and white dots on gray, or a broken sensor's rows."""
    picture = np.full(SIZE[::-1], rng.integers(256), np.uint8)
    if rng.random() < 0.5:
        picture[rng.random(SIZE[::-1]) < rng.uniform(0.02, 0.4)] = 255
        picture[rng.random(SIZE[::-1]) < rng.uniform(0.02, 0.4)] = 0
    else:
        picture[:] = rng.integers(0, 256, (SIZE[1], 1))
    return picture


def stripes(rng: Random) -> np.ndarray:
    """A chequerboard, stripes or rings."""
    rows, columns = np.indices(SIZE[::-1])
    period = rng.uniform(8, 90)
    kind = rng.integers(3)
    if kind == 0:
        waves = (rows // period + columns // period) % 2
    elif kind == 1:
        angle = rng.uniform(0, np.pi)
        waves = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) / period * 6)
    else:
        away = np.hypot(rows - rng.uniform(0, 480), columns - rng.uniform(0, 640))
        waves = np.sin(away / period * 6)
    return _stretched(waves, rng)


def shapes(rng: Random) -> np.ndarray:
    """Discs, boxes and lines of any gray."""
    picture = np.full(SIZE[::-1], rng.integers(256), np.uint8)
    for _ in range(rng.integers(6, 60)):
        a, b = rng.integers(0, 640, (2, 2)).tolist()
        level, kind = int(rng.integers(256)), rng.integers(3)
        if kind == 0:
            cv2.circle(picture, a, int(rng.integers(8, 90)), level, -1)
        elif kind == 1:
            cv2.rectangle(picture, a, b, level, -1 if rng.random() < 0.5 else 3)
        else:
            cv2.line(picture, a, b, level, int(rng.integers(1, 8)))
    return picture


def text(rng: Random) -> np.ndarray:
    """A page or a terminal full of letters."""
    dark = bool(rng.random() < 0.4)
    paper, ink = (25, 225) if dark else (245, 20)
    picture = np.full(SIZE[::-1], paper, np.uint8)
    size, y = rng.uniform(0.35, 0.9), 20
    step = round(30 * size) + int(rng.integers(4, 14))
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX]))
    while y < 480:
        if rng.random() < 0.9:
            left = int(rng.choice([16, 16, 40, 64]))
            line = _words(rng, int(rng.integers(2, 14)))
            cv2.putText(picture, line, (left, y), font, size, ink, 1, cv2.LINE_AA)
        y += step
    return picture


def screenshot(rng: Random) -> np.ndarray:
    """A window with bars, a menu, a table, buttons, pictures."""
    picture = np.full(SIZE[::-1], int(rng.choice([250, 235, 30])), np.uint8)
    ink = 20 if picture[0, 0] > 128 else 230
    cv2.rectangle(picture, (0, 0), (640, 34), int(rng.integers(256)), -1)
    cv2.rectangle(picture, (0, 34), (int(rng.integers(80, 190)), 480), 200, -1)
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.integers((150, 40), (560, 400)).tolist()
        w, h = rng.integers((60, 40), (330, 260)).tolist()
        level = int(rng.integers(256))
        cv2.rectangle(picture, (x, y), (x + w, y + h), level, -1)
        cv2.rectangle(picture, (x, y), (x + w, y + h), ink, 1)
    for y in range(60, 470, int(rng.integers(18, 40))):
        for x in (8, 200, 360, 500):
            if rng.random() < 0.7:
                words = _words(rng, int(rng.integers(1, 3)))
                place = (x, y)
                cv2.putText(picture, words, place, 0, 0.42, ink, 1, cv2.LINE_AA)
    return picture


def plot(rng: Random) -> np.ndarray:
    """Axes with lines, bars or points."""
    picture = np.full(SIZE[::-1], 255, np.uint8)
    cv2.rectangle(picture, (70, 30), (610, 430), 0, 1)
    kind, xs = rng.integers(3), np.linspace(71, 609, int(rng.integers(8, 80)))
    for _ in range(int(rng.integers(1, 5))):
        walk = np.cumsum(rng.normal(size=len(xs)))
        ys = 400 - 340 * (walk - walk.min()) / max(np.ptp(walk), 1e-6)
        level = int(rng.integers(0, 190))
        points = np.stack([xs, ys], axis=1).astype(int)
        if kind == 0:
            cv2.polylines(picture, [points], False, level, 2, cv2.LINE_AA)
        for x, y in points.tolist() if kind else ():
            if kind == 1:
                cv2.circle(picture, (x, y), 4, level, -1)
            else:
                cv2.rectangle(picture, (x - 4, y), (x + 4, 429), level, -1)
    for x in range(100, 600, 80):
        cv2.putText(picture, str(x), (x, 455), 0, 0.45, 0, 1, cv2.LINE_AA)
    cv2.putText(picture, _words(rng, 3), (200, 20), 0, 0.5, 0, 1, cv2.LINE_AA)
    return picture


def code_pattern(rng: Random) -> np.ndarray:
    """Squares or bars as codes for scanners have them."""
    cells = rng.integers(0, 2, (int(rng.integers(20, 45)),) * 2).astype(np.uint8) * 255
    if rng.random() < 0.5:
        cells[:] = cells[:1]
    picture = np.full(SIZE[::-1], 255, np.uint8)
    side = int(rng.integers(200, 440))
    big = cv2.resize(cells, (side, side), interpolation=cv2.INTER_NEAREST)
    picture[20 : 20 + side, 100 : 100 + side] = big
    return picture


def photograph(rng: Random) -> np.ndarray:
    """A cut of a photograph."""
    source = _photographs()[rng.integers(len(_photographs()))]
    return _cut(source, rng, least=0.35)


def figure(rng: Random) -> np.ndarray:
    """A cut of one of this repository's figures, turned."""
    paths = _figures()
    source = cv2.imread(str(paths[rng.integers(len(paths))]), cv2.IMREAD_GRAYSCALE)
    source = np.rot90(source, rng.integers(4))
    return _cut(np.ascontiguousarray(source), rng, least=0.7)


def digits(rng: Random) -> np.ndarray:
    """Handwritten digits, as scikit-learn has them, in a grid."""
    from sklearn.datasets import load_digits

    images = _cached(load_digits).images
    side = int(rng.integers(1, 7))
    rows = [np.hstack(images[rng.integers(0, len(images), side)]) for _ in range(side)]
    picture = (np.vstack(rows) * 15.9).astype(np.uint8)
    return cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC)


def mask_file(rng: Random) -> np.ndarray:
    """A mask in place of its frame: three levels, or the ids themselves."""
    picture = np.zeros(SIZE[::-1], np.uint8)
    tube, gas = [(1, 2), (128, 255), (76, 160), (255, 128)][rng.integers(4)]
    x, y = rng.integers((80, 100), (560, 380)).tolist()
    wide, high = rng.integers((40, 20), (200, 90)).tolist()
    cv2.ellipse(picture, (x, y), (wide, high), 0, 0, 360, gas, -1)
    cv2.rectangle(picture, (0, y - 12), (max(x - wide, 30), y + 12), tube, -1)
    return picture


KINDS: dict[str, Callable[[Random], np.ndarray]] = {
    function.__name__: function
    for function in (
        *(flat, ramp, white_noise, coloured_noise, salt, stripes, shapes, text),
        *(screenshot, plot, code_pattern, photograph, figure, digits, mask_file),
    )
}


def not_frames(each: int, seed: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """``each`` pictures of every kind, (480, 640) uint8, with the kind's name."""
    for number, (name, draw) in enumerate(KINDS.items()):
        for i in range(each):
            yield name, draw(np.random.default_rng([seed, number, i]))


def _stretched(field: np.ndarray, rng: Random) -> np.ndarray:
    low, high = np.sort(rng.uniform(0, 255, 2))
    high = max(high, low + 20)
    share = (field - field.min()) / max(float(np.ptp(field)), 1e-9)
    return (low + share * (high - low)).clip(0, 255).astype(np.uint8)


def _words(rng: Random, number: int) -> str:
    letters = list('abcdefghijklmnopqrstuvwxyz0123456789()=.,:')
    return ' '.join(
        ''.join(rng.choice(letters, rng.integers(2, 9))) for _ in range(number)
    )


def _cut(source: np.ndarray, rng: Random, *, least: float) -> np.ndarray:
    height, width = source.shape
    share = rng.uniform(least, 1)
    h, w = max(int(height * share), 16), max(int(width * share), 16)
    y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    cut = source[y : y + h, x : x + w]
    cut = cut[:, ::-1] if rng.random() < 0.5 else cut
    return cv2.resize(np.ascontiguousarray(cut), SIZE, interpolation=cv2.INTER_AREA)


@cache
def _cached(load: Callable[[], object]) -> object:
    return load()


@cache
def _photographs() -> list[np.ndarray]:
    from matplotlib import cbook
    from sklearn.datasets import load_sample_images

    found = [cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in load_sample_images().images]
    for name in ('grace_hopper.jpg', 'Minduka_Present_Blue_Pack.png'):
        path = cbook.get_sample_data(name, asfileobj=False)
        found.append(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    return found


@cache
def _figures() -> list[Path]:
    return sorted(
        x for x in (ROOT / 'docs/images').iterdir() if x.suffix in ('.png', '.jpg')
    )
