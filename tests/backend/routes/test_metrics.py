import re

from prometheus_client.parser import text_string_to_metric_families

from tests.backend.support import Api


def samples(api: Api) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    response = api.client().get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def requests(route: str, status: int) -> tuple[str, tuple[tuple[str, str], ...]]:
    return "http_requests_total", (("method", "GET"), ("route", route), ("status", str(status)))


def test_requests_are_counted_by_route_and_status(api: Api) -> None:
    before = samples(api)
    client = api.client()
    for card in (26000000, 26000001, 7):
        client.get(f"/api/cards/{card}")
    client.get("/nothing/at/all")
    after = samples(api)
    key = requests("/api/cards/{card_id}", 200)
    assert after[key] - before.get(key, 0) == 2
    key = requests("/api/cards/{card_id}", 404)
    assert after[key] - before.get(key, 0) == 1
    key = requests("unmatched", 404)
    assert after[key] - before.get(key, 0) == 1
    timed = ("http_request_duration_seconds_count", (("method", "GET"), ("route", "/api/cards/{card_id}")))
    assert after[timed] - before.get(timed, 0) == 3


def test_what_others_send_makes_no_new_labels(sqlite_api: Api) -> None:
    client = sqlite_api.client()
    for number in range(5):
        client.request(f"METHOD{number}", f"/made/up/{number}")
    text = client.get("/metrics").text
    assert not re.search("METHOD|made", text)


def test_the_pool_and_the_version_are_told(api: Api) -> None:
    found = samples(api)
    assert found["database_pool_size", ()] == 10
    assert found["database_pool_checked_out", ()] == 0
    assert [value for (name, _), value in found.items() if name == "app_info"] == [1]
