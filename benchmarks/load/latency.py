"""How long the application waits for a read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import pymysql

from load.database import Server

_PAUSE: Final = 0.002
_STRIDE: Final = 7919


def slowest(server: Server, work: Callable[[], object]) -> float:
    """Give the 99th percentile of the seconds that a read of one deck takes during ``work``."""
    times: list[float] = []
    stop = threading.Event()
    ((least, most),) = server.rows("SELECT MIN(id), MAX(id) FROM decks")

    def read() -> None:
        url = server.url
        connection = pymysql.connect(
            host=url.host,
            port=url.port or 0,
            user=url.username,
            password=url.password.reveal() if url.password else "",
            database=url.database,
        )
        number = 0
        with connection, connection.cursor() as cursor:
            while not stop.is_set():
                number = (number + _STRIDE) % (most - least + 1)
                began = time.perf_counter()
                cursor.execute("SELECT * FROM decks WHERE id = %s", (least + number,))
                cursor.fetchall()
                times.append(time.perf_counter() - began)
                time.sleep(_PAUSE)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        work()
    finally:
        stop.set()
        reader.join()
    return sorted(times)[len(times) * 99 // 100]
