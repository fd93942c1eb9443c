"""Settings as values: groups by their type, where each value came from, and which are secret."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deckinfra.core.secret import Secret
from deckinfra.core.settings import Problem, Settings, SettingsGroup, Stage, Value, setting
from deckinfra.errors import ConfigurationError


class MailSettings(SettingsGroup):
    """Mail."""

    mail_host: str = setting("localhost", description="The mail server.", example="mail.example")
    mail_port: int = setting(25, ge=1, description="Its port.")
    mail_password: Secret | None = setting(None, description="Its password.", generate=lambda: "made-up-password")


class OtherSettings(SettingsGroup):
    """Other."""


def _settings() -> Settings:
    values = [
        Value("MAIL_HOST", "localhost", "default", secret=False),
        Value("MAIL_PASSWORD", "hunter22", ".secrets/local/MAIL_PASSWORD", secret=True),
        Value("MAIL_TOKEN", None, "default", secret=True),
    ]
    return Settings(Stage.TEST, {MailSettings: MailSettings(mail_host="mx")}, values)


def test_a_group_is_found_by_its_type() -> None:
    assert _settings().group(MailSettings).mail_host == "mx"


def test_a_group_that_nobody_registered_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        _settings().group(OtherSettings)


@pytest.mark.parametrize(
    ("problems", "told"),
    [
        (
            [Problem("MAIL_PORT", "is not a number")],
            "the settings of 'local' are not usable: MAIL_PORT is not a number",
        ),
        (
            [Problem("MAIL_PORT", "is not a number"), Problem("MAIL_HOST", "is empty")],
            "the settings of 'local' are not usable: 2 problems: MAIL_PORT is not a number; MAIL_HOST is empty",
        ),
    ],
)
def test_a_group_that_is_not_usable_says_why_when_it_is_asked_for(problems: list[Problem], told: str) -> None:
    settings = Settings(Stage.TEST, {OtherSettings: OtherSettings()}, [], "local", {MailSettings: problems})
    assert settings.group(OtherSettings) == OtherSettings()
    with pytest.raises(ConfigurationError) as caught:
        settings.group(MailSettings)
    assert caught.value.message == told
    assert "invoke env.check -e local" in caught.value.hint


def test_values_are_found_by_their_variable() -> None:
    settings = _settings()
    assert settings.stage is Stage.TEST
    assert settings.values["MAIL_HOST"].source == "default"


def test_secrets_are_those_that_have_a_value() -> None:
    assert _settings().secrets() == (Secret("hunter22"),)


def test_a_group_has_no_problems_unless_it_says_so() -> None:
    assert list(MailSettings().problems(Stage.PRODUCTION)) == []


@pytest.mark.parametrize("wrong", [{"mail_port": 0}, {"mail_port": "x"}, {"mail_hots": "mx"}])
def test_values_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MailSettings.model_validate(wrong)


def test_a_group_is_frozen() -> None:
    with pytest.raises(ValidationError):
        MailSettings().mail_port = 26


def test_what_a_setting_declares_is_kept_for_the_documents() -> None:
    field = MailSettings.model_fields["mail_host"]
    extra = field.json_schema_extra
    assert field.description == "The mail server."
    assert isinstance(extra, dict)
    assert extra["example"] == "mail.example"
    assert extra["generate"] is None
