"""Does a campaign give the answer away? Probes for leaks that no name tells.

Each module is one probe, functions of arrays: :mod:`.near_copies` (pictures in two
splits), :mod:`.painted` (the label drawn into the frame), :mod:`.giveaways` (the class
told by the file) and :mod:`.gas_erased` (the class told by the background). What they
found is put into words in :mod:`fume_mm.datasets.probing`.
"""
