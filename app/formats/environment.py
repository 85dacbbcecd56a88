"""The settings' variables, as shells, compose files and Kubernetes set them.

An empty variable is one that is not set, as `${X:-}` makes them. Whitespace around a value, and
quotes around all of it, are those of the file it came from (`docker run --env-file` keeps them). A
variable of ours by a name that is none is refused: what it was to set would silently stay unset.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping

from pydantic import model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

PREFIX = "ACTIVITY_"
# Those that something else of this repository reads.
ELSEWHERE = frozenset(
    {
        "ACTIVITY_URL",  # clients
        "ACTIVITY_KEY",
        "ACTIVITY_SCREENSHOTS",  # tests in a browser
    }
)
# What Kubernetes tells every container of a service that is called `activity` or `activity-...`.
SERVICE_LINK = re.compile(
    r"_SERVICE_HOST\Z|_SERVICE_PORT(?:_\w{1,63})?\Z|_PORT_\d{1,5}_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?\Z"
)
LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")


def text_of(value: str) -> str:
    """A value without what belongs to the file it came from."""
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def set_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are set to something, by their names in lower case."""
    texts = {
        name.lower(): text_of(value)
        for name, value in environment.items()
        if not _is_service_link(name, value)
    }
    return {name: text for name, text in texts.items() if text}


def unknown_variables(
    environment: Mapping[str, str], fields: Mapping[str, FieldInfo]
) -> dict[str, str | None]:
    """The variables with our prefix that nothing reads, each with the one that was meant."""
    known = {name for field, info in fields.items() for name in names_of(field, info)}
    unknown = [
        name
        for name, value in environment.items()
        if name.upper().startswith(PREFIX)
        and name.upper() not in known | ELSEWHERE
        and not _is_service_link(name, value)
    ]
    return {name: _nearest(name.upper(), known) for name in sorted(unknown)}


def require_known(environment: Mapping[str, str], fields: Mapping[str, FieldInfo]) -> None:
    """Raises: ValueError: a variable with our prefix is not a setting."""
    unknown = unknown_variables(environment, fields)
    if unknown:
        raise ValueError(
            "; ".join(
                f"{name} is not a setting"
                + (f"; did you mean {meant}?" if meant else ": unset it (docs/settings.md)")
                for name, meant in unknown.items()
            )
        )


def names_of(field: str, info: FieldInfo) -> list[str]:
    """The variables that set a field, the one that is documented first."""
    aliases = getattr(info.validation_alias, "choices", [f"{PREFIX}{field.upper()}"])
    return [str(alias) for alias in aliases]


def _nearest(name: str, known: Iterable[str]) -> str | None:
    matches = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    return matches[0] if matches else None


def _is_service_link(name: str, value: str) -> bool:
    if SERVICE_LINK.search(name) is not None:
        return True
    return name.endswith("_PORT") and LINK_VALUE.match(value) is not None


class Environment(EnvSettingsSource):
    """The process's variables."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(set_variables(os.environ))


class EnvironmentSettings(BaseSettings):
    """Sources of settings: arguments, then variables."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Ignore a `.env` in the working folder, which may belong to another application;
        `--env-file` names ours."""
        return init_settings, Environment(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _has_no_unknown_variable(cls, values: object) -> object:
        require_known(os.environ, cls.model_fields)
        return values
