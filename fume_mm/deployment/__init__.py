"""Using a model away from where it was trained: frames in, masks and health out.

``results``, ``frames`` and ``runtime`` need NumPy, OpenCV and an inference engine only;
importing them loads neither torch nor any mm package. Export lives in
:mod:`fume_mm.apis.export`, which needs both.
"""
