"""Titles people know, and figures that are true."""

from pathlib import Path

import pytest

from maker.catalog import profiles
from maker.clients.offers import OWN_TOKENS, offers
from maker.config import MODES, Config, Home

HOME = Home(Path("/home/me/.maker"))


def config(**settings: object) -> Config:
    return Config(home=HOME, **settings)  # type: ignore[arg-type]


def test_the_full_profile_has_the_titles_people_know() -> None:
    titles = [offer.title for offer in offers(config(profile="full")).modes]
    assert titles == ["MakerCode - High (128GB RAM)", "MakerCode - Low (40GB RAM)"]


def test_other_profiles_have_their_planned_figures() -> None:
    settings = config(profile="tiny")
    high, low = (profiles.mode_figure(settings, mode).removeprefix("~") for mode in MODES)
    titles = [offer.title for offer in offers(settings).modes]
    assert titles == [f"MakerCode - High ({high})", f"MakerCode - Low ({low})"]


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_a_conversation_that_fits_the_client_fits_every_slot(profile: str) -> None:
    settings = config(profile=profile)
    plans = profiles.plan(settings)
    for offer in offers(settings).modes:
        assert offer.max_tokens < offer.context < min(plans[role].context for role in ("planner", "coder", "gpt-oss"))
        assert offer.max_tokens <= settings.mode("high").max_tokens
    completing = offers(settings).autocomplete
    assert completing is None or completing.context == plans["voter"].context


def test_makers_own_prompts_have_room_in_the_full_profiles_slots() -> None:
    for offer in offers(config(profile="full")).modes:
        assert offer.context == 16384 - OWN_TOKENS
        # Continue warns where less than a thousand tokens are left for the conversation.
        assert offer.context - offer.max_tokens >= 1000


def test_the_reviewers_slot_counts_in_high_mode_only() -> None:
    high, low = offers(config(profile="full", roles={"reviewer": {"context": 9216}})).modes
    assert (high.context, low.context) == (8192, 15360)


def test_ports_move_with_the_offset() -> None:
    offered = offers(config(profile="full", port_offset=100))
    assert offered.autocomplete is not None
    assert [offer.url for offer in offered.modes] == ["http://127.0.0.1:8180/v1", "http://127.0.0.1:8181/v1"]
    assert (offered.autocomplete.url, offered.mcp) == ("http://127.0.0.1:8181/v1", "http://127.0.0.1:9101/mcp")


def test_a_key_is_offered_only_where_the_server_asks_for_one() -> None:
    assert (offers(config()).key, offers(config()).bearer, offers(config()).some_key) == (None, {}, "maker-local")
    keyed = offers(config(server={"api_key": "0123456789"}))
    assert (keyed.some_key, keyed.bearer) == ("0123456789", {"Authorization": "Bearer 0123456789"})


@pytest.mark.parametrize("word", ["gpt", "o1", "o3", "o4", "claude", "llama", "qwen", "mistral", "codex", "instruct"])
def test_no_model_has_a_name_that_changes_how_clients_behave(word: str) -> None:
    offered = offers(config(profile="full"))
    assert offered.autocomplete is not None
    assert all(word not in offer.model for offer in (*offered.modes, offered.autocomplete))


@pytest.mark.parametrize(
    ("settings", "completes", "edits"),
    [
        ({"profile": "full"}, True, True),
        ({"profile": "tiny"}, False, False),
        ({"roles": {"planner": {"model": "mine.gguf"}}}, False, False),
        ({"roles": {"voter": {"model": "mine.gguf"}}}, True, False),
        ({"roles": {"coder": {"urls": ["http://a:1/v1"]}}}, True, True),
    ],
)
def test_only_what_a_model_may_be_able_to_do_is_offered(
    settings: dict[str, object], completes: bool, edits: bool
) -> None:
    offered = offers(config(**settings))
    assert (offered.autocomplete is not None, offered.edits) == (completes, edits)
