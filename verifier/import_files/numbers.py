"""Converts telephone numbers, as people write them, to E.164. An ambiguous number is refused. It is never guessed."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import CountryCodeSource, NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult
from phonenumbers.phonemetadata import PhoneMetadata

REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
MAX_LENGTH = 40
# Replaces full-width characters, which Chinese input methods type, and the dashes and spaces of word processors.
_PLAIN = str.maketrans("０１２３４５６７８９＋－．（）\u2010\u2011\u2012\u2013\u00a0\u3000", "0123456789+-.()----  ")
_WRITTEN = re.compile(r"\(?\+?[0-9 .()-]*\Z")
_SCIENTIFIC = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+\Z")
_LENGTH = {
    ValidationResult.TOO_SHORT: "has too few digits",
    ValidationResult.TOO_LONG: "has too many digits",
    ValidationResult.INVALID_LENGTH: "has a length that numbers of its country do not have",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "has too few digits, or lacks its area code",
    ValidationResult.INVALID_COUNTRY_CODE: "has a country code that does not exist",
}


def e164(number: str, region: str) -> str:
    """The number in E.164. A number without a country code must be written as people dial it inside `region`.

    Raises ValueError. The message does not repeat the number.
    """
    written = number.translate(_PLAIN).strip(" ")
    _check_writing(written)
    digits = re.sub("[^0-9]", "", written)
    try:
        parsed = phonenumbers.parse("+" * ("+" in written) + digits, region, keep_raw_input=True)
    except NumberParseException as error:
        raise ValueError(_unreadable(error)) from error
    if not phonenumbers.is_valid_number(parsed):
        raise ValueError(_invalid(parsed, region))
    if not _conserved(digits, parsed):
        raise ValueError(
            f"is not written as it is dialled in {region}; write + and the country code, or the leading 0 it lacks"
        )
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def _check_writing(written: str) -> None:
    if len(written) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    if _SCIENTIFIC.match(written):
        raise ValueError("was rounded by a spreadsheet (E notation); make the column text there and export it again")
    if not _WRITTEN.match(written):
        raise ValueError(
            "has a character other than digits, spaces, hyphens, dots, parentheses and a leading + (no extensions)"
        )
    groups = written.split(".")
    if len(groups) == 2 or (len(groups) > 2 and len(groups[-1].strip()) < 2):
        raise ValueError("looks like a decimal number; write it without a dot")


def _conserved(digits: str, parsed: PhoneNumber) -> bool:
    """Whether the library phonenumbers has kept the digits of the number.

    It may remove only prefixes that are used in the country of the number. It must add nothing.
    """
    code = parsed.country_code or 0
    country, national = str(code), phonenumbers.national_significant_number(parsed)
    region = phonenumbers.region_code_for_country_code(code)
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    trunk = (metadata.national_prefix if metadata is not None else None) or ""
    if parsed.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_PLUS_SIGN:
        return digits in (country + national, country + trunk + national)
    if parsed.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return digits.endswith((country + national, country + trunk + national))
    dialled = re.sub("[^0-9]", "", phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL))
    return digits in (dialled, trunk + national)


def _unreadable(error: NumberParseException) -> str:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return "has a country code that does not exist"
    if error.error_type == NumberParseException.TOO_LONG:
        return "has too many digits"
    return "has too few digits"


def _invalid(parsed: PhoneNumber, region: str) -> str:
    result = phonenumbers.is_possible_number_with_reason(parsed)
    of_region = parsed.country_code_source == CountryCodeSource.FROM_DEFAULT_COUNTRY
    if not of_region:
        return _LENGTH.get(result, "is not a number of its country")
    wrong = _LENGTH.get(result, f"is not a number of {region}")
    return f"{wrong}; a number of a country other than {region} needs + and its country code"
