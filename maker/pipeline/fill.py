"""Which models can fill a gap in code: told by a probe of two tokens, not by the name or by markers in the vocabulary.

Many files have the markers and were never trained on them; such a model writes nonsense at every key stroke. The gap
of the probe can only be filled by one that reads what stands behind it. A server that does not know its model's markers
is asked whether those of a known family are single tokens; then the gap is rendered here.
"""

import asyncio
from collections.abc import Callable, Mapping

from maker.chat.fim import FAMILIES
from maker.chat.types import ChatRequest, Fill, Sampling
from maker.errors import ModelHTTPError, RequestError
from maker.models.model import Model, complete
from maker.pipeline.ready import unavailable

WORD = "zebra"
PROBE = Fill('animal = "', f'"\nassert animal == "{WORD}"\n')
PROBE_TOKENS = 2
ROLES = ("voter", "coder")
"""Who fills gaps: the small model, for which a slot is kept, before the large one."""


Way = Callable[[Fill], Fill]
"""How a model has to be asked."""


class FillSupport:
    """What the probes found; each model is probed once, by whoever needs it first."""

    def __init__(self) -> None:
        self._known: dict[str, Way | None] = {}
        self._turn = asyncio.Lock()

    @property
    def missing(self) -> str | None:
        """Why autocomplete is off, if it is known to be."""
        return str(_advice()) if self._known and not any(self._known.values()) else None

    def asked(self, model: Model, fill: Fill) -> Fill:
        """The gap as the model, which was chosen, has to be asked for it."""
        way = self._known.get(model.role)
        return way(fill) if way else fill

    async def choose(self, models: Mapping[str, Model]) -> Model:
        """The first model that is ready and fills gaps.

        Raises:
            RequestError: none of those that are ready was trained on it.
            ModelUnavailable: none is ready.
        """
        present = [models[role] for role in ROLES if role in models]
        states = await asyncio.gather(*(model.state() for model in present))
        ready = [model for model, state in zip(present, states, strict=True) if state == "ready"]
        if not ready:
            raise unavailable(ROLES[0])
        for model in ready:
            if await self._can(model):
                return model
        raise _advice()

    async def _can(self, model: Model) -> bool:
        async with self._turn:
            if model.role not in self._known:
                self._known[model.role] = await _way(model)
            return self._known[model.role] is not None


async def _way(model: Model) -> Way | None:
    """How the model fills gaps: by its server's markers, else by those of the family that it is of; None if not."""
    fills = await _fills(model, PROBE)
    if fills is not None:
        return _as_it_is if fills else None
    for family in FAMILIES:
        if not [marker for marker in family.markers if not await model.is_token(marker)]:
            return family.rendered if await _fills(model, family.rendered(PROBE)) else None
    return None


def _as_it_is(fill: Fill) -> Fill:
    return fill


async def _fills(model: Model, probe: Fill) -> bool | None:
    """Whether the model fills the gap of the probe; None where its server knows no markers."""
    request = ChatRequest(
        ({"role": "user", "content": PROBE.prefix},),
        sampling=Sampling(temperature=0.0, max_tokens=PROBE_TOKENS),
        fill=probe,
    )
    try:
        (completion,) = await complete(model, request)
    except RequestError:
        return False
    except ModelHTTPError as error:
        # 501: the server knows no markers of the file. 404: it has no `/infill`.
        if error.status in (404, 501):
            return None
        raise
    said = completion.text.strip()
    return len(said) > 1 and (WORD.startswith(said) or said.startswith(WORD))


def _advice() -> RequestError:
    """One sentence, always the same: editors show an error once for each text."""
    return RequestError(
        "autocomplete is off: no model here was trained to fill in the middle; give the voter one that was, such as "
        "Qwen2.5-Coder, as roles.voter.model in maker.toml, or turn autocomplete off in the editor",
        code="autocomplete_unsupported",
    )
