"""The tables as the application sees them, against those that the migrations make."""

from sqlalchemy import inspect

from src.models.base import Base
from src.utils.database import PROBE, open_engine
from tests.backend.support import Api, settings


def test_the_models_are_the_tables_that_the_migrations_make(api: Api) -> None:
    engine = open_engine(settings(api.url).database, PROBE)
    with engine.connect() as connection:
        found = inspect(connection)
        there = {
            table: {(column["name"], column["nullable"]) for column in found.get_columns(table)}
            for table in ("users", "decks", "cards_cache")
        }
    assert there == {
        table.name: {(column.name, column.nullable) for column in table.columns}
        for table in Base.metadata.sorted_tables
    }
