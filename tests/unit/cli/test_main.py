"""What the command prints for an error that nobody expected."""

import pytest

from app.cli import main as command
from app.errors import Conflict


@pytest.mark.parametrize(
    "error",
    [RuntimeError("hunter2"), KeyError("hunter2"), RecursionError(), UnicodeDecodeError("utf-8", b"", 0, 1, "hunter2")],
)
def test_an_unexpected_error_is_one_line_without_its_text(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(command, "app", fail)
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: An unexpected {type(error).__name__} at ")
    assert "hunter2" not in printed
    assert len(printed.strip().splitlines()) == 1


def test_an_application_error_is_printed_as_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise Conflict("The name is taken.")

    monkeypatch.setattr(command, "app", fail)
    with pytest.raises(SystemExit):
        command.main()
    assert capsys.readouterr().err == "error: The name is taken.\n"
