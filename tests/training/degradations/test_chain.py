from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from PIL import Image as Pillow

from srgan_training.degradations.base import Degradation
from srgan_training.degradations.chain import RealESRGAN, parse_degradation
from srgan_training.degradations.kernels import sigma_of_mtf
from srgan_training.degradations.noise import JPEG, PoissonGaussian, Round8
from srgan_training.degradations.optics import Area, Bicubic, GaussianPSF, SliceProfile
from srgan_training.degradations.real_esrgan import (
    blur,
    generalised_gaussian,
    plateau,
    sinc,
    through_jpeg,
)
from srgan_training.images import Array, round_8bit


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(channels: int = 3, height: int = 48, width: int = 64) -> Array:
    """A smooth picture with an edge, on [0, 1]."""
    y, x = np.mgrid[:height, :width]
    base = 0.5 + 0.3 * np.sin(x / 5) * np.cos(y / 7) + 0.2 * (x > width / 2) - 0.1
    return np.stack([base * (1 - 0.1 * c) for c in range(channels)]).astype(np.float32)


def amplitude(signal: npt.NDArray[Any], frequency: float, at: npt.NDArray[Any]) -> float:
    """Amplitude of the sine of a frequency, by least squares at the places given."""
    phase = 2 * np.pi * frequency * at
    basis = np.stack([np.cos(phase), np.sin(phase), np.ones_like(at)], axis=1)
    cos, sin, _ = np.linalg.lstsq(basis, signal, rcond=None)[0]
    return float(np.hypot(cos, sin))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_psf_weakens_a_grating_by_its_mtf(scale: int) -> None:
    sigma, frequency = 0.6, 0.21  # LR px, cycles per LR px
    x = np.arange(120 * scale)
    grating = np.sin(2 * np.pi * frequency / scale * x).astype(np.float32)
    image = np.broadcast_to(grating, (1, scale, len(x)))
    lr = GaussianPSF(sigma=sigma)(image, seeded(), scale)[0, 0, 10:-10]
    expected = np.exp(-2 * np.pi**2 * sigma**2 * frequency**2)
    assert amplitude(lr, frequency, np.arange(10, 110)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_an_mtf_is_met_at_the_nyquist_frequency_of_lr(scale: int) -> None:
    x = np.arange(60 * scale)
    nyquist = 1 / (2 * scale)
    grating = np.cos(2 * np.pi * nyquist * x).astype(np.float32)
    image = np.broadcast_to(grating[:, None], (1, len(x), scale))
    blurred = GaussianPSF(mtf=0.3, decimate=False)(image, seeded(), scale)[0, :, 0]
    inner = slice(10 * scale, -10 * scale)
    assert amplitude(blurred[inner], nyquist, x[inner]) == pytest.approx(0.3, abs=1e-3)


def test_sigma_follows_from_the_mtf() -> None:
    sigma = sigma_of_mtf(0.3)
    assert np.exp(-2 * np.pi**2 * sigma**2 * 0.5**2) == pytest.approx(0.3)


def test_a_psf_may_differ_along_y_and_x() -> None:
    image = np.zeros((1, 81, 81), np.float32)
    image[0, 40, 40] = 1
    lr = GaussianPSF(sigma_y=2, sigma_x=1, decimate=False)(image, seeded(), 3)[0]
    t = np.arange(-40, 41)
    assert (lr.sum(1) @ t**2) ** 0.5 == pytest.approx(6, rel=1e-3)
    assert (lr.sum(0) @ t**2) ** 0.5 == pytest.approx(3, rel=1e-3)


def test_a_psf_s_width_is_drawn_once_per_image_from_its_range() -> None:
    image = np.zeros((1, 81, 81), np.float32)
    image[0, 40, 40] = 1
    psf, rng, t = GaussianPSF(sigma=(0.5, 2), decimate=False), seeded(), np.arange(-40, 41)
    blurred = [psf(image, rng, 3)[0] for _ in range(20)]
    widths = np.array([[(b.sum(axis) @ t**2) ** 0.5 / 3 for axis in (0, 1)] for b in blurred])
    assert widths[:, 0] == pytest.approx(widths[:, 1], rel=1e-3)
    assert 0.49 < widths.min() < 0.8 < 1.3 < widths.max() < 2.01
    assert psf.describe() == "a Gaussian PSF with σ 0.5 to 2 LR px"


@pytest.mark.parametrize("scale", [2, 3])
def test_a_narrow_psf_takes_the_pixels_nearest_the_centre(scale: int) -> None:
    image = seeded().random((1, 12, 12), np.float32)
    lr = GaussianPSF(sigma=0.001)(image, seeded(), scale)
    if scale == 3:
        assert np.array_equal(lr, image[:, 1::3, 1::3])
    else:
        assert np.allclose(lr, Area()(image, seeded(), 2), atol=1e-6)


def test_binning_gives_the_means_of_a_ramp() -> None:
    y, x = np.mgrid[:12, :20].astype(np.float32)
    lr = Area()(np.stack([y, x]), seeded(), 4)
    assert np.allclose(lr[0], np.array([1.5, 5.5, 9.5])[:, None])
    assert np.allclose(lr[1], np.array([1.5, 5.5, 9.5, 13.5, 17.5]))


def test_bicubic_has_keys_weights_stretched_by_the_scale() -> None:
    scale, image = 4, np.eye(64, dtype=np.float32)[None]
    lr = Bicubic()(image, seeded(), scale)[0]
    t = np.abs((np.arange(64) - (7 * scale + 1.5)) / scale)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    weights = np.where(t <= 1, near, np.where(t < 2, far, 0)) / scale
    assert lr[7, 7] == pytest.approx(weights @ weights, abs=1e-6)
    assert lr[7, 8] == pytest.approx(weights[4:] @ weights[:-4], abs=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(
    "step", [Bicubic(), Area(), GaussianPSF(sigma=0.3), GaussianPSF(mtf=0.3), GaussianPSF(sigma=1)]
)
def test_a_blob_stays_where_it_is(step: Degradation, scale: int) -> None:
    y, x = np.mgrid[: 40 * scale, : 40 * scale]
    centre_y, centre_x = 19.3, 20.6  # LR px
    at_y, at_x = ((c + 0.5) * scale - 0.5 for c in (centre_y, centre_x))
    blob = np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / (2 * (2 * scale) ** 2))
    lr = step(blob.astype(np.float32)[None], seeded(), scale)[0].astype(float)
    rows, columns = np.mgrid[:40, :40]
    assert (lr * rows).sum() / lr.sum() == pytest.approx(centre_y, abs=1e-3)
    assert (lr * columns).sum() / lr.sum() == pytest.approx(centre_x, abs=1e-3)


@pytest.mark.parametrize("kind", ["bicubic", "area", {"kind": "gaussian_psf", "sigma": 2.0}])
def test_a_flat_image_stays_flat_to_its_border(kind: Any) -> None:
    lr = parse_degradation(kind)(np.full((3, 8, 12), 1.5, np.float32), seeded(), 4)
    assert lr.shape == (3, 2, 3)
    assert lr.dtype == np.float32
    assert np.allclose(lr, 1.5)


def test_a_box_slice_profile_has_its_width_on_a_delta() -> None:
    # Slice i of the identity shows with which weights it took the voxels.
    profile = SliceProfile(fwhm=6, shape="box")(identity(96), seeded(), 4)[12, :, 0]
    centre = 12 * 4 + 1.5
    assert np.array_equal(np.flatnonzero(profile), np.arange(centre - 2.5, centre + 3))
    assert profile[profile > 0] == pytest.approx(1 / 6)


def test_a_box_takes_the_part_of_a_voxel_that_lies_in_it() -> None:
    profile = SliceProfile(fwhm=4, shape="box")(identity(45), seeded(), 3)[7, :, 0]
    assert profile[20:25] == pytest.approx(np.array([0.5, 1, 1, 1, 0.5]) / 4)


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_a_gaussian_slice_profile_has_its_width_on_a_delta(factor: int) -> None:
    fwhm = 5.0
    profile = SliceProfile(fwhm=fwhm)(identity(30 * factor), seeded(), factor)[15, :, 0]
    t = np.arange(30 * factor) - (15 * factor + (factor - 1) / 2)
    assert profile.sum() == pytest.approx(1)
    assert profile / profile.max() == pytest.approx(
        0.5 ** ((2 * t / fwhm) ** 2) / (0.5 ** ((2 * t / fwhm) ** 2)).max(), abs=1e-6
    )
    assert np.sqrt(8 * np.log(2) * (profile @ t**2)) == pytest.approx(fwhm, rel=1e-3)


def identity(voxels: int) -> Array:
    return np.eye(voxels, dtype=np.float32)[:, :, None]


def test_shot_and_read_noise_have_their_variance_and_keep_the_mean() -> None:
    photons, read = 200.0, 0.02
    noise = PoissonGaussian(photons, read)
    for value in (0.0, 0.1, 0.8, 1.5):
        noisy = noise(np.full((1, 500, 500), value, np.float32), seeded(), 4).astype(float)
        variance = value / photons + read**2
        assert noisy.mean() == pytest.approx(value, abs=4 * np.sqrt(variance / noisy.size))
        assert noisy.var() == pytest.approx(variance, rel=0.02)


def test_few_photons_come_in_whole_numbers() -> None:
    counts = 5 * PoissonGaussian(photons=5.0)(picture(), seeded(), 1)
    assert np.allclose(counts, np.round(counts), atol=1e-5)


def test_values_below_zero_have_read_noise_only() -> None:
    dark = np.full((1, 300, 300), -0.2, np.float32)
    noisy = PoissonGaussian(photons=10.0, read=0.01)(dark, seeded(), 1)
    assert noisy.mean() == pytest.approx(-0.2, abs=1e-3)
    assert noisy.std() == pytest.approx(0.01, rel=0.02)


def test_noise_is_drawn_log_uniformly_for_each_image() -> None:
    noise, rng = PoissonGaussian(read=(0.001, 0.1)), seeded()
    flat = np.zeros((1, 30, 30), np.float32)
    levels = np.log10([noise(flat, rng, 1).std() for _ in range(400)])
    assert np.quantile(levels, [0.25, 0.5, 0.75]) == pytest.approx([-2.5, -2, -1.5], abs=0.15)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_pillows_round_trip(channels: int) -> None:
    image = round_8bit(picture(channels))
    levels = np.round(255 * image).astype(np.uint8).transpose(1, 2, 0).squeeze()
    buffer = io.BytesIO()
    Pillow.fromarray(levels).save(buffer, "JPEG", quality=40)
    expected = np.atleast_3d(np.asarray(Pillow.open(buffer))).transpose(2, 0, 1)
    step = JPEG(quality=40)
    assert np.array_equal(np.round(255 * step(image, seeded(), 4)), expected)


def test_jpeg_draws_its_quality_from_the_range() -> None:
    image, rng, step = picture(), seeded(), JPEG(quality=(20, 30))
    possible = [through_jpeg(image, q) for q in range(20, 31)]
    drawn = {
        next(i for i, p in enumerate(possible) if np.array_equal(p, out))
        for out in (step(image, rng, 4) for _ in range(20))
    }
    assert len(drawn) > 3


def test_jpeg_takes_grey_or_colour() -> None:
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        JPEG(quality=40)(picture(2), seeded(), 4)


def test_rounding_gives_levels_and_clips() -> None:
    image = np.array([[[-0.3, 0.1, 0.5, 1.2]]], np.float32)
    out = Round8()(image, seeded(), 4)
    assert np.allclose(255 * out, [[[0, 26, 128, 255]]], atol=1e-4)


@pytest.mark.parametrize("beta", [0.5, 1, 3])
@pytest.mark.parametrize(
    ("kernel", "profile"),
    [
        (generalised_gaussian, lambda q, beta: np.exp(-0.5 * q**beta)),
        (plateau, lambda q, beta: 1 / (q**beta + 1)),
    ],
)
def test_kernels_follow_their_formulas(
    kernel: Callable[..., npt.NDArray[np.float64]],
    profile: Callable[[float, float], float],
    beta: float,
) -> None:
    sigma_x, sigma_y, theta = 2.5, 1.2, 0.7
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    inverse = np.linalg.inv(turn @ np.diag([sigma_x**2, sigma_y**2]) @ turn.T)
    expected = np.empty((13, 13))
    for row in range(13):
        for column in range(13):
            c = np.array([column - 6, row - 6])
            expected[row, column] = profile(c @ inverse @ c, beta)
    out = kernel(13, sigma_x, sigma_y, theta, beta)
    assert out == pytest.approx(expected / expected.sum())
    assert out.sum() == pytest.approx(1)


@pytest.mark.parametrize("cutoff", [np.pi / 3, 2.0])
def test_the_sinc_kernel_follows_the_bessel_formula(cutoff: float) -> None:
    size = 15
    y, x = np.mgrid[-7:8, -7:8]
    r = np.hypot(x, y)
    # J₁(z) = 1/π ∫ cos(t − z sin t) dt over [0, π]
    t = (np.arange(400) + 0.5) * np.pi / 400
    bessel = np.cos(t - cutoff * r[..., None] * np.sin(t)).mean(-1)
    expected = np.full((size, size), cutoff**2 / (4 * np.pi))
    expected[r > 0] = cutoff * bessel[r > 0] / (2 * np.pi * r[r > 0])
    kernel = sinc(size, cutoff)
    assert kernel == pytest.approx(expected / expected.sum(), abs=1e-7)
    assert kernel.sum() == pytest.approx(1)


def test_a_sinc_kernel_stops_what_is_above_its_cutoff() -> None:
    x = np.arange(200)
    low, high = (np.cos(w * x).astype(np.float32) for w in (0.4, 2.4))
    out = blur(np.broadcast_to(low + high, (1, 21, 200)), sinc(21, 1.2))[0, 10]
    inner = slice(20, -20)
    assert amplitude(out[inner], 0.4 / (2 * np.pi), x[inner]) == pytest.approx(1, abs=0.1)
    assert amplitude(out[inner], 2.4 / (2 * np.pi), x[inner]) < 0.1


def test_blur_weighs_each_pixels_surroundings() -> None:
    image, kernel = seeded().random((2, 9, 30), np.float32), generalised_gaussian(7, 2, 1, 0.5)
    expected = (kernel * image[1, 1:8, 12:19]).sum()
    assert blur(image, kernel)[1, 4, 15] == pytest.approx(expected, abs=1e-6)
    corner = np.pad(image[1], 3, mode="reflect")[:7, :7]
    assert blur(image, kernel)[1, 0, 0] == pytest.approx((kernel * corner).sum(), abs=1e-6)


def test_blur_mirrors_images_smaller_than_its_kernel() -> None:
    out = blur(np.full((3, 4, 1), 0.5, np.float32), sinc(21, 1.0))
    assert out.shape == (3, 4, 1)
    assert np.allclose(out, 0.5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_real_esrgan_ends_at_the_lr_size_in_8_bits(channels: int, scale: int) -> None:
    rng, image = seeded(), picture(channels, 24, 36)
    for _ in range(25):
        out = RealESRGAN()(image, rng, scale)
        assert out.shape == (channels, 24 // scale, 36 // scale)
        assert np.array_equal(out, round_8bit(out))


def test_real_esrgan_keeps_the_picture_on_average() -> None:
    rng, image = seeded(), picture(3, 64, 96)
    mean = np.mean([RealESRGAN()(image, rng, 4) for _ in range(60)], axis=0)
    assert np.corrcoef(mean.ravel(), Area()(image, rng, 4).ravel())[0, 1] > 0.9


SPECS: list[Any] = [
    "bicubic",
    "real_esrgan",
    [{"kind": "gaussian_psf", "mtf": 0.3}, {"kind": "poisson_gaussian", "photons": [50, 500]}],
    ["area", {"kind": "jpeg", "quality": [30, 95]}],
]


@pytest.mark.parametrize("spec", SPECS)
def test_one_seed_gives_one_result(spec: Any) -> None:
    degradation, image = parse_degradation(spec), picture()
    first, again = (degradation(image, seeded(5), 4) for _ in range(2))
    assert np.array_equal(first, again)
    other = degradation(image, seeded(6), 4)
    assert np.array_equal(first, other) == (spec == "bicubic")


@pytest.mark.parametrize("spec", SPECS)
def test_the_image_given_is_left_as_it_was(spec: Any) -> None:
    image = picture()
    before = image.copy()
    parse_degradation(spec)(image, seeded(), 4)
    assert np.array_equal(image, before)


def test_steps_are_applied_in_their_order() -> None:
    noise = {"kind": "poisson_gaussian", "read": 0.1}
    flat = np.full((1, 400, 400), 0.5, np.float32)
    before = parse_degradation([noise, "area"])(flat, seeded(), 4)
    after = parse_degradation(["area", noise])(flat, seeded(), 4)
    assert before.std() == pytest.approx(0.1 / 4, rel=0.05)
    assert after.std() == pytest.approx(0.1, rel=0.05)


def test_optics_and_pixels_make_one_reduction() -> None:
    optics = {"kind": "gaussian_psf", "sigma": 0.4, "decimate": False}
    out = parse_degradation([optics, "area"])(picture(), seeded(), 4)
    expected = Area()(GaussianPSF(sigma=0.4, decimate=False)(picture(), seeded(), 4), seeded(), 4)
    assert np.array_equal(out, expected)


def test_thick_slices_have_noise_like_images() -> None:
    profile = {"kind": "slice_profile", "fwhm": 4.0}
    chain = parse_degradation([profile, {"kind": "poisson_gaussian", "read": 0.01}])
    assert chain.reduces == "Z"
    assert chain(np.zeros((20, 6, 7), np.float32), seeded(), 4).shape == (5, 6, 7)


def test_a_chain_is_read_from_yaml_and_describes_itself() -> None:
    chain = parse_degradation(
        yaml.safe_load("""
        - {kind: gaussian_psf, mtf: 0.3}
        - {kind: poisson_gaussian, photons: [50, 500], read: 0.01}
        - {kind: jpeg, quality: 75}
        - round8
        """)
    )
    assert chain.reduces == "YX"
    assert chain.describe() == (
        "a Gaussian PSF with an MTF of 0.3 at the LR Nyquist frequency and decimation, then "
        "shot noise of 50 to 500 photons at 1 and read noise of 0.01, then JPEG of quality 75, "
        "then rounding to 8 bits"
    )


@pytest.mark.parametrize(
    ("spec", "phrase"),
    [
        ("bicubic", "antialiased bicubic"),
        ("area", "the mean of the pixels (binning)"),
        ("real_esrgan", "the second-order degradation of Real-ESRGAN"),
        (
            {"kind": "gaussian_psf", "sigma": 0.5},
            "a Gaussian PSF with σ 0.5 LR px and decimation",
        ),
        (
            {"kind": "gaussian_psf", "sigma_y": 0.5, "sigma_x": 0.4},
            "a Gaussian PSF with σ 0.5 × 0.4 LR px and decimation",
        ),
        (
            {"kind": "slice_profile", "fwhm": 4, "shape": "box"},
            "a box slice profile with an FWHM of 4 voxels and decimation along z",
        ),
    ],
)
def test_each_kind_describes_itself(spec: Any, phrase: str) -> None:
    assert parse_degradation(spec).describe() == phrase


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bicubik", "kind is 'bicubik'; allowed are .*'area', 'bicubic'"),
        ({"sigma": 1}, "kind is None; allowed are"),
        ([["bicubic"]], "kind is .*; allowed are"),
        (3, "degradation is 3; it must be a kind, a mapping or a list"),
        ({"kind": "area", "factor": 4}, r"'area': unknown \['factor'\]; allowed are \[\]"),
        ({"kind": "gaussian_psf", "mtf": 1.2}, "mtf is 1.2; .* between 0 and 1"),
        ({"kind": "gaussian_psf", "sigma": 0}, "sigma is 0; .* above 0"),
        ({"kind": "gaussian_psf"}, r"got \[\]; give one of sigma, mtf"),
        ({"kind": "gaussian_psf", "sigma": 1, "mtf": 0.3}, r"got \['mtf', 'sigma'\]; give one"),
        ({"kind": "gaussian_psf", "sigma": 1, "decimate": 2}, "decimate is 2; .* true or false"),
        ({"kind": "slice_profile"}, r"'slice_profile': needs \['fwhm'\]"),
        ({"kind": "slice_profile", "fwhm": 2, "shape": "sinc"}, "shape is 'sinc'; allowed are"),
        ({"kind": "poisson_gaussian"}, "neither photons nor read"),
        ({"kind": "poisson_gaussian", "photons": "1e3"}, r"photons is '1e3'; .* \[low, high\]"),
        ({"kind": "poisson_gaussian", "photons": [9, 5]}, r"photons is \[9, 5\]; .* \[low, high\]"),
        ({"kind": "poisson_gaussian", "photons": float("nan")}, "photons is nan"),
        ({"kind": "poisson_gaussian", "read": [0, 1]}, r"read is \[0, 1\]; .* begin above 0"),
        ({"kind": "poisson_gaussian", "read": -1}, "read is -1; .* at least 0"),
        ({"kind": "jpeg", "quality": [30, 101]}, r"quality is \[30, 101\]; .* from 1 to 100"),
        ({"kind": "jpeg", "quality": [1, 2, 3]}, r"quality is \[1, 2, 3\]"),
    ],
)
def test_what_is_wrong_in_a_specification_is_named(spec: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_degradation(spec)


@pytest.mark.parametrize("spec", ["round8", [], ["area", "bicubic"], ["real_esrgan", "area"]])
def test_exactly_one_step_must_reduce(spec: Any) -> None:
    with pytest.raises(ValueError, match="exactly one must"):
        parse_degradation(spec)


@pytest.mark.parametrize("spec", ["bicubic", "area", "real_esrgan"])
def test_sizes_must_be_multiples_of_the_scale(spec: str) -> None:
    with pytest.raises(ValueError, match="48 × 63 is not a multiple of 4"):
        parse_degradation(spec)(picture(3, 48, 63), seeded(), 4)
