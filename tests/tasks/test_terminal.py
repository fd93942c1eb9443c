from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from deckinfra.core.secret import Secret
from deckinfra.tasks.terminal import Terminal, UnwritableError
from tests.tasks.support import FakeTerminal


class Closed(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def _terminal(**streams: io.StringIO) -> tuple[Terminal, io.StringIO, io.StringIO]:
    out, err = streams.get("stdout", io.StringIO()), streams.get("stderr", io.StringIO())
    return Terminal(streams.get("stdin", io.StringIO()), out, err), out, err


def test_results_and_everything_else_are_kept_apart() -> None:
    terminal, out, err = _terminal()
    terminal.lines(["one", "two"])
    terminal.say("beside")
    assert (out.getvalue(), err.getvalue()) == ("one\ntwo\n", "beside\n")


def test_no_secret_reaches_a_stream() -> None:
    terminal, out, err = _terminal()
    terminal.secrets = lambda: [Secret("hunter22")]
    terminal.line("password hunter22")
    terminal.table(["hunter22"], [["is hunter22"]])
    terminal.say("hunter22!")
    terminal.document({"a": ["hunter22", 4, {"b": "xhunter22x"}]})
    assert "hunter22" not in out.getvalue().replace("hunter22\nis •••\n", "", 1)
    assert err.getvalue() == "•••!\n"


def test_a_table_is_aligned_text_where_there_is_no_terminal() -> None:
    terminal, out, _ = _terminal()
    terminal.table(("name", "size"), [("a", "10 B"), ("long\nname", "9 B")], right=[1])
    assert out.getvalue() == "name       size\na          10 B\nlong name   9 B\n"


def test_a_table_is_drawn_on_a_terminal_and_brackets_stand_for_themselves() -> None:
    terminal, out, _ = _terminal(stdout=FakeTerminal())
    terminal.table(("name", "size"), [("[bold]x[/bold]", "1")], right=[1])
    assert "[bold]x[/bold]" in out.getvalue()
    assert "─" in out.getvalue()


def test_a_document_is_one_json_value_that_any_encoding_can_carry() -> None:
    terminal, out, _ = _terminal()
    terminal.document({"name": "Zürich 🂡"})
    assert json.loads(out.getvalue()) == {"name": "Zürich 🂡"}
    assert out.getvalue().isascii()


def test_what_the_encoding_lacks_is_escaped() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal = Terminal(io.StringIO(), stream, stream)
    terminal.line("Zürich \udcff")
    stream.flush()
    assert stream.buffer.getvalue() == b"Z\\xfcrich \\udcff\n"


def test_saying_something_never_fails() -> None:
    terminal, _, _ = _terminal(stderr=Closed())
    terminal.say("is anybody there?")


def test_a_process_without_streams_has_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", None)
    terminal = Terminal()
    terminal.line("unheard")
    assert terminal.is_interactive() is False


def test_an_answer_comes_without_white_space() -> None:
    terminal, _, err = _terminal(stdin=FakeTerminal(" yes \n"), stderr=FakeTerminal())
    assert terminal.is_interactive()
    assert terminal.ask("Sure?") == "yes"
    assert terminal.ask("And now?") == ""
    assert err.getvalue() == "Sure? And now? "


CONTROLS = "a\x1b]0;t\x07\x9b31m\r\x7f\udcffz"
SHOWN = r"a\x1b]0;t\x07\x9b31m\r\x7f\udcffz"


@pytest.mark.parametrize("stream", [io.StringIO, FakeTerminal])
def test_control_characters_and_what_is_not_text_are_shown_as_escapes(stream: type[io.StringIO]) -> None:
    terminal, out, err = _terminal(stdout=stream(), stderr=stream())
    terminal.line(CONTROLS)
    terminal.table(["name"], [[CONTROLS]])
    terminal.say(CONTROLS)
    terminal.ask(CONTROLS)
    assert (out.getvalue().count(SHOWN), err.getvalue()) == (2, f"{SHOWN}\n{SHOWN} ")


def test_line_ends_and_tabs_stay() -> None:
    terminal, out, _ = _terminal()
    terminal.line("a\tb\nc")
    assert out.getvalue() == "a\tb\nc\n"


def test_a_document_holds_control_characters_as_they_are() -> None:
    terminal, out, _ = _terminal()
    terminal.document({"name": CONTROLS})
    assert json.loads(out.getvalue()) == {"name": CONTROLS}
    assert "\x1b" not in out.getvalue()


def test_a_secret_with_control_characters_is_hidden() -> None:
    terminal, out, _ = _terminal()
    terminal.secrets = lambda: [Secret("hunter\x1b22")]
    terminal.line("is hunter\x1b22")
    assert out.getvalue() == "is •••\n"


def test_output_that_cannot_be_written_is_an_error_with_a_hint() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        terminal = Terminal(io.StringIO(), full, io.StringIO())
        terminal.line("x")
        with pytest.raises(UnwritableError, match="cannot be written: No space left on device") as caught:
            terminal.flush()
        assert "stays done" in caught.value.hint
        with pytest.raises(OSError, match="No space"):
            full.close()
