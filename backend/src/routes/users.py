"""Accounts, and signing in.

Hashing takes memory and time, so it happens outside of transactions, a few at a time: a wave of logins
uses up neither the pool nor the memory, and is turned away rather than kept waiting.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request

from src.schemas.problem import problems
from src.schemas.user import Login, Registration, Token, UserOut
from src.services import users
from src.utils.context import IN_TURN, Context, InContext, SignedIn
from src.utils.errors import Unauthorized, Unavailable
from src.utils.faults import SOON
from src.utils.security import Holder, utc_now

router = APIRouter(prefix="/api", tags=["users"], responses=problems(503))


@router.post("/users", status_code=HTTPStatus.CREATED, responses=problems(400, 409, 413, 422))
async def register(context: InContext, registration: Registration) -> UserOut:
    """Make an account. Names and addresses are taken in upper and lower case at once."""
    hashed = await context.hashing.run(lambda: context.passwords.hash(registration.password))

    def add() -> UserOut:
        return context.database.run(
            lambda session: UserOut.model_validate(
                users.add_user(session, registration.username, registration.email, hashed, utc_now())
            )
        )

    return await context.turns.run(add)


@router.post("/login", responses=problems(400, 401, 413, 422, 429))
async def login(context: InContext, request: Request, login: Login) -> Token:
    """Sign in with name and password as JSON, and get a bearer token for a short time."""
    whose = (login.username, request.client.host if request.client else "")
    context.attempts.check(*whose)

    def find() -> tuple[int, str] | None:
        with context.database.transaction(write=False) as session:
            user = users.find_user(session, login.username)
            return None if user is None else (user.id, user.password_hash)

    found = await context.turns.run(find)
    user_id, stored = found or (0, None)

    def verify() -> bool:
        # Again, since those who came at the same time may have failed meanwhile.
        context.attempts.check(*whose)
        return context.passwords.verify(stored, login.password)

    good = await context.hashing.run(verify)
    if stored is None or not good:
        context.attempts.failed(*whose)
        raise Unauthorized("The name or the password is wrong.")
    context.attempts.succeeded(*whose)
    if context.passwords.is_outdated(stored):
        stored = await _hash_anew(context, user_id, stored, login.password)
    lifetime = int(context.tokens.lifetime.total_seconds())
    return Token(access_token=context.tokens.issue(Holder.of(user_id, stored), utc_now()), expires_in=lifetime)


@router.get("/users/me", responses=problems(401), dependencies=[IN_TURN])
def get_me(context: InContext, holder: SignedIn) -> UserOut:
    """Tell who is signed in."""
    with context.database.transaction(write=False) as session:
        return UserOut.model_validate(users.require_user(session, holder))


async def _hash_anew(context: Context, user_id: int, old: str, password: str) -> str:
    """Store a hash with today's parameters, and give it: only a login has the password to make one."""
    new = await context.hashing.run(lambda: context.passwords.hash(password))

    def store() -> bool:
        return context.database.run(lambda session: users.replace_hash(session, user_id, old, new))

    if not await context.turns.run(store):
        # Another login stored its own first, or the password is another now: a token for this one would be over.
        raise Unavailable("Another change of this account came first.", SOON)
    return new
