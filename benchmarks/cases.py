"""Every case, in the order of the table."""

from functools import partial

from benchmarks import data_cases as data
from benchmarks import floors
from benchmarks import model_cases as model
from benchmarks import tool_cases as tool
from benchmarks import training_cases as training
from benchmarks.common import Case

ROWS = (10_000, 100_000, 1_000_000)
FORWARD = {'cpu': floors.forward}
STEP = {'cpu': floors.step}
START = {'cpu': floors.torch_cpu, 'peak_mib': floors.torch_mib}

CASES = [
    Case(
        'augment',
        'augmentation of a paired sample in memory',
        data.augment,
        data.original_augment,
        floor={'cpu': floors.copying},
        campaigns=True,
    ),
    Case(
        'sample',
        'a paired sample, files to tensors',
        data.sample,
        data.original_sample,
        floor={'cpu': floors.decode},
        campaigns=True,
    ),
    Case(
        'step',
        'training step, batch 8, both gases, a sample',
        training.step,
        training.original_step,
        keys=('cpu', 'peak_mib'),
        repeats=(3, 10),
        floor=STEP,
        campaigns=True,
    ),
    Case(
        'step-bf16',
        'training step under bfloat16, batch 8, both gases, a sample',
        training.step_bf16,
        training.original_step_bf16,
        keys=('cpu', 'peak_mib'),
        repeats=(2, 10),
        campaigns=True,
    ),
    Case(
        'loop',
        'whole loop, founding availability, 2 cores, a sample',
        training.loop,
        training.original_loop,
        keys=('wall', 'cpu'),
        repeats=(3, 12),
        campaigns=True,
        threads=2,
    ),
    Case(
        'step-r50',
        'training step, ResNet-50, batch 2, a sample',
        training.large_step,
        training.original_large_step,
        keys=('cpu', 'peak_mib'),
        repeats=(1, 5),
        campaigns=True,
    ),
    Case(
        'two-processes',
        'step of two processes, a sample',
        training.two_processes,
        other=training.step,
        other_name='one process',
        keys=('wall', 'cpu'),
        repeats=(3, 10),
        floor={'wall': floors.half_step},
        campaigns=True,
    ),
    Case(
        'two-threads',
        'step of one process with two threads, a sample',
        training.step,
        other=training.with_one_thread,
        other_name='one thread',
        keys=('wall', 'cpu'),
        repeats=(3, 10),
        floor={'wall': floors.half_step},
        campaigns=True,
        threads=2,
    ),
    Case(
        'model',
        'init_model, both gases, batch 1',
        model.network,
        model.original_network,
        keys=('cpu', 'wall'),
        repeats=(10, 40),
        floor=FORWARD,
    ),
    Case(
        'model-one-gas',
        'init_model, CO2 alone, batch 1',
        model.one_gas,
        model.original_one_gas,
        repeats=(10, 40),
        floor={'cpu': floors.one_gas},
    ),
    Case(
        'model-batch16',
        'init_model, both gases, batch 16, a sample',
        model.sixteen,
        model.original_sixteen,
        repeats=(3, 10),
        floor=FORWARD,
    ),
    Case(
        'model-compiled',
        'torch.compile, both gases, batch 1',
        model.compiled,
        other=model.network,
        other_name='eager',
        repeats=(10, 40),
        floor=FORWARD,
    ),
    Case(
        'inferencer',
        'DualGasInferencer, decoded arrays',
        model.inferencer,
        model.original_inferencer,
        repeats=(10, 40),
        floor=FORWARD,
    ),
    Case(
        'exported-onnx',
        'exported, ONNX Runtime, float32',
        model.onnx,
        model.original_inferencer,
        repeats=(10, 40),
        floor=FORWARD,
    ),
    Case(
        'exported-openvino',
        'exported, OpenVINO, float32',
        model.openvino,
        model.original_inferencer,
        repeats=(10, 40),
        floor=FORWARD,
    ),
    Case(
        'exported-best',
        'exported, OpenVINO, bfloat16',
        model.best,
        model.original_inferencer,
        repeats=(10, 40),
        floor=FORWARD,
    ),
    Case(
        'runtime',
        'ExportedModel, ONNX Runtime',
        model.onnx,
        other=model.session,
        other_name='bare session',
        keys=('cpu', 'wall'),
        repeats=(10, 100),
        floor=FORWARD,
    ),
    Case(
        'metrics',
        'metrics of masks and health, a frame',
        data.metrics,
        data.original_metrics,
    ),
    Case(
        'metrics-all',
        'metrics of masks, health and outlines, a frame',
        data.all_metrics,
    ),
    Case(
        'outlines',
        'outlines: HD95 and ASD, a frame',
        data.outlines,
        other=data.monai_outlines,
        other_name='MONAI',
    ),
    Case(
        'start-train',
        'tools/train.py to its first iteration',
        tool.start_train,
        tool.original_start_train,
        keys=('cpu', 'peak_mib'),
        repeats=(1, 7),
        floor=START,
        campaigns=True,
    ),
    Case(
        'start-test',
        'tools/test.py to its first iteration',
        tool.start_test,
        tool.original_start_test,
        keys=('cpu', 'peak_mib'),
        repeats=(1, 7),
        floor=START,
        campaigns=True,
    ),
    Case(
        'demo',
        'demo/image_demo.py, start to first result',
        tool.image_demo,
        tool.original_demo,
        keys=('cpu', 'peak_mib'),
        repeats=(1, 7),
        floor=START,
        campaigns=True,
    ),
    Case(
        'video',
        'video with ONNX, end to end, a pair',
        partial(tool.video, model=True),
        keys=('cpu', 'wall'),
        repeats=(2, 5),
        floor=FORWARD,
    ),
    Case(
        'video-threshold',
        'video with a threshold for a model, a pair',
        partial(tool.video, model=False),
        keys=('cpu', 'wall'),
        repeats=(2, 5),
    ),
    Case(
        'simulator',
        'simulator, a frame rendered',
        partial(tool.simulate, write=False),
        repeats=(3, 7),
    ),
    Case(
        'simulator-write',
        'simulator, a frame and its mask written',
        partial(tool.simulate, write=True),
        repeats=(3, 7),
    ),
    *(
        Case(
            f'index-{rows // 1000}k',
            f'opening {rows:,} rows, a thousand of them',
            partial(data.index, rows=rows),
            keys=('cpu', 'peak_mib', 'index_mib', 'kib_a_row'),
            repeats=(2, 5),
        )
        for rows in ROWS
    ),
    *(
        Case(
            f'loader-{workers}',
            f'loader with {workers} workers, a sample',
            partial(data.loader, workers=workers),
            keys=('wall', 'cpu'),
            repeats=(3, 10),
            campaigns=True,
        )
        for workers in (0, 1, 2)
    ),
    *(
        Case(
            f'frames-{count}',
            f'DualGasInferencer over {count} samples of files, a sample',
            partial(model.many_frames, samples=count),
            keys=('cpu', 'peak_mib'),
            repeats=(2, 5),
            floor=FORWARD,
            campaigns=True,
        )
        for count in (8, 32, 128)
    ),
]
FLOORS = Case('floors', 'what floors are made of', floors.measure_all)
ALL = {case.name: case for case in [*CASES, FLOORS]}
#: Left out of a quick run unless named: minutes, for what changes least.
SLOW = {'step-r50', 'model-compiled', 'index-1000k', 'frames-128'}
