"""The model of the settings: when it is loaded, and what is said where it can't be."""

import subprocess
import sys

import pytest

from app.errors import ServeError
from app.insights.generation.llm import ModelUnavailable, generator_of
from app.server.serve import require_model
from app.settings import Settings
from tests.conftest import ROOT

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def test_without_a_model_there_is_no_generator() -> None:
    assert generator_of(Settings()) is None
    require_model(Settings())


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("openai:gpt-5", "OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("google:gemini-2.5-flash", "GOOGLE_API_KEY"),
        ("ollama:qwen3", "OLLAMA_BASE_URL"),
    ],
)
def test_a_model_without_its_key(model: str, variable: str) -> None:
    with pytest.raises(
        ServeError, match=rf"^ACTIVITY_LLM_MODEL={model}: Set the `{variable}`[^(]*\.$"
    ):
        require_model(Settings(llm_model=model))


def test_a_provider_that_is_not_known() -> None:
    with pytest.raises(ModelUnavailable, match="ACTIVITY_LLM_MODEL=acme:x: Unknown model: acme:x"):
        generator_of(Settings(llm_model="acme:x"))


def test_the_extra_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("pydantic_ai")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)
    with pytest.raises(ModelUnavailable, match="requires the extra `ai`, which"):
        generator_of(Settings(llm_model="openai:gpt-5"))


@pytest.mark.parametrize(
    ("model", "base_url", "client"),
    [
        ("openai:gpt-5", None, "OpenAIResponsesModel"),
        ("openai:gpt-5", "http://127.0.0.1:1/v1", "OpenAIChatModel"),
        ("openai-chat:gpt-5", None, "OpenAIChatModel"),
        ("openai-responses:gpt-5", "http://127.0.0.1:1/v1", "OpenAIResponsesModel"),
        ("anthropic:claude-sonnet-4-5", None, "AnthropicModel"),
        ("google:gemini-2.5-flash", None, "GoogleModel"),
    ],
)
def test_any_provider(
    monkeypatch: pytest.MonkeyPatch, model: str, base_url: str | None, client: str
) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, "a-key")
    monkeypatch.delenv("OPENAI_BASE_URL")
    if base_url:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    generator = generator_of(Settings(llm_model=model))
    assert generator is not None
    assert generator.name == model
    assert type(generator.open()).__name__ == client


def test_the_client_is_not_loaded_before_there_is_a_model() -> None:
    code = (
        "import sys, app.cli.main\n"
        "from app.insights.generation.llm import generator_of\n"
        "from app.settings import Settings\n"
        "assert generator_of(Settings()) is None\n"
        "print([name for name in ('pydantic_ai', 'openai', 'anthropic') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"
