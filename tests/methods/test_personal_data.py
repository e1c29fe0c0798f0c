"""Personal data are found, ordinary numbers are left, and masking is idempotent and linear."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.methods.personal_data import KINDS, is_card, is_chinese_id, mask

FOUND = {
    "call 08712300220 now": "call [PHONE] now",
    "apply 08452810075over18's": "apply [PHONE]over18's",
    "+44 20 7946 0958.": "[PHONE].",
    "+1 (202) 555-0143": "[PHONE]",
    "0049 30 901820": "[PHONE]",
    "(020) 7946 0958": "[PHONE]",
    "0844 861 85 85": "[PHONE]",
    "0171-1234567": "[PHONE]",
    "01.23.45.67.89": "[PHONE]",
    "(202) 555-0143": "[PHONE]",
    "1-202-555-0143": "[PHONE]",
    "010-62781234": "[PHONE]",
    "电话13812345678，邮箱abc.d@x.com。": "电话[PHONE]，邮箱[EMAIL]。",
    "13812345678,13912345678": "[PHONE],[PHONE]",
    "a.b+c@mail.example.co.uk!": "[EMAIL]!",
    "see http://a.com/x?y=1, or WWW.foo.co.uk.": "see [URL], or [URL].",
    "https://user@host.example/a@b.c": "[URL]",
    "4111 1111 1111 1111": "[CARD]",
    "4111-1111-1111-1111-020": "4111-1111-1111-1111-020",
    "4111 1111 1111 1111 020 79460958": "[CARD] [PHONE]",
    "378282246310005 or 3782 822463 10005": "[CARD] or [CARD]",
    "11010519491231002X": "[ID]",
    "身份证11010519491231002x。": "身份证[ID]。",
    "98765 43210, (11) 91234-5678, 400-820-8820": "[PHONE], [PHONE], [PHONE]",
    "电话：62781234 tel: 555 0143": "电话：[PHONE] tel: [PHONE]",
    "tel 0041 79 123 45 67, phone: 86 138 1234 5678": "tel [PHONE], phone: [PHONE]",
    "from 192.168.100.200:8080.": "from [IP]:8080.",
    "2001:db8:85a3::8a2e:370:7334, fe80::1": "[IP], [IP]",
    "IBAN DE89 3704 0044 0532 0130 00 BIC": "IBAN [IBAN] BIC",
    "GB29NWBK60161331926819.": "[IBAN].",
    "passport no. E12345678, 护照号码：G87654321": "passport no. [PASSPORT], 护照号码：[PASSPORT]",
    "travel document EA1234567, 证件号为H12345678": "travel document [PASSPORT], 证件号为[PASSPORT]",
    "held by E12345678 (passport), 123456789（护照）": "held by [PASSPORT] (passport), [PASSPORT]（护照）",
    "documents E12345678, 证书E12345678": "documents E12345678, 证书E12345678",
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10": (
        "[PASSPORT]\n[PASSPORT]"
    ),
    "L898902C37UTO7408122F1204159ZE184226B<<<<<10": "L898902C37UTO7408122F1204159ZE184226B<<<<<10",
    f"api_key = 'abcdEF1234567890xyzQ', ghp_{'a1' * 18}": "api_key = '[SECRET]', [SECRET]",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U": "[SECRET]",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----": "[SECRET]",
}
LEFT = [
    "3.14159265358",
    "2024-11-23 or 23.11.2024 or 11/23/2024",
    "01-02-2004 09:30",
    "£1,000,000.00, $12.50, ¥300",
    "1999-2004",
    "2001 2002 2003 2004",
    "192.168.100.200.1 or v1.2.3.4 or 127.0.0.1",
    "std::abc::def at 12:30:45",
    "E12345678",
    "token: placeholder-for-a-value",
    "DE89370400440532013001",
    "phone: 2024-11-23",
    "ISBN 978-3-16-148410-0",
    "£1500 to 87121, Rs.500000",
    "4111 1111 1111 1112",
    "110105194912310021",
    "110105194913310024",
    "order a13812345678",
    "name @ home, 5@6, @handle",
    "www., http://",
    "550e8400-e29b-41d4-a716-446655440000",
]


@pytest.mark.parametrize(("text", "masked"), FOUND.items())
def test_found(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("text", LEFT)
def test_left_alone(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize("number", ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117"])
def test_luhn_sees_every_single_wrong_digit(number: str) -> None:
    assert is_card(number)
    for place in range(len(number)):
        for digit in set("0123456789") - {number[place]}:
            assert not is_card(number[:place] + digit + number[place + 1 :])


def test_mod_11_2_sees_every_single_wrong_digit() -> None:
    number = "11010519491231002X"
    assert is_chinese_id(number)
    for place in range(17):
        for digit in set("0123456789") - {number[place]}:
            assert not is_chinese_id(number[:place] + digit + number[place + 1 :])


def test_only_the_kinds_that_were_asked_for() -> None:
    text = "08712300220 a@b.com http://x.com 4111111111111111 11010519491231002X"
    words = text.split()
    for place, kind in enumerate(["phone", "email", "url", "card", "id"]):
        assert mask(text, [kind]) == " ".join([*words[:place], f"[{kind.upper()}]", *words[place + 1 :]])  # type: ignore[list-item]
    assert mask(text, []) == text


NUMBERS = [
    "08712300220",
    "+44 20",
    "020",
    "7946 0958",
    "86",
    "13812345678",
    "4111 1111 1111 1111",
    "11010519491231002X",
    "192.168.1.20",
    "2001:db8::1",
    "DE89370400440532013000",
    "passport ",
    "token: ",
    "abcdEF1234567890xyzQ",
]
PIECES = st.sampled_from([*NUMBERS, "a@b.com", "http://", "www.", "[PHONE]", "[SECRET]", *" -.,()1x[]/@電１+\n"])


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=14).map("".join), st.sets(st.sampled_from(KINDS)))
def test_masking_twice_changes_nothing(text: str, kinds: set[str]) -> None:
    once = mask(text, kinds)  # type: ignore[arg-type]
    assert mask(once, kinds) == once  # type: ignore[arg-type]


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_can_be_masked(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "a",
        "1 ",
        "www.,",
        "a@",
        "a.",
        "+1",
        "(",
        "0-",
        "a@a.",
        "http://",
        "+1 ( ",
        "4234 ",
        "012 ",
        "a-b.c_d%e+",
        "é@",
        "1:",
        "DE89 ",
        "token: a",
        "eyJa.eyJ-",
        "-----BEGIN PRIVATE KEY-----",
        "P<",
    ],
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.process_time()
        mask(text)
        return time.process_time() - start

    small = max(min(seconds(20_000) for _ in range(2)), 0.005)
    # Eight times the text: eight times the time if linear, 64 times if quadratic.
    assert seconds(160_000) < 24 * small
