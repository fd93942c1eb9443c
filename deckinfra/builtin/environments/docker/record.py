"""What a stack was started from, kept: its compose configuration, its images, and how its containers are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.errors import DamagedError, StackError

_WHAT: Final = "the record of the stack"


@dataclass(frozen=True)
class Origin:
    """What the container of one service was made from: an image by its name and its id, and Compose's hash of the rest.

    Two containers of the same origin are the same to ``docker compose up``.
    """

    image: str
    image_id: str
    hash: str


@dataclass(frozen=True)
class Record:
    """A stack as it was started: ``configuration`` is JSON, resolved, with every ``$`` written twice.

    ``services`` has the services that had a container.
    """

    name: str
    configuration: str
    services: Mapping[str, Origin]

    def encode(self) -> bytes:
        """Write it as a document."""
        services = {name: asdict(origin) for name, origin in self.services.items()}
        configuration = json.loads(self.configuration)
        return encode({"name": self.name, "configuration": configuration, "services": services})

    @classmethod
    def decode(cls, data: bytes) -> Record:
        """Read what :meth:`encode` wrote; :class:`StackError` for anything else."""
        try:
            document = decode(data, _WHAT)
            configuration = field_of(document, "configuration", dict, _WHAT)
            services = field_of(document, "services", dict, _WHAT)
            found = {str(name): Origin(**origin) for name, origin in services.items()}
            return cls(field_of(document, "name", str, _WHAT), json.dumps(configuration), found)
        except (DamagedError, TypeError) as error:
            raise StackError(
                f"what the stack was started from cannot be read: {error}",
                hint="Nothing was changed. Start the stack from its files: 'invoke stack.up'.",
            ) from error

    def is_origin_of(self, containers: Mapping[str, Origin]) -> bool:
        """Whether ``containers``, those that there are now, were made from what this describes; at least one."""
        return bool(containers) and all(self.services.get(name) == origin for name, origin in containers.items())
