"""The nets that FUME (arXiv 2601.08205) is compared with in its Table 1."""

from . import (  # noqa: F401
    cmx,
    ddrnet,
    enet,
    espnetv2,
    gas_twin_former,
    light_ham_head,
    mti_net,
    rtfnet,
    single_frame_norms,
)
