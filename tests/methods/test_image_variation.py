"""Copies of images: moves with a known result, and limits that hold."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from modelyard.methods import image_variation
from modelyard.methods.image_variation import Limits, Pixels

NOISE = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)


def test_nothing_asked_is_nothing_changed() -> None:
    np.testing.assert_array_equal(image_variation.move(NOISE), NOISE)
    np.testing.assert_array_equal(image_variation.colour(NOISE, 1, 1, 1), NOISE)
    still = Limits(flip="none", rotate=0, crop=0, colour=0)
    np.testing.assert_array_equal(image_variation.vary(NOISE, still, np.random.default_rng(0)), NOISE)


@pytest.mark.parametrize(("flips", "expected"), [((True, False), NOISE[::-1]), ((False, True), NOISE[:, ::-1])])
def test_flips_turn_the_order_of_rows_or_columns(flips: tuple[bool, bool], expected: Pixels) -> None:
    np.testing.assert_array_equal(image_variation.move(NOISE, flips=flips), expected)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_those_of_numpy(quarters: int) -> None:
    turned = image_variation.move(NOISE, degrees=90.0 * quarters)
    np.testing.assert_array_equal(turned, np.rot90(NOISE, quarters))


def test_a_small_turn_is_that_of_pillow() -> None:
    smooth = np.asarray(Image.fromarray(NOISE).resize((60, 60), Image.Resampling.BICUBIC))
    theirs = np.asarray(Image.fromarray(smooth).rotate(12, Image.Resampling.BILINEAR))
    ours = image_variation.move(smooth, degrees=12)
    inside = slice(15, 45)
    apart = np.abs(ours[inside, inside].astype(int) - theirs[inside, inside].astype(int))
    assert apart.mean() < 3
    other_way = np.asarray(Image.fromarray(smooth).rotate(-12, Image.Resampling.BILINEAR))[inside, inside]
    assert np.abs(ours[inside, inside].astype(int) - other_way.astype(int)).mean() > 20


def test_a_cut_keeps_the_middle_and_the_size() -> None:
    image = np.zeros((9, 9, 3), dtype=np.uint8)
    image[2:7, 2:7] = 200
    cut = image_variation.move(image, kept=0.5)
    assert cut.shape == image.shape
    np.testing.assert_array_equal(cut, np.full_like(image, 200))
    assert image_variation.move(image, kept=0.5, shift=(0.5, 0.5))[-1, -1, 0] == 0


def test_light_is_that_of_pillow() -> None:
    picture = Image.fromarray(NOISE)
    for factors, theirs in (
        ((0.7, 1, 1), ImageEnhance.Brightness(picture).enhance(0.7)),
        ((1, 1, 0.5), ImageEnhance.Color(picture).enhance(0.5)),
        ((1, 0.6, 1), ImageEnhance.Contrast(picture).enhance(0.6)),
    ):
        np.testing.assert_allclose(image_variation.colour(NOISE, *factors), np.asarray(theirs), atol=2)


def test_without_saturation_a_pixel_is_grey() -> None:
    grey = image_variation.colour(NOISE, 1, 1, 0)
    assert all(colorsys.rgb_to_hsv(*pixel)[1] == 0 for pixel in grey.reshape(-1, 3).tolist())


def test_the_source_of_chance_decides() -> None:
    first, again, other = (image_variation.vary(NOISE, Limits(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
