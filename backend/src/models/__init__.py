"""The tables as the application sees them. The schema itself is the migrations' alone; a test compares the two."""

from src.models.card import Card
from src.models.deck import Deck
from src.models.user import User

DUPLICATES = {
    "uq_users_username": "That user name is taken.",
    "users.username": "That user name is taken.",
    "uq_users_email": "There is a user with that address already.",
    "users.email": "There is a user with that address already.",
    "uq_decks_user_id_name": "You have a deck of that name already.",
    "decks.user_id, decks.name": "You have a deck of that name already.",
}
"""What to say of each unique key, by its name on a server and by its columns in SQLite."""

__all__ = ["DUPLICATES", "Card", "Deck", "User"]
