"""The health check of the backend's container: asks ``/health``, and ends with 0 if the answer is 200.

Nothing is installed for it, and it ends within four seconds, whatever the application does.
"""

from __future__ import annotations

import os
import signal
import sys
from http.client import HTTPConnection, HTTPException

LIMIT = 4


def main() -> int:
    """Ask once and say what came back, which ``docker inspect`` shows."""
    # The connection's own limit is for each read: an answer that trickles would never reach it.
    signal.alarm(LIMIT)
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("APP_PORT") or 8000), timeout=LIMIT)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        sys.stdout.write(f"{response.status} {response.read(2000).decode(errors='replace')}\n")
    except (OSError, HTTPException) as error:
        sys.stdout.write(f"no answer: {error}\n")
        return 1
    return 0 if response.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
