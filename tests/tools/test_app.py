"""The page: what it does without Gradio, through its API, and in a browser."""

import csv
import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import app_examples
import app_view
import cv2
import numpy as np
import pytest
from app_analysis import NOTICE, analyse, prune
from app_guard import POLICY
from app_uploads import CancelledError, Limits, Uploads, check_clips, kind_of

from demo import app
from fume_mm.apis import DualGasInferencer
from fume_mm.errors import UserError
from fume_mm.inference.predictor import read_frames
from fume_mm.io.images import read_mask
from fume_mm.structures import HEALTH_PALETTE, SEG_PALETTE
from fume_mm.structures.dual_gas_result import DualGasResult
from tests.campaigns import draw

SIMULATED = 'Learned from simulated frames: no finding about animals.'
ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser'))), None)
SIZES = {'co2': (64, 48), 'ch4': (100, 70)}


class Threshold:
    """A predictor: bright is tube, dark is gas."""

    training_data = 'simulated'
    pause = 0.0
    calls = 0

    def __init__(self, health: bool = True) -> None:
        self.scores = np.array([0.2, 0.3, 0.5], np.float32) if health else None

    def predict(self, samples, probabilities=False):
        type(self).calls += 1
        time.sleep(self.pause)
        results = []
        for sample in samples:
            frames, read_as = read_frames(sample)
            masks = {
                gas: np.where(x > 140, 1, (x < 70) * 2).astype(np.uint8)
                for gas, x in frames.items()
            }
            results.append(
                DualGasResult(
                    sample['name'],
                    masks,
                    health_scores=self.scores,
                    frames=frames,
                    read_as=read_as,
                )
            )
        return results


@pytest.fixture
def inferencer():
    return DualGasInferencer(Threshold())


@pytest.fixture
def frames(tmp_path):
    """The frame of each gas, as an upload."""
    (tmp_path / 'uploads').mkdir()
    paths = {}
    for seed, (gas, size) in enumerate(SIZES.items()):
        paths[gas] = tmp_path / f'uploads/v1_{gas}.png'
        frame, _ = draw(np.random.default_rng(seed), 5.6, size)
        cv2.imwrite(str(paths[gas]), frame)
    return paths


def make_clip(path, frames=12, rate=30, size=(64, 48), codec='MJPG'):
    path.parent.mkdir(exist_ok=True)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, size)
    frame, _ = draw(np.random.default_rng(0), 5.6, size)
    for i in range(frames):
        video.write(cv2.cvtColor(np.roll(frame, i, 0), cv2.COLOR_GRAY2BGR))
    video.release()
    return path


@pytest.fixture
def clips(tmp_path):
    return {
        'co2': make_clip(tmp_path / 'uploads/a.avi'),
        'ch4': make_clip(tmp_path / 'uploads/b.mp4', frames=9, codec='mp4v'),
    }


def unpacked(report):
    with zipfile.ZipFile(report.archive) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


# --- what was uploaded ---------------------------------------------------------------


