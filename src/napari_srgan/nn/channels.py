"""Convert the weights of a generator to another number of image channels."""

from __future__ import annotations

from torch import Tensor


def adapt_channels(state: dict[str, Tensor], channels: int) -> dict[str, Tensor]:
    """Return a state dict for images of ``channels`` channels; only head and tail change.

    To one channel: the head kernels are summed over the input channels and the tail kernels
    averaged over the output channels, so that the output equals the channel mean of the source
    network's output for a grey image. From one channel: the tail is repeated for every channel,
    and the head kernel is repeated and divided by ``channels``.

    Parameters
    ----------
    state
        State dict of a `Generator`.
    channels
        Number of image channels of the result.

    Raises
    ------
    ValueError
        If the numbers of channels differ and neither is 1.
    """
    source_channels = state["head.weight"].shape[1]
    if source_channels == channels:
        return dict(state)
    head, tail, bias = state["head.weight"], state["tail.weight"], state["tail.bias"]
    # The output channels of the tail are (channel, sub-pixel) with direct upsampling.
    tail, bias = tail.unflatten(0, (source_channels, -1)), bias.unflatten(0, (source_channels, -1))
    if channels == 1:
        head, tail, bias = head.sum(1, True), tail.mean(0, True), bias.mean(0, True)
    elif source_channels == 1:
        head = head.repeat(1, channels, 1, 1) / channels
        tail, bias = (t.expand(channels, *t.shape[1:]) for t in (tail, bias))
    else:
        raise ValueError(f"cannot carry weights from {source_channels} to {channels} channels")
    return state | {
        "head.weight": head,
        "tail.weight": tail.flatten(0, 1),
        "tail.bias": bias.flatten(),
    }
