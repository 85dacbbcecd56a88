"""The settings of the search for personal data."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from app.settings_environment import text_of


def parts(value: object) -> object:
    """`a, "b"` -> `["a", "b"]`."""
    if isinstance(value, str):
        return [text for part in value.split(",") if (text := text_of(part))]
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(parts)]
PII_KEYS = (
    "name", "first_name", "last_name", "middle_name", "full_name", "display_name", "username",
    "user_name", "email", "user_email", "email_address", "phone", "phone_number", "mobile",
    "address", "street", "street_address", "postal_code", "zip_code", "date_of_birth", "birthday",
    "dob", "ssn", "passport", "tax_id", "national_id", "drivers_license", "iban", "card_number",
    "credit_card", "cvv", "ip", "ip_address", "password", "passwd", "secret", "token",
    "access_token", "refresh_token", "api_key", "private_key", "authorization", "cookie",
)  # fmt: skip


class PiiSettings(BaseSettings):
    """A part of `app.settings.Settings`."""

    pii_mode: Literal["redact", "reject", "off"] = Field(
        default="redact",
        description="Personal data in an event: taken out, refused, or kept.",
    )
    pii_keys: Names = Field(
        default=PII_KEYS,
        description="Metadata keys and URL parameters whose values are redacted if they have the "
        "expected format, separated by commas; `firstName` and `first-name` are `first_name`. "
        "Values of keys that you add are redacted in any format.",
    )
