"""The halo of a tile: pixels around it that its result depends on."""

from __future__ import annotations

from .consistency import REACH as CONSISTENCY_REACH
from .exposures import REACH as EXPOSURE_REACH
from .missing import FILL_REACH
from .outliers import REACH as OUTLIER_REACH
from .overshoot import REACH as OVERSHOOT_REACH


def halo_of_run(network: int, *, fills: bool, outliers: bool, consistency: int) -> int:
    """Return the halo of a run in LR pixels on each side.

    Network, exposures and limits read the same pixels, so the widest counts. The other steps read
    what an earlier step has written, so theirs are added.

    ================================  ===========  =====================================
    step                              pixels       how
    ================================  ===========  =====================================
    network (`models.Model.halo`)     ``network``  the largest of these three
    weight of the second exposure     4            the largest of these three
    limits of the overshoot           7            the largest of these three
    fill of missing values, outliers  4            added, with ``fills`` or ``outliers``
    detection of outliers             1            added, with ``outliers``
    back-projection                   4            added, for each step
    ================================  ===========  =====================================

    For the shipped models the sum without consistency is

    ===========================  =======  ==========  ============
    model                        network  with fills  and outliers
    ===========================  =======  ==========  ============
    ``fast-x4``                  14       18          19
    ``fast-x2``                  18       22          23
    all others, of 16 blocks     40       44          45
    ===========================  =======  ==========  ============

    Parameters
    ----------
    network
        Halo of the network.
    fills
        Whether values may be missing, which are filled from those around them.
    outliers
        Whether outliers are looked for: all images but those of 8 bits with their nominal range.
    consistency
        Number of steps of back-projection.
    """
    halo = max(network, EXPOSURE_REACH, OVERSHOOT_REACH) + CONSISTENCY_REACH * consistency
    return halo + FILL_REACH * (fills or outliers) + OUTLIER_REACH * outliers
