"""What Docker and Compose say when they refuse, as errors that say what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deckinfra.errors import StackError
from deckinfra.settings.envfile import env_file_name

_AGAIN: Final = "then run it again."
_ANSWER: Final = re.compile(r"\A(?:Error response from daemon|failed to solve|Error): ")


@dataclass(frozen=True)
class _Fault:
    """A refusal that is known by ``pattern``. ``{0}`` in the texts stands for its first group.

    ``{name}`` is the environment's name, and ``{file}`` its env file: Compose would read production's by itself.
    """

    pattern: re.Pattern[str]
    message: str
    hint: str


def _fault(pattern: str, message: str, hint: str) -> _Fault:
    return _Fault(re.compile(pattern, re.IGNORECASE | re.MULTILINE), message, hint)


_PORT: Final = re.compile(
    r"(?:Bind for|listen tcp[46]?|bind host port(?: for)?) ((?:\d+\.){3}\d+|\[[0-9a-f:]*\]|):?(\d+)\b"
    r".*(?:already allocated|already in use)",
    re.IGNORECASE,
)

# The first that fits counts.
_FAULTS: Final[Sequence[_Fault]] = (
    _fault(
        r"permission denied.*(?:docker daemon socket|docker API)",
        "this user may not use Docker",
        f"Nothing was changed. Join the group 'docker' ('sudo usermod -aG docker $USER'), log in anew, {_AGAIN}",
    ),
    _fault(
        r"Cannot connect to the Docker daemon|server API version|failed to connect to the docker API",
        "Docker does not run, or not where it is looked for",
        f"Nothing was changed. Start Docker (see DOCKER_HOST and 'docker context ls', if it runs), {_AGAIN}",
    ),
    _fault(
        r"unable to resolve docker endpoint: (.*?)(?:: open|$)",
        "Docker's context is not usable: {0}",
        f"Nothing was changed. Choose another by 'docker context use' or DOCKER_CONTEXT, {_AGAIN}",
    ),
    _fault(
        r"'compose' is not a docker command|unknown (?:shorthand )?flag",
        "Docker has no Compose v2 here",
        "Nothing was changed. Install the plugin docker-compose-plugin (the program docker-compose is Compose v1, "
        f"which is not enough), {_AGAIN}",
    ),
    _fault(
        r"no space left on device",
        "the disk is full",
        "What runs goes on. Make room ('docker system df' says what Docker takes, 'docker builder prune' empties "
        f"its build cache), {_AGAIN}",
    ),
    _fault(
        r"No such image: ([^\s\")]+)",
        "there is no image {0} here",
        "What runs goes on. 'invoke stack.build -e {name}' builds it, if it is one of this project.",
    ),
    _fault(
        r"(\S+): failed to resolve source metadata for",
        "the image {0}, which another one is built from, is neither here nor can it be pulled",
        f"What runs goes on. Check its name, the network and 'docker login', {_AGAIN}",
    ),
    _fault(
        r"(?:pull access denied for|manifest for) ([^\s,]+)",
        "the image {0} is neither here nor in a registry that lets you have it",
        f"What runs goes on. Check its name and 'docker login', {_AGAIN}",
    ),
    _fault(
        r'Get "https?://([^/"]+)/v2/|registry (\S+).*(?:timeout|no such host)',
        "an image is not here, and the registry {0} cannot be reached",
        f"What runs goes on. Check the network, or load the image by 'docker load', {_AGAIN}",
    ),
    _fault(
        r"required variable (\S+) is missing a value",
        "the compose files need {0}, which has no value",
        f"Nothing was changed. Set it in the environment's env file, {_AGAIN}",
    ),
    _fault(
        r"open (\S.*?): no such file or directory",
        "there is no file {0}",
        "Nothing was changed. COMPOSE_FILES names the compose files, as seen from the project's folder.",
    ),
    _fault(
        r"bind source path does not exist: (.+)$",
        "a service needs {0}, which is not there",
        "What runs goes on. If it is a secret, 'invoke env.init -e {name}' makes it.",
    ),
    _fault(
        r"error while mounting volume '\S*?/volumes/([^/']+)/_data'.*: mount (.+?):/.*: no such file or directory",
        "the volume {0} is a name for {1}, which is not there",
        "What runs goes on. If this folder was moved from there: 'docker compose --env-file {file} down', then 'docker "
        f"volume rm {{0}}', which removes the name only, {_AGAIN}",
    ),
    _fault(
        r'unable to start container process: exec: "?([^":]+)"?: (.*?)(?:: unknown)?$',
        "a container cannot start: its command '{0}' is not usable ({1})",
        "What else runs goes on. Look at its entrypoint and command in the compose files.",
    ),
    _fault(
        r'service "?([\w.-]+)"? didn\'t complete successfully: exit (\d+)',
        "the service '{0}' ended with exit code {1}, and others wait for its work",
        "What was started goes on. 'invoke stack.logs -e {name} --service={0}' shows what it wrote.",
    ),
    _fault(
        r"dependency failed to start: container (\S+) (.*)",
        "the container {0}, which others wait for, {1}",
        "What was started goes on. 'invoke stack.logs -e {name}' shows what it wrote.",
    ),
    _fault(
        r"no such service: (\S+)",
        "there is no service '{0}' in the compose files",
        "Nothing was changed. COMPOSE_FILES names the compose files.",
    ),
    _fault(
        r"(did not complete successfully: exit code: \d+)",
        "a step of a build failed: {reason}",
        "What runs goes on with the image that it has. What the step wrote is above.",
    ),
)

INVALID: Final = "Nothing was changed. Mend them; COMPOSE_FILES names them, and 'docker compose config' checks them."
"""The hint for compose files that are refused for no reason that is known here."""


def explain(
    text: str, doing: str, environment: str, ports: Mapping[str, str] | None = None, hint: str = ""
) -> StackError:
    """Make the error for what Docker or Compose wrote.

    ``doing`` says what failed (``the stack could not be started``), for a reason that is not known here, and ``hint``
    what to do then. ``ports`` gives the settings that publish a port, by its number.
    """
    taken = _PORT.search(text)
    if taken is not None:
        return _taken(taken[1], taken[2], environment, ports or {})
    reason = reason_of(text)
    for fault in _FAULTS:
        found = fault.pattern.search(text)
        if found is not None:
            groups = [group or "" for group in found.groups()]
            message = fault.message.format(*groups, reason=reason, name=environment)
            file = env_file_name(environment)
            return StackError(message, hint=fault.hint.format(*groups, name=environment, file=file))
    usual = f"What was started goes on. 'invoke stack.ps -e {environment}' shows what runs."
    return StackError(f"{doing}: {reason}", hint=hint or usual)


def reason_of(text: str) -> str:
    """Give the last line that says something, which is where both put the reason."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _ANSWER.sub("", lines[-1]) if lines else "it did not say why"


def is_refusal(text: str) -> bool:
    """Whether the last line is Docker's or Compose's own, and not one of a command that they ran."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return False
    own = r"Error response from daemon: |service \"?\S+\"? didn't complete successfully|dependency failed to start: "
    return re.match(f"{own}|no such service: |Cannot connect to the Docker daemon", lines[-1]) is not None


def _taken(address: str, port: str, environment: str, ports: Mapping[str, str]) -> StackError:
    where = f" on {address}" if address and address not in {"0.0.0.0", "[::]", "::"} else ""  # noqa: S104 - compared
    name = ports.get(port)
    free = f"set {name} in .env.{environment} to a free one" if name else "publish another one in the compose files"
    return StackError(
        f"the port {port}{where} is taken by something else on this machine",
        hint=f"The service that wants it does not run now; others go on. Stop what uses the port ('ss -ltnp' shows "
        f"it), or {free}, {_AGAIN}",
    )
