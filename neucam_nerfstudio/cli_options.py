"""Takes options that a configuration inherits but nothing of ours reads off the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, get_type_hints

import tyro

Config = TypeVar("Config", bound=type)


def without_options(*names: str) -> Callable[[Config], Config]:
    """Decorates a dataclass: its inherited fields of these names are no options, and not in the help.

    The fields stay, as nerfstudio's own code and the config.yml of earlier runs set them. Declaring each again would
    repeat nerfstudio's defaults; here only its annotation changes. To be written above `@dataclass`, which would take
    the annotations for new fields.

    Args:
        names: Fields of the dataclass's parents.
    """

    def hide(config: Config) -> Config:
        kinds = get_type_hints(config, include_extras=True)
        config.__annotations__ |= {name: tyro.conf.Suppress[kinds[name]] for name in names}
        return config

    return hide
