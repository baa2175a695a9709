"""A machine that does not exist, and what maker would write there."""

from pathlib import Path

from maker.clients import continue_dev
from maker.clients.catalog import CLIENTS
from maker.clients.entry import Target
from maker.clients.offers import Offers, offers
from maker.clients.places import Places
from maker.config import Config, Home, Surroundings

REPOSITORY = Path(__file__).parents[2]
PLACES = Places(Surroundings("linux", Path("/home/me"), {}), exists=lambda path: False)


def templates(name: str) -> str:
    return (REPOSITORY / "etc" / "continue" / name).read_text(encoding="utf-8")


def offered(**settings: object) -> Offers:
    return offers(Config(home=Home(Path("/home/me/.maker")), **settings))  # type: ignore[arg-type]


def targets(client: str, file: str | None = None, **settings: object) -> list[Target]:
    if file is not None:
        return [continue_dev.target(PLACES.continue_folder / file, offered(**settings), templates)]
    return CLIENTS[client].targets(PLACES, offered(**settings), templates)
