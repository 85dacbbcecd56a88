"""A language model, through pydantic-ai: asked with a context, and believed so far as claims hold.

The client is imported when a model is configured, and not before: it takes memory. A model has no
tools, sees one user's lines alone, and answers in a fixed shape; what it says is examined, and it
is asked once more where nothing of it holds.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from app.database.slots import Slots
from app.errors import Overloaded, ShareExceeded
from app.insights.generation.grounding import Examination
from app.settings import Settings

if TYPE_CHECKING:
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.models import Model

S = TypeVar("S")
A = TypeVar("A")

RETRIES = 1
FAULTS_TOLD_MAX = 10

logger = logging.getLogger("activity_events")


class ModelUnavailable(RuntimeError):
    """The model that is configured can't be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Task(Generic[S, A]):
    """A task for a model: the shape `said` of its response; `examine` turns it into a result and
    its faults."""

    said: type[S]
    instructions: str
    prompt: str
    examine: Callable[[S], tuple[A, Examination]]


@dataclass(frozen=True, slots=True)
class Generated(Generic[A]):
    """The result of a generation: None, with the reason, if it failed. `rejected` counts claims
    that were not accepted."""

    answer: A | None
    rejected: int = 0
    failure: str | None = None


class Generator:
    """One model, and how much it may take. At most `llm_concurrency` generations run at one time,
    of one caller its share of them; a few more wait, within their time."""

    def __init__(self, model: "Model", name: str, settings: Settings) -> None:
        self.name = name
        self._model = model
        self._timeout_seconds = settings.llm_timeout_seconds
        self._model_settings: Any = {
            "max_tokens": settings.llm_max_tokens,
            "timeout": settings.llm_timeout_seconds,
            "max_retries": RETRIES,
            "openai_store": False,  # what users did is not to be kept elsewhere
        }
        self._slots = Slots(
            "generations",
            "generations",
            settings.llm_concurrency,
            wait_seconds=settings.llm_timeout_seconds,
        )
        self._caller: str | None = None
        self._agents: dict[type, Agent[Task[Any, Any], Any]] = {}

    def of(self, caller: str | None) -> "Generator":
        """The same for one caller, within its share; None has none (local mode)."""
        shared = copy(self)
        shared._caller = caller
        return shared

    def open(self) -> AbstractAsyncContextManager[object]:
        """Hold the connections to the model, and close them at the end."""
        return self._model

    async def generate(self, task: Task[S, A]) -> Generated[A]:
        """Ask the model; whatever goes wrong with that, it is said and not raised."""
        try:
            async with asyncio.timeout(self._timeout_seconds), self._slots.hold(self._caller):
                said = await self._run(task)
        except Exception as error:  # noqa: BLE001 (a provider's answer may break a client anywhere)
            failure = self._failure(error)
            logger.warning("%s: %s (%s)", self.name, failure, type(error).__name__)
            return Generated(None, failure=failure)
        answer, found = task.examine(said)
        return Generated(answer, rejected=len(found.faults))

    async def _run(self, task: Task[S, A]) -> S:
        from pydantic_ai.usage import UsageLimits

        result = await self._agent(task.said).run(
            task.prompt,
            deps=task,
            instructions=task.instructions,
            usage_limits=UsageLimits(request_limit=1 + RETRIES),
        )
        said: S = result.output
        return said

    def _agent(self, said: type) -> "Agent[Task[Any, Any], Any]":
        from pydantic_ai import Agent

        if said not in self._agents:
            self._agents[said] = agent = Agent(
                self._model,
                output_type=said,
                deps_type=Task[Any, Any],
                retries=RETRIES,
                model_settings=self._model_settings,
            )
            agent.output_validator(_something_holds)
        return self._agents[said]

    def _failure(self, error: Exception) -> str:
        """Describe a failure, without the provider's own message, which may repeat the prompt."""
        from pydantic_ai import exceptions

        match error:
            case TimeoutError() | exceptions.ModelTimeoutError():
                return f"the model took longer than {self._timeout_seconds:g} seconds"
            case ShareExceeded() | Overloaded():
                return "the limit of concurrent generations is reached"
            case exceptions.ModelHTTPError():
                return f"the provider responded with status {error.status_code}"
            case exceptions.ModelAPIError():
                return "the provider could not be reached, or its response not understood"
            case exceptions.UnexpectedModelBehavior():
                return "the model's response was not supported by the log"
            case _:
                return "the model failed"


async def _something_holds(context: "RunContext[Task[Any, Any]]", said: Any) -> Any:
    """Ask again, with the reasons, where no claim holds."""
    from pydantic_ai import ModelRetry

    _, found = context.deps.examine(said)
    if not found.kept:
        reasons = "; ".join(found.faults[:FAULTS_TOLD_MAX]) or "there is no claim"
        raise ModelRetry(f"Nothing of this holds: {reasons}. Cite the lines by their numbers.")
    return said


def generator_of(settings: Settings) -> Generator | None:
    """The model of the settings; None where there is none.

    Raises:
        ModelUnavailable: it isn't known, its key is missing, or its client isn't installed.
    """
    if not settings.llm_model:
        return None
    place = f"ACTIVITY_LLM_MODEL={settings.llm_model}"
    try:
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model
    except ImportError:
        raise ModelUnavailable(
            f"{place} requires the extra `ai`, which is not installed; `make run` installs it."
        ) from None
    try:
        model = infer_model(_client_name(settings.llm_model))
    except ImportError as error:
        raise ModelUnavailable(
            f"{place}: the provider's client is not installed: {error}"
        ) from error
    except (UserError, ValueError) as error:
        said = str(error).split("\n")[0].split(". ")[0].split(" or pass ")[0].rstrip(".")
        raise ModelUnavailable(f"{place}: {said}.") from error
    return Generator(model, settings.llm_model, settings)


def _client_name(name: str) -> str:
    """A server of one's own that speaks OpenAI's protocol mostly speaks its Chat Completions."""
    provider, _, model = name.partition(":")
    own_server = provider == "openai" and os.environ.get("OPENAI_BASE_URL")
    return f"openai-chat:{model}" if own_server else name
