"""Second-order degradation of Real-ESRGAN (Wang et al. 2021, ICCVW, arXiv 2107.10833).

Ranges and probabilities are those that the authors published with the ×4 model. Differences: JPEG
is that of Pillow, which requires 8-bit images and an integer quality, and HR is not sharpened.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from ..images import Array, round_8bit

Kernel = npt.NDArray[np.float64]
Pair = tuple[float, float]

SHAPES = {"gaussian": 0.70, "generalised": 0.15, "plateau": 0.15}
"""probabilities of the kernels other than sinc"""
ISOTROPIC = {"gaussian": 0.45 / 0.70, "generalised": 0.12 / 0.15, "plateau": 0.12 / 0.15}
"""probability that a kernel is isotropic"""
BETA = {"gaussian": (1.0, 1.0), "generalised": (0.5, 4.0), "plateau": (1.0, 2.0)}
"""range of the shape parameter β by kernel"""
SINC = 0.1
"""probability of a sinc kernel for a blur"""
FINAL_SINC = 0.8
"""probability of the final sinc filter"""
GREY_NOISE = 0.4
"""probability that the noise is the same in all channels"""
MODES = ("area", "bilinear", "bicubic")
"""interpolation modes of the resizing"""
GREY = np.array([0.2989, 0.587, 0.114], np.float32)
"""weights of R, G and B in the grey image that Poisson noise is computed from"""


@dataclass(frozen=True)
class Order:
    """Parameters of one pass of blur, resizing, noise and JPEG (section 3.1)."""

    blur: float
    """probability of the blur"""
    sigma: Pair
    """range of σ of the kernels in pixels"""
    resize: tuple[float, float, float]
    """probabilities of enlarging, reducing and keeping"""
    factors: Pair
    """minimum and maximum of the resize factor"""
    gaussian: Pair
    """range of the standard deviation of Gaussian noise, in 8-bit levels"""
    poisson: Pair
    """range of the scale of Poisson noise; at 1 there are as many photons as distinct levels"""
    jpeg: Pair
    """range of the JPEG quality"""


FIRST = Order(1.0, (0.2, 3.0), (0.2, 0.7, 0.1), (0.15, 1.5), (1, 30), (0.05, 3.0), (30, 95))
SECOND = Order(0.8, (0.2, 1.5), (0.3, 0.4, 0.3), (0.3, 1.2), (1, 25), (0.05, 2.5), (30, 95))


def second_order(image: Array, rng: np.random.Generator, scale: int) -> Array:
    """Degrade ``(C, H, W)`` on [0, 1], C 1 or 3, to ``(C, H / scale, W / scale)`` (figure 2).

    The result is clipped to [0, 1] and rounded to 8 bits.
    """
    size = (image.shape[1] // scale, image.shape[2] // scale)
    kernels = [_draw_kernel(order, rng) for order in (FIRST, SECOND)]
    final = _draw_final(rng)
    out = blur(image, kernels[0])
    out = _resize(out, _draw_size(out.shape[1:], FIRST, rng), rng)
    out = through_jpeg(_noisy(out, FIRST, rng), _draw_quality(FIRST, rng))
    if rng.random() < SECOND.blur:
        out = blur(out, kernels[1])
    out = _resize(out, _draw_size(size, SECOND, rng), rng)
    out = _noisy(out, SECOND, rng)
    # Section 3.3: the sinc filter follows the last resizing; JPEG precedes or follows both.
    jpeg_last = rng.random() < 0.5
    if not jpeg_last:
        out = through_jpeg(out, _draw_quality(SECOND, rng))
    out = _resize(out, size, rng)
    if final is not None:
        out = blur(out, final)
    if jpeg_last:
        out = through_jpeg(out, _draw_quality(SECOND, rng))
    return round_8bit(out)


def through_jpeg(image: Array, quality: int) -> Array:
    """Encode ``(C, H, W)``, C 1 or 3, as JPEG and decode it; clips to [0, 1] and rounds."""
    from PIL import Image as Pillow

    if len(image) not in (1, 3):
        raise ValueError(f"JPEG takes 1 or 3 channels, not {len(image)}")
    levels = np.round(round_8bit(image) * 255).astype(np.uint8)
    pixels = levels[0] if len(image) == 1 else np.moveaxis(levels, 0, -1)
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=quality)
    with Pillow.open(buffer) as file:
        decoded = np.asarray(file, np.float32) / np.float32(255)
    return decoded[None] if len(image) == 1 else np.moveaxis(decoded, -1, 0)


def generalised_gaussian(
    size: int, sigma_x: float, sigma_y: float, theta: float = 0, beta: float = 1
) -> Kernel:
    """Return ``exp(−½ (Cᵀ Σ⁻¹ C)^β)`` on ``size`` × ``size``, summing to 1 (section 3.1).

    σ in pixels, θ in radians from x; β = 1 is the Gaussian.
    """
    kernel = np.exp(-0.5 * _ellipse(size, sigma_x, sigma_y, theta) ** beta)
    return np.asarray(kernel / kernel.sum())


def plateau(size: int, sigma_x: float, sigma_y: float, theta: float = 0, beta: float = 1) -> Kernel:
    """Return ``1 / (1 + (Cᵀ Σ⁻¹ C)^β)`` on ``size`` × ``size``, summing to 1 (section 3.1)."""
    kernel = 1 / (1 + _ellipse(size, sigma_x, sigma_y, theta) ** beta)
    return np.asarray(kernel / kernel.sum())


def sinc(size: int, cutoff: float) -> Kernel:
    """Return the circular low-pass ``ω J₁(ω r) / (2π r)``, summing to 1 (section 3.3).

    ``cutoff`` ω is in radians per pixel; π is the Nyquist frequency. Truncation to
    ``size`` causes ringing.
    """
    x, y = _grid(size)
    r = np.hypot(x, y)
    bessel = torch.special.bessel_j1(torch.from_numpy(cutoff * r)).numpy()
    centre = cutoff**2 / (4 * np.pi)
    kernel = np.where(r == 0, centre, cutoff * bessel / (2 * np.pi * np.where(r == 0, 1, r)))
    return np.asarray(kernel / kernel.sum())


def blur(image: Array, kernel: Kernel) -> Array:
    """Convolve each channel with a point-symmetric kernel and reflect padding."""
    pad = len(kernel) // 2
    # NumPy reflects repeatedly, which images smaller than the kernel need after reduction.
    padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad)), mode="reflect")
    size = padded.shape[1:]
    product = np.fft.rfft2(padded) * np.fft.rfft2(kernel, size)
    # Wrap-around affects only the first rows and columns, which are dropped.
    return np.fft.irfft2(product, size)[:, 2 * pad :, 2 * pad :].astype(np.float32)


def _grid(size: int) -> tuple[Kernel, Kernel]:
    half = np.arange(size) - (size - 1) / 2
    x, y = np.meshgrid(half, half)
    return x, y


def _ellipse(size: int, sigma_x: float, sigma_y: float, theta: float) -> Kernel:
    """Return Cᵀ Σ⁻¹ C for standard deviations σ, rotated by θ from x."""
    x, y = _grid(size)
    along = (x * np.cos(theta) + y * np.sin(theta)) / sigma_x
    across = (y * np.cos(theta) - x * np.sin(theta)) / sigma_y
    return np.asarray(along**2 + across**2)


def _draw_kernel(order: Order, rng: np.random.Generator) -> Kernel:
    size = 2 * int(rng.integers(3, 11)) + 1
    if rng.random() < SINC:
        return sinc(size, rng.uniform(np.pi / (3 if size < 13 else 5), np.pi))
    shape = str(rng.choice(list(SHAPES), p=list(SHAPES.values())))
    sigma_x, sigma_y = rng.uniform(*order.sigma, 2)
    if rng.random() < ISOTROPIC[shape]:
        sigma_y = sigma_x
    low, high = BETA[shape]
    # Half of the kernels are flatter and half are more peaked than the Gaussian.
    beta = rng.uniform(low, 1) if rng.random() < 0.5 else rng.uniform(1, high)
    make = plateau if shape == "plateau" else generalised_gaussian
    return make(size, sigma_x, sigma_y, rng.uniform(-np.pi, np.pi), beta)


def _draw_final(rng: np.random.Generator) -> Kernel | None:
    if rng.random() >= FINAL_SINC:
        return None
    return sinc(2 * int(rng.integers(3, 11)) + 1, rng.uniform(np.pi / 3, np.pi))


def _draw_size(size: tuple[int, ...], order: Order, rng: np.random.Generator) -> tuple[int, int]:
    smallest, largest = order.factors
    way = rng.choice(3, p=order.resize)
    factor = (rng.uniform(1, largest), rng.uniform(smallest, 1), 1.0)[way]
    height, width = (max(1, int(n * factor)) for n in size)
    return height, width


def _draw_quality(order: Order, rng: np.random.Generator) -> int:
    return round(rng.uniform(*order.jpeg))


def _resize(image: Array, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Resize with a random mode; bilinear and bicubic are not antialiased, as in the original."""
    mode = MODES[rng.integers(len(MODES))]
    x = torch.from_numpy(np.ascontiguousarray(image))[None]
    return np.asarray(F.interpolate(x, size=size, mode=mode)[0].numpy())


def _noisy(image: Array, order: Order, rng: np.random.Generator) -> Array:
    """Add Gaussian or Poisson noise, common to all channels or independent, and clip."""
    gaussian, grey = rng.random() < 0.5, rng.random() < GREY_NOISE
    noise: npt.NDArray[np.floating]
    if gaussian:
        sigma = rng.uniform(*order.gaussian) / 255
        noise = sigma * rng.standard_normal(image[:1].shape if grey else image.shape)
    else:
        clean = image
        if grey and len(image) == 3:
            clean = np.tensordot(GREY, image, axes=1)[None]
        clean = round_8bit(clean)
        # As in the original: photons at 1.0 are the number of levels rounded up to a power of 2.
        photons = 2 ** np.ceil(np.log2(len(np.unique(clean))))
        noise = rng.uniform(*order.poisson) * (rng.poisson(clean * photons) / photons - clean)
    return np.clip(image + noise, 0, 1).astype(np.float32)
