import json
import secrets
from datetime import timedelta
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher
from sqlalchemy import delete, select, update

from src.models import User
from src.services.users import replace_hash
from src.utils.attempts import MOST_OF_NAME, WINDOW
from src.utils.security import utc_now
from tests.backend.support import CARDS, DEVELOPERS_PASSWORD, KEY, Api, Person

PASSWORD = "correct horse 🐎"


def registration(**values: Any) -> dict[str, Any]:
    name = secrets.token_hex(6)
    return {"username": name, "email": f"{name}@example.com", "password": PASSWORD} | values


def login(api: Api, username: str, password: str) -> Any:
    return api.client().post("/api/login", json={"username": username, "password": password})


def test_somebody_registers_signs_in_and_is_known(api: Api) -> None:
    asked = registration(username=f"Äna 🃏 {secrets.token_hex(4)}")
    made = api.client().post("/api/users", json=asked)
    assert made.status_code == 201
    assert (made.json()["username"], made.json()["email"]) == (asked["username"], asked["email"])
    assert "password" not in made.text
    signed_in = login(api, asked["username"], PASSWORD)
    assert (signed_in.status_code, signed_in.json()["token_type"], signed_in.json()["expires_in"]) == (
        200,
        "bearer",
        1800,
    )
    me = api.client(Authorization=f"Bearer {signed_in.json()['access_token']}").get("/api/users/me")
    assert me.json() == made.json()


def test_a_password_is_stored_with_argon2id(api: Api) -> None:
    asked = registration()
    user_id = api.client().post("/api/users", json=asked).json()["id"]
    stored = _hash(api, user_id)
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


@pytest.mark.parametrize("name", ["trainer", "challenger", "TRAINER"])
def test_the_users_of_the_seeds_sign_in(api: Api, name: str) -> None:
    assert login(api, name, DEVELOPERS_PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("field", "detail"),
    [("username", "That user name is taken."), ("email", "There is a user with that address already.")],
)
def test_names_and_addresses_are_taken_once_in_any_case(api: Api, field: str, detail: str) -> None:
    first = registration()
    assert api.client().post("/api/users", json=first).status_code == 201
    again = api.client().post("/api/users", json=registration(**{field: first[field].upper()}))
    assert (again.status_code, again.json()["detail"]) == (409, detail)


