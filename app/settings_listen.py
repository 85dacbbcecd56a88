"""The part of the settings that says where to listen."""

import ipaddress

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings


class ListenSettings(BaseSettings):
    """A part of `app.settings.Settings`."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("PORT", "ACTIVITY_PORT"),
        description="Port to listen on; 0 takes any free one.",
    )

    @field_validator("host")
    @classmethod
    def _is_bare(cls, value: str) -> str:
        """An IPv6 address as it stands in URLs is understood, too."""
        bare = value.strip()
        return bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine reaches the service."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url_at(self, port: int) -> str:
        """Return a URL that opens on this machine: a wildcard address is none to connect to."""
        try:
            address = ipaddress.ip_address(self.host or "0.0.0.0")  # noqa: S104 (as bind has it)
        except ValueError:
            return f"http://{self.host}:{port}"
        if address.is_unspecified:
            return f"http://localhost:{port}"
        return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"
