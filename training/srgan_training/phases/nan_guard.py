"""Skip steps whose loss or gradient is not finite."""

from __future__ import annotations

import math

from torch import Tensor


class NaNGuard:
    """Detection of non-finite losses and gradients, with a limit on the number of skipped steps.

    A skipped step does not change the weights, so that a rare overflow does no harm.

    Parameters
    ----------
    limit
        Number of skipped steps at which the run fails.
    """

    def __init__(self, limit: int = 10) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; it must be at least 1")
        self.limit = limit
        self.skipped = 0
        """number of skipped steps, which is restored when a run is resumed"""

    def skip(self, *values: float | Tensor, step: int) -> bool:
        """Return whether ``step`` must be skipped because one of ``values`` is NaN or infinite.

        Parameters
        ----------
        values
            Scalars of the step, such as its loss and the norm of its gradient.
        step
            Number of the step, for the error.

        Raises
        ------
        FloatingPointError
            If ``limit`` steps have been skipped.
        """
        if all(math.isfinite(float(value)) for value in values):
            return False
        self.skipped += 1
        if self.skipped >= self.limit:
            raise FloatingPointError(
                f"loss or gradient was not finite in {self.skipped} steps, the last of them step "
                f"{step}; lower the learning rate, or the adversarial weight where there is one"
            )
        return True
