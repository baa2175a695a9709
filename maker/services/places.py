"""Where the work of each service is done: in its own process, inside another one, or on a server elsewhere."""

from dataclasses import dataclass

from maker.catalog.profiles import RolePlan, plan
from maker.config import ROLES, Config, Target
from maker.services.spec import ServiceSpec, specs
from maker.services.stores import embedded


@dataclass(frozen=True, slots=True)
class Place:
    """One service and where its work is done."""

    spec: ServiceSpec
    embedded: str | None
    """Why it has no process of its own; None if it has one."""
    urls: tuple[str, ...] = ()
    """Servers elsewhere that do its work; any one of them is enough."""
    served_by: str | None = None
    """The service whose server it shares."""
    slots: int = 0
    """Requests its own model server works on at once."""


def places(config: Config) -> dict[str, Place]:
    """All services by name, in the order in which people read them.

    Raises:
        ConfigError: the profile or a role in maker.toml cannot be used.
    """
    roles = plan(config)
    found = {}
    for spec in specs(config):
        if spec.kind == "model":
            found[spec.name] = _role_place(spec, roles[spec.name])
        else:
            found[spec.name] = Place(spec, embedded(config, spec.name))
    return found


def _role_place(spec: ServiceSpec, role: RolePlan) -> Place:
    if role.own_server:
        return Place(spec, None, slots=role.slots)
    if role.served_by in ROLES:
        return Place(spec, f"shares the server of {role.served_by}", served_by=role.served_by)
    return Place(spec, f"runs elsewhere: {', '.join(role.urls)}", role.urls)


def processes(config: Config, target: Target | None) -> frozenset[str]:
    """The services that must have a process for the target."""
    return frozenset(
        name for name, place in places(config).items() if target in place.spec.targets and place.embedded is None
    )