@pytest.mark.parametrize(
    "values",
    [
        {"username": ""},
        {"username": " \t"},
        {"username": "x" * 51},
        {"username": "a\0b"},
        {"username": "\ud800"},
        {"username": "\u200b"},
        {"username": 7},
        {"email": "nowhere"},
        {"email": "a@"},
        {"email": "a b@example.com"},
        {"email": f"{'a' * 64}@{'b' * 250}.com"},
        {"email": "a@b\u0007.com"},
        {"password": "seven c"},
        {"password": "x" * 129},
        {"password": "\udfff" * 9},
        {"admin": True},
    ],
)
def test_registrations_that_cannot_be_are_refused(api: Api, values: dict[str, Any]) -> None:
    body = json.dumps(registration(**values))
    response = api.client().post("/api/users", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["detail"] == "The request is not valid."
    assert all(problem["field"].startswith("body") for problem in response.json()["problems"])
    assert PASSWORD not in response.text


def test_the_longest_that_may_be_is_stored(api: Api) -> None:
    asked = registration(username=f"{secrets.token_hex(4)}{'🃏' * 42}", password="x" * 128)
    asked["email"] = f"{secrets.token_hex(32)}@{'e' * 185}.com"
    assert len(asked["email"]) == 254
    assert api.client().post("/api/users", json=asked).status_code == 201


@pytest.mark.parametrize(("name", "password"), [("trainer", "wrong password"), ("nobody at all", DEVELOPERS_PASSWORD)])
def test_a_wrong_password_and_a_wrong_name_get_the_same_answer(api: Api, name: str, password: str) -> None:
    response = login(api, name, password)
    assert (response.status_code, response.json()["detail"]) == (401, "The name or the password is wrong.")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_name_that_fails_too_often_has_to_wait_even_with_the_right_password(api: Api) -> None:
    asked = registration()
    assert api.client().post("/api/users", json=asked).status_code == 201
    statuses = [login(api, asked["username"], "wrong password").status_code for _ in range(MOST_OF_NAME)]
    assert statuses == [401] * MOST_OF_NAME
    refused = login(api, asked["username"].upper(), PASSWORD)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= WINDOW
    other = registration()
    assert api.client().post("/api/users", json=other).status_code == 201
    assert login(api, other["username"], PASSWORD).status_code == 200


def test_a_hash_with_other_parameters_is_made_anew_by_a_login(api: Api) -> None:
    person = api.person()
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with api.context.database.transaction() as session:
        session.execute(update(User).where(User.id == person.id).values(password_hash=old))
    assert login(api, person.username, "wrong password").status_code == 401
    assert _hash(api, person.id) == old
    signed_in = login(api, person.username, PASSWORD)
    assert _hash(api, person.id).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    again = login(api, person.username, PASSWORD)
    for answered in (signed_in, again):
        assert api.client(Authorization=f"Bearer {answered.json()['access_token']}").get("/api/decks").is_success


def test_a_hash_is_not_made_anew_where_another_came_first(api: Api) -> None:
    person = api.person()
    with api.context.database.transaction() as session:
        assert not replace_hash(session, person.id, "another", "new")
        assert replace_hash(session, person.id, "none", "new")
    assert _hash(api, person.id) == "new"


def test_a_hash_that_is_none_lets_nobody_in(api: Api) -> None:
    assert login(api, api.person().username, "none").status_code == 401


def test_without_a_token_one_is_asked_to_sign_in(api: Api) -> None:
    response = api.client().get("/api/users/me")
    assert (response.status_code, response.json()["detail"]) == (401, "Sign in first.")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def _claims(**values: Any) -> dict[str, Any]:
    now = utc_now()
    return {"sub": "1", "seal": "0" * 32, "aud": "deck-builder", "iat": now, "exp": now + timedelta(minutes=5)} | values


@pytest.mark.parametrize(
    "token",
    [
        "not.a.token",
        jwt.encode(_claims(), "another key that is long enough to sign with", "HS256"),
        jwt.encode(_claims(aud="another application"), KEY, "HS256"),
        jwt.encode(_claims(exp=utc_now() - timedelta(seconds=1)), KEY, "HS256"),
        jwt.encode({name: value for name, value in _claims().items() if name != "exp"}, KEY, "HS256"),
        jwt.encode(_claims(sub="somebody"), KEY, "HS256"),
        jwt.encode(_claims(), "", "none"),
        jwt.encode(_claims(), KEY * 2, "HS512"),
        jwt.encode(_claims(sub="2147483646"), KEY, "HS256"),
        jwt.encode(_claims(sub="9" * 30), KEY, "HS256"),
        jwt.encode(_claims(), KEY, "HS256"),
        jwt.encode(_claims(seal="é" * 32), KEY, "HS256"),
        jwt.encode({name: value for name, value in _claims().items() if name != "seal"}, KEY, "HS256"),
    ],
    ids=[
        "no token",
        "key",
        "audience",
        "over",
        "endless",
        "subject",
        "unsigned",
        "method",
        "gone",
        "huge",
        "seal",
        "letters",
        "sealless",
    ],
)
def test_a_token_that_is_not_good_is_refused(api: Api, token: str) -> None:
    assert api.client(Authorization=f"Bearer {token}").get("/api/users/me").status_code == 401


def test_a_user_who_is_gone_is_signed_out(person: Person, api: Api) -> None:
    with api.context.database.transaction() as session:
        session.execute(delete(User).where(User.id == person.id))
    assert person.http.get("/api/users/me").status_code == 401
    assert person.http.get("/api/decks").status_code == 401
    assert person.make_deck().status_code == 401


def test_a_token_is_of_no_use_to_another_who_gets_the_same_id(api: Api) -> None:
    """As after a restore: the database knows nothing of who came after the backup, and gives their ids again."""
    client = api.client()
    first = registration()
    user_id = client.post("/api/users", json=first).json()["id"]
    token = login(api, first["username"], PASSWORD).json()["access_token"]
    old = api.client(Authorization=f"Bearer {token}")
    assert old.get("/api/decks").json() == []
    second = registration()
    with api.context.database.transaction() as session:
        session.execute(delete(User).where(User.id == user_id))
        new_hash = api.context.passwords.hash(PASSWORD)
        names = {name: second[name] for name in ("username", "email")}
        session.add(User(id=user_id, password_hash=new_hash, created_at=utc_now(), updated_at=utc_now(), **names))
    assert login(api, second["username"], PASSWORD).status_code == 200
    body = {"name": "Stolen", "cards": CARDS, "evolution_slots": []}
    for refused in (
        old.get("/api/users/me"),
        old.get("/api/decks"),
        old.get("/api/decks/1"),
        old.post("/api/decks", json=body),
        old.put("/api/decks/1", json=body),
        old.delete("/api/decks/1"),
    ):
        assert refused.status_code == 401
        assert "sign in again" in refused.json()["detail"]


def test_a_new_password_ends_the_tokens_of_the_old_one(api: Api) -> None:
    asked = registration()
    user_id = api.client().post("/api/users", json=asked).json()["id"]
    client = api.client(Authorization=f"Bearer {login(api, asked['username'], PASSWORD).json()['access_token']}")
    assert client.get("/api/users/me").status_code == 200
    new = api.context.passwords.hash("another password")
    with api.context.database.transaction() as session:
        session.execute(update(User).where(User.id == user_id).values(password_hash=new))
    assert client.get("/api/users/me").status_code == 401


def _hash(api: Api, user_id: int) -> str:
    with api.context.database.transaction(write=False) as session:
        return session.scalars(select(User.password_hash).where(User.id == user_id)).one()