def test_kinds(frames, clips):
    kinds = {kind_of(path, Limits()) for path in frames.values()}
    assert kinds == {'frame'}
    assert {kind_of(path, Limits()) for path in clips.values()} == {'clip'}


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('notes.txt', b'Rumen 4, Tuesday', 'is no file that this page knows; give an'),
        ('page.png', b'<html>' * 9, 'is no file that this page knows'),
        ('empty.png', b'', 'is empty'),
        ('empty.mp4', b'', 'is empty'),
        # FFmpeg would open what these name
        ('list.mp4', b'#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n', 'is no file'),
        ('list.mkv', b'ffconcat version 1.0\nfile /etc/passwd\n', 'is no file'),
        ('broken.mp4', b'\0\0\0\x18ftypisom' + b'\0' * 99, 'cannot be opened as a'),
    ],
)
def test_wrong_files(inferencer, tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        analyse(inferencer, {'co2': path, 'ch4': None}, out_dir=tmp_path / 'out')
    assert str(raised.value).startswith(f'{name}: ')
    assert str(tmp_path) not in str(raised.value)
    assert not (tmp_path / 'out').exists()


def test_truncated_image(inferencer, frames, tmp_path):
    content = frames['ch4'].read_bytes()
    frames['ch4'].write_bytes(content[: len(content) // 3])
    try:
        analyse(inferencer, frames, out_dir=tmp_path / 'out')
    except UserError as error:  # OpenCV may also give the upper part
        assert str(error).startswith('v1_ch4.png: is not an image')


def test_nothing_and_a_mixture(inferencer, frames, clips, tmp_path):
    with pytest.raises(UserError, match='nothing was uploaded'):
        analyse(inferencer, {'co2': None, 'ch4': None}, out_dir=tmp_path / 'out')
    mixed = {'co2': frames['co2'], 'ch4': clips['ch4']}
    with pytest.raises(UserError, match='CO2 is a frame, CH4 is a clip; give two'):
        analyse(inferencer, mixed, out_dir=tmp_path / 'out')


def test_file_that_is_too_large(frames):
    with pytest.raises(UserError, match='this page takes up to'):
        kind_of(frames['co2'], Limits(file_bytes=100))


@pytest.mark.parametrize('side', [5000, 60000])  # no reader takes the latter
def test_frame_that_is_too_large_is_not_decoded(tmp_path, side):
    header = side.to_bytes(4, 'big') * 2 + b'\x08\0\0\0\0'
    parts = [b'\x89PNG\r\n\x1a\n']
    for kind, data in ((b'IHDR', header), (b'IDAT', b''), (b'IEND', b'')):
        check = zlib.crc32(kind + data).to_bytes(4, 'big')
        parts.append(len(data).to_bytes(4, 'big') + kind + data + check)
    path = tmp_path / 'bomb.png'
    path.write_bytes(b''.join(parts))
    with pytest.raises(UserError, match=r'more than 16 megapixels|at most 8192x8192'):
        kind_of(path, Limits())


def test_clips_that_are_too_long_or_too_large(clips):
    with pytest.raises(UserError, match='has more than 10 frames'):
        check_clips(clips, Limits(instants=10), 0.0)
    check_clips(clips, Limits(instants=12), 0.0)
    with pytest.raises(UserError, match=r'a\.avi and .*b\.mp4: would make 39 pict'):
        check_clips(clips, Limits(instants=12), 1.0)
    check_clips({'co2': clips['co2']}, Limits(instants=12), 1.0)
    with pytest.raises(UserError, match='is 64x48, and this page'):
        check_clips(clips, Limits(clip_pixels=3000), 0.0)
    with pytest.raises(UserError, match='offset is no number'):
        check_clips(clips, Limits(), float('nan'))


@pytest.mark.parametrize(
    ('told', 'times', 'message'),
    [
        # two frames, a day between them
        ({'rate': 30, 'count': 2}, [0.0, 86400e3], 'would make 2592001 pictures'),
        ({'rate': 0, 'count': 2}, [0.0, 33.0], 'does not tell its frame rate'),
        ({'rate': 30, 'count': 90}, [0.0, 33.0], 'breaks off after 2 of 90 frames'),
        ({'rate': 30, 'count': 2}, [], 'no frame of it can be decoded'),
    ],
)
def test_clips_are_not_believed(monkeypatch, told, times, message):
    values = {
        cv2.CAP_PROP_FPS: told['rate'],
        cv2.CAP_PROP_FRAME_COUNT: told['count'],
        cv2.CAP_PROP_FRAME_WIDTH: 64,
        cv2.CAP_PROP_FRAME_HEIGHT: 48,
    }

    class Capture:
        def __init__(self, _):
            self.left = list(times)

        def isOpened(self):  # noqa: N802
            return True

        def get(self, key):
            return values[key]

        def grab(self):
            if self.left:
                values[cv2.CAP_PROP_POS_MSEC] = self.left.pop(0)
                return True
            return False

        def release(self):
            pass

    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    with pytest.raises(UserError, match=message):
        check_clips({'co2': Path('a.mp4')}, Limits(), 0.0)


def test_limits_are_told():
    assert Limits().text() == (
        'Files up to 100 MiB; frames up to 16 megapixels; clips up to 2.3 megapixels '
        'and 1800 frames (a minute at 30 frames/s).'
    )


# --- what comes out ------------------------------------------------------------------


def test_frames_of_both_gases(inferencer, frames, tmp_path):
    report = analyse(inferencer, frames, out_dir=tmp_path / 'out')
    assert report.headline == 'uncalibrated: Acidotic (50 %)'
    assert report.scores == pytest.approx(
        {'Healthy': 0.2, 'Transitional': 0.3, 'Acidotic': 0.5}
    )
    assert report.notes == [
        'Nobody has measured how often such a verdict is right; calibrate the model '
        '(tools/calibrate.py).',
        SIMULATED,
    ]
    files = unpacked(report)
    assert set(files) == {
        'masks/v1_co2.png',
        'masks/v1_ch4.png',
        'panels/v1.png',
        'results.json',
        'results.csv',
    }
    rows = {(gas, name): (count, share) for gas, name, count, share in report.areas}
    assert len(rows) == 4
    for gas, label in (('co2', 'CO2'), ('ch4', 'CH4')):
        path = tmp_path / f'out/masks/v1_{gas}.png'
        assert path.read_bytes() == files[f'masks/v1_{gas}.png']
        mask = read_mask(path)
        assert mask.shape[::-1] == SIZES[gas]
        shown = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        assert (shown == np.array(SEG_PALETTE)[mask]).all()
        assert report.overlays[gas].shape == (*mask.shape, 3)
        assert (report.frames[gas] == cv2.imread(str(frames[gas]), 0)).all()
        assert rows[label, 'gas'] == ((mask == 2).sum(), (mask == 2).mean())
        assert rows[label, 'tube'] == ((mask == 1).sum(), (mask == 1).mean())
        assert 0 < (mask == 2).mean() < 1


def test_tables_tell_names_but_no_folder(inferencer, frames, tmp_path):
    files = unpacked(analyse(inferencer, frames, out_dir=tmp_path / 'out'))
    told = json.loads(files['results.json'])
    assert told['notice'] == NOTICE
    assert told['training_data'] == 'simulated'
    assert told['samples'][0]['frames'] == {'co2': 'v1_co2.png', 'ch4': 'v1_ch4.png'}
    (row,) = csv.DictReader(files['results.csv'].decode().splitlines())
    assert row['ch4'] == 'v1_ch4.png'
    assert not any(str(tmp_path).encode() in content for content in files.values())


def test_a_gas_that_is_not_given_is_left_out(inferencer, frames, tmp_path):
    given = {'co2': None, 'ch4': frames['ch4']}
    report = analyse(inferencer, given, out_dir=tmp_path / 'out')
    assert list(report.frames) == list(report.overlays) == ['ch4']
    assert report.notes[2:] == ['CO2 was not given and is left out.']
    assert 'masks/v1_co2.png' not in unpacked(report)
    assert {gas for gas, *_ in report.areas} == {'CH4'}


def test_where_nothing_can_be_said_no_class_is_shown(inferencer, frames, tmp_path):
    for gas, size in SIZES.items():
        cv2.imwrite(str(frames[gas]), np.full(size[::-1], 100, np.uint8))
    report = analyse(inferencer, frames, out_dir=tmp_path / 'out')
    assert report.headline == 'no verdict'
    assert report.scores == {}
    assert report.notes[-1] == SIMULATED
    assert len(report.notes) >= 2
    assert not any(name in ''.join(report.notes) for name in ('Healthy', 'Acidotic'))


def test_model_without_health_and_a_frame_of_16_bits(frames, tmp_path):
    frame = cv2.imread(str(frames['co2']), 0).astype(np.uint16) * 100
    cv2.imwrite(str(frames['co2']), frame)
    report = analyse(
        DualGasInferencer(Threshold(health=False)), frames, out_dir=tmp_path / 'out'
    )
    assert report.scores == {}
    assert report.headline == 'Tube and gas'
    assert report.notes == [
        'This model does not judge health.',
        'CO2: read as uint16 stretched to 8 bits.',
    ]


def test_clips(inferencer, clips, tmp_path):
    report = analyse(inferencer, clips, out_dir=tmp_path / 'out', offset=0.1)
    assert report.headline == 'uncalibrated: Acidotic (50 %)'
    assert SIMULATED in report.notes
    assert report.notes[-1].startswith('100% of 12 instants agree, which is no conf')
    assert [row[:3] for row in report.areas] == [
        (gas, name, None) for gas in ('CO2', 'CH4') for name in ('tube', 'gas')
    ]
    files = unpacked(report)
    assert set(files) == {
        'annotated.mp4',
        'frames.csv',
        'timeline.png',
        'timeline.svg',
        'verdict.json',
    }
    told = json.loads(files['verdict.json'])
    assert told['notice'] == NOTICE
    assert [told['gases'][gas]['source'] for gas in clips] == ['a.avi', 'b.mp4']
    assert told['gases']['ch4']['starts_at'] == pytest.approx(0.1)
    assert not any(str(tmp_path).encode() in content for content in files.values())
    assert cv2.imread(str(report.timeline)) is not None


def test_the_clip_that_is_shown_is_the_one_in_the_zip(inferencer, clips, tmp_path):
    pytest.importorskip('av')
    given = {'ch4': clips['ch4']}
    report = analyse(inferencer, given, out_dir=tmp_path / 'out')
    assert report.video.read_bytes() == unpacked(report)['annotated.mp4']
    assert report.notes[2] == 'CO2 was not given and is left out.'


def test_a_cancelled_clip_is_predicted_no_further(inferencer, clips, tmp_path):
    before = Threshold.calls

    def stopped():
        return Threshold.calls >= before + 3

    with pytest.raises(CancelledError):
        analyse(inferencer, clips, out_dir=tmp_path / 'out', stopped=stopped)
    assert Threshold.calls == before + 3
    with pytest.raises(CancelledError):
        check_clips(clips, Limits(), 0.0, stopped=lambda: True)


def test_old_results_are_removed(tmp_path):
    (tmp_path / 'a/b').mkdir(parents=True)
    (tmp_path / 'c.zip').write_bytes(b'x')
    now = (tmp_path / 'a').stat().st_mtime
    prune(tmp_path, older_than=60, now=now + 30)
    assert len(list(tmp_path.iterdir())) == 2
    prune(tmp_path, older_than=60, now=now + 90)
    assert list(tmp_path.iterdir()) == []


# --- the page's texts and examples ---------------------------------------------------


def test_html_is_escaped(inferencer, frames, tmp_path):
    report = analyse(inferencer, frames, out_dir=tmp_path / 'out')
    report.notes.append('<script>alert(1)</script>')
    assert '<script>' not in app_view.summary(report)
    assert '<b>' not in app_view.message('<b>.png: is empty')


def test_bars_are_in_the_order_and_the_colours_of_the_classes(
    inferencer, frames, tmp_path
):
    report = analyse(inferencer, frames, out_dir=tmp_path / 'out')
    text = app_view.bars(report.scores, report.colours)
    shown = re.findall(r'<span>(\w+)</span><span>(\d+%)</span>', text)
    assert shown == [('Healthy', '20%'), ('Transitional', '30%'), ('Acidotic', '50%')]
    colours = re.findall(r'background: rgb\((\d+), (\d+), (\d+)\)', text)
    assert [tuple(map(int, x)) for x in colours] == list(HEALTH_PALETTE)


def test_page_says_what_it_is_not(inferencer):
    text = app_view.introduction(inferencer, NOTICE)
    assert 'no diagnosis' in text
    assert 'Training data: simulated.' in text
    inferencer.training_data = None
    assert 'simulated' not in app_view.introduction(inferencer, NOTICE)


def test_examples_are_small_simulated_frames():
    paths = sorted(app_examples.EXAMPLES.glob('*.png'))
    assert len(paths) == 6
    for path in paths:
        assert path.name.startswith('simulated_')
        assert path.stat().st_size < 100_000
        assert cv2.imread(str(path), -1).shape == (240, 320)


def test_examples_are_what_their_readme_says():
    from fume_mm.simulation import (
        PRESETS,
        SIMULATOR_VERSION,
        plan_vessels,
        render_vessel,
    )

    told = (app_examples.EXAMPLES / 'README.md').read_text(encoding='utf-8')
    if f'simulator {SIMULATOR_VERSION}' not in told:
        pytest.skip('the examples are from another version of the simulator')

    parameters = app_examples.example_parameters()
    assert parameters.name == PRESETS[app_examples.PRESET].name
    vessel = plan_vessels(parameters, seed=app_examples.SEED)[app_examples.VESSEL]
    for frame in render_vessel(parameters, vessel, seed=app_examples.SEED):
        path = app_examples.EXAMPLES / f'simulated_healthy_{frame.gas}.png'
        difference = cv2.imread(str(path), -1).astype(int) - frame.image
        assert np.abs(difference).mean() < 0.5


@pytest.mark.slow
def test_example_clips(tmp_path):
    rows = app_examples.example_rows(tmp_path)
    assert all(label.startswith('Simulated: ') for label, _ in rows)
    assert all(len(files) == 2 and any(files) for _, files in rows)
    paths = [Path(path) for _, files in rows for path in files if path]
    assert all(path.is_file() for path in paths)
    clips = dict(zip(('co2', 'ch4'), map(Path, rows[-1][1]), strict=True))
    assert {kind_of(path, Limits()) for path in clips.values()} == {'clip'}
    check_clips(clips, Limits(), 0.0)


# --- the server ----------------------------------------------------------------------


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """The address of a page with a small limit, served in threads of this process."""
    pytest.importorskip('gradio')
    folder = tmp_path_factory.mktemp('page')
    (folder / 'results').mkdir()
    uploads = Uploads(Limits(file_bytes=200_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GRADIO_TEMP_DIR', str(folder / 'uploads'))
        patch.setenv('no_proxy', '*')
        examples = [
            str(app_examples.EXAMPLES / f'simulated_healthy_{x}.png') for x in SIZES
        ]
        page = app.build(
            DualGasInferencer(Threshold()),
            folder=folder / 'results',
            uploads=uploads,
            examples=[('Simulated: Healthy', [*examples])],
        )
        yield app.serve(page, host='127.0.0.1', port=None, uploads=uploads, block=False)
        page.close()


@pytest.fixture(scope='module')
def client(server):
    from gradio_client import Client

    return Client(server, verbose=False)


@pytest.mark.slow
def test_result_through_the_api(client, frames):
    from gradio_client import handle_file

    given = [handle_file(str(frames['co2'])), None]
    answer = client.predict(*given, 0, api_name='/analyse')
    error, status, text, bars, *pictures = answer
    assert not error['visible']
    assert not status['visible']
    assert 'Acidotic (50 %)' in text
    assert 'Acidotic' in bars['value']
    visible = [picture['visible'] for picture in pictures]
    # overlays and frames of CO2, CH4; video, timeline; the ZIP
    assert visible == [True, False, True, False, False, False, True]
    assert zipfile.is_zipfile(pictures[-1]['value'])


@pytest.mark.slow
def test_mistake_through_the_api(client, tmp_path):
    from gradio_client import handle_file

    path = tmp_path / 'notes.txt'
    path.write_text('Rumen 4')
    answer = client.predict(None, handle_file(str(path)), 0, api_name='/analyse')
    assert answer[0]['visible']
    assert 'notes.txt: is no file that this page knows' in answer[0]['value']
    assert answer[2] == ''
    assert not any(part['visible'] for part in answer[3:])


def test_upload_over_the_limit_is_refused(client, tmp_path):
    from gradio_client import handle_file

    path = tmp_path / 'large.png'
    path.write_bytes(b'\x89PNG' + bytes(300_000))
    with pytest.raises(Exception, match='maximum file size'):
        client.predict(handle_file(str(path)), None, 0, api_name='/analyse')


@pytest.mark.parametrize('path', ['/etc/passwd', ROOT / 'setup.py', 'setup.py'])
def test_no_file_of_the_server_can_be_had(server, path):
    httpx = pytest.importorskip('httpx')
    answer = httpx.get(f'{server}gradio_api/file={path}', trust_env=False)
    assert answer.status_code == 403
    # nor can the page be told that it was uploaded
    call = f'{server}gradio_api/call/analyse'
    inside = {'path': str(path), 'meta': {'_type': 'gradio.FileData'}}
    asked = httpx.post(call, json={'data': [inside, None, 0]}, trust_env=False)
    answer = httpx.get(f'{call}/{asked.json()["event_id"]}', trust_env=False)
    assert answer.text.startswith('event: error')
    assert 'Rumen' not in answer.text


def test_browser_is_told_to_load_nothing_from_elsewhere(server):
    httpx = pytest.importorskip('httpx')
    answer = httpx.get(server, trust_env=False)
    assert answer.headers['content-security-policy'] == POLICY
    assert 'http' not in POLICY


def test_port_that_is_taken(server):
    import gradio as gr

    port = int(server.rstrip('/').rpartition(':')[2])
    with gr.Blocks(analytics_enabled=False) as page:
        pass
    with pytest.raises(UserError, match=f'127.0.0.1:{port}: cannot be listened on'):
        app.serve(page, host='127.0.0.1', port=port, block=False)


@pytest.mark.slow
def test_mistake_on_the_command_line():
    pytest.importorskip('gradio')
    done = subprocess.run(
        [sys.executable, 'demo/app.py', 'nowhere.onnx'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'error: nowhere.onnx: there is no such file' in done.stderr
    assert 'Traceback' not in done.stderr


# --- in a browser --------------------------------------------------------------------


@contextmanager
def browser_tab(url):
    """A tab that shows the page; in the end, it must have asked no other host."""
    sync_api = pytest.importorskip('playwright.sync_api')
    if CHROMIUM is None:
        pytest.skip('there is no Chromium')
    options = (
        '--no-sandbox --disable-gpu --disable-background-networking --no-first-run'
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*options.split(), '--no-proxy-server']
        )
        tab = browser.new_page(viewport={'width': 1280, 'height': 900})
        tab.set_default_timeout(60_000)
        asked: list[str] = []
        tab.on('request', lambda request: asked.append(request.url))
        tab.goto(url)
        yield tab
        own = (url, 'data:', 'blob:')
        assert [url for url in asked if not url.startswith(own)] == []
        browser.close()


@pytest.fixture
def tab(server):
    with browser_tab(server) as tab:
        yield tab


@pytest.mark.slow
def test_in_a_browser(tab, frames, clips, tmp_path):
    """Upload, result, download; an error; an example; a clip."""
    upload = {gas: tab.locator(f'#upload-{gas} input[type=file]') for gas in SIZES}
    for gas, path in frames.items():
        upload[gas].set_input_files(str(path))
        tab.get_by_text(f'v1_{gas}').first.wait_for()
    tab.click('#analyse')
    tab.get_by_text('Acidotic (50 %)').wait_for()
    for name in ('overlay-co2', 'overlay-ch4', 'frame-co2', 'frame-ch4', 'scores'):
        tab.locator(f'#{name}').wait_for()
    areas = tab.locator('#summary .areas').bounding_box()
    scores = tab.locator('#scores').bounding_box()
    assert areas['x'] + areas['width'] <= scores['x'], 'they lie on each other'
    tab.locator('#video').wait_for(state='hidden')
    with tab.expect_download() as download:
        tab.click('#download')
    assert download.value.suggested_filename == 'fume_results.zip'
    assert zipfile.is_zipfile(download.value.path())

    # a text file: the message, and nothing of the last result
    (tmp_path / 'notes.txt').write_text('Rumen 4')
    tab.locator('#upload-co2').get_by_label('Clear').click()
    upload['co2'].set_input_files(str(tmp_path / 'notes.txt'))
    tab.get_by_text('notes').first.wait_for()
    tab.click('#analyse')
    tab.get_by_text('notes.txt: is no file that this page knows').wait_for()
    tab.locator('#results').wait_for(state='hidden')

    tab.get_by_text('Simulated: Healthy').click()
    tab.get_by_text('simulated_h').nth(1).wait_for()
    tab.click('#analyse')
    tab.locator('#overlay-ch4 img').wait_for()
    tab.locator('#error .error').wait_for(state='hidden')

    for gas in SIZES:
        tab.locator(f'#upload-{gas}').get_by_label('Clear').click()
    upload['ch4'].set_input_files(str(clips['ch4']))
    tab.get_by_text('b.mp4').or_(tab.get_by_text('.mp4')).first.wait_for()
    tab.click('#analyse')
    tab.locator('#timeline img').wait_for()
    tab.locator('#frame-ch4').wait_for(state='hidden')
    video = tab.locator('#video video')
    video.wait_for()
    tab.wait_for_function(
        """() => {
            const video = document.querySelector("#video video");
            return video.readyState >= 2 && video.duration > 0.2;
        }"""
    )


@pytest.mark.slow
def test_on_a_phone(tab, clips, monkeypatch, tmp_path):
    """All of it is seen; Cancel ends the work at hand, and the next run works."""
    tab.set_viewport_size({'width': 390, 'height': 844})
    wide = """() => Math.max(
        document.documentElement.scrollWidth,
        ...[...document.querySelectorAll('body *')].map(
            (part) => part.getBoundingClientRect().right))"""
    long = make_clip(tmp_path / 'uploads/long.mp4', frames=300, codec='mp4v')
    assert long.stat().st_size < 200_000
    tab.locator('#upload-co2 input[type=file]').set_input_files(str(long))
    tab.get_by_text('long.mp4').or_(tab.get_by_text('.mp4')).first.wait_for()
    monkeypatch.setattr(Threshold, 'pause', 0.1)
    calls = Threshold.calls
    tab.click('#analyse')
    until = time.monotonic() + 60
    while Threshold.calls == calls and time.monotonic() < until:
        tab.wait_for_timeout(50)
    assert Threshold.calls > calls
    tab.click('#cancel')
    tab.get_by_text('Cancelled.').wait_for()
    tab.locator('#cancel').wait_for(state='hidden')
    calls = Threshold.calls
    time.sleep(0.5)
    assert Threshold.calls <= calls + 1 < 300

    monkeypatch.setattr(Threshold, 'pause', 0.0)
    assert tab.evaluate(wide) <= 390
    tab.get_by_text('Simulated: Healthy').click()
    tab.get_by_text('simulated_').nth(1).wait_for()
    tab.click('#analyse')
    tab.locator('#frame-ch4 img').wait_for()
    assert tab.evaluate(wide) <= 390
