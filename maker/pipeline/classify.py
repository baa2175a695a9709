"""Which path a request takes: by rules where the request itself says so, else by the preprocessor."""

import re

from maker.chat.types import ChatRequest
from maker.errors import ModelError, RequestError
from maker.pipeline import prompts
from maker.pipeline.events import KindDecided
from maker.pipeline.purpose import has_own_form, purpose
from maker.pipeline.replies import KindReply
from maker.pipeline.values import Kind
from maker.pipeline.work import Work

CODE_WORDS = re.compile(
    r"\b(write|implement|create|add|build|code|fix|refactor|rewrite|port|convert|generate)\b.*"
    r"\b(function|class|method|script|program|module|test|api|endpoint|code|bug|parser|query|regex|component)\b",
    re.IGNORECASE | re.DOTALL,
)


def by_rules(request: ChatRequest) -> Kind | None:
    """The kind, where no model is needed to tell."""
    if purpose(request) is not None:
        return "utility"
    if request.tools:
        return "agent"
    sampling, last = request.sampling, request.messages[-1]
    if last.get("role") != "user" or has_own_form(request):
        return "question"
    if sampling.n > 1 or sampling.logprobs or sampling.stop or request.response_format:
        return "question"  # what the client asks of the reply's form only a model's own reply can keep
    return None


def by_words(request: ChatRequest) -> Kind:
    """A guess for when the preprocessor cannot be asked."""
    return "code" if CODE_WORDS.search(prompts.text_of(request.messages)) else "question"


async def classify(work: Work) -> Kind:
    """The kind of the run's request; a preprocessor that cannot be asked costs only accuracy."""
    request = work.task.request
    kind, by = work.task.kind or by_rules(request), "rules"
    if kind is None:
        async with work.stage("classify"):
            try:
                reply = await work.reply("preprocessor", work.prompt("classify"), KindReply, stage="classify")
                kind, by = reply.kind, "preprocessor"
            except (ModelError, RequestError) as error:
                kind, by = by_words(request), "words"
                await work.note(f"the kind of request was guessed from its words: {error}")
    await work.emit(KindDecided(kind, by))
    return kind
