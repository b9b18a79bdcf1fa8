"""Packaging of fume_mm: names and version ranges; pyproject.toml configures tools.

The ranges are what should work. The exact set that is tested is constraints.txt, which
`make lock` writes from them, and the Makefile and CI install with.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION: dict[str, str] = {}
exec((ROOT / 'fume_mm/version.py').read_text(), VERSION)

REQUIRES = [
    'jinja2>=3.1',
    'numpy>=1.26',
    'opencv-python>=4.8',
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
    # ImageNet weights for the ResNet-50 configs. Not a core dependency: a torchvision
    # that does not match the installed torch breaks MMEngine's Runner.
    'pretrained': ['torchvision>=0.26'],
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
        'monai>=1.6',  # tests hold the boundary metrics against it; needs torch, NumPy
        'mypy',
        'pre-commit',
        'pytest',
        'pytest-xdist',
        'pandas-stubs',
        'playwright',  # drives Chromium, if there is one, to test the page
        'ruff',
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

setup(
    name='fume_mm',
    version=VERSION['__version__'],
    description='Dual-gas (CO2, CH4) optical gas imaging of rumen health, on MMEngine',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['fume_mm', 'fume_mm.*']),
    package_data={'fume_mm': ['py.typed', 'reporting/*.j2']},
    python_requires='>=3.10,<3.13',
    install_requires=REQUIRES,
    extras_require=EXTRAS,
)
