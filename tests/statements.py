"""Counts the statements that an engine sends."""

from typing import Any

from sqlalchemy import Engine, event


class StatementCount:
    """Collects the text of each statement that is sent after its creation."""

    def __init__(self, engine: Engine) -> None:
        """Listen to the engine."""
        self.statements: list[str] = []
        event.listen(engine, "before_cursor_execute", self._seen)

    def _seen(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.statements.append(statement)

    def of(self, start: str) -> list[str]:
        """Return the statements that begin with `start`."""
        return [statement for statement in self.statements if statement.startswith(start)]
