"""The part of a Celery worker that receives messages. It sets aside those that are not ours."""

from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer

from app.telemetry import get_logger
from workers.messages import problem_with

logger = get_logger(__name__)


class Consumer(CeleryConsumer):
    """Celery's consumer, which acknowledges and logs a message that is not ours, and goes on."""

    set_aside = 0
    """The messages that this process has set aside."""

    def create_task_handler(self, *arguments: Any, **named: Any) -> Callable[[Any], Any]:
        """Return the function that is called with each message."""
        handle: Callable[[Any], Any] = super().create_task_handler(*arguments, **named)

        def handle_if_ours(message: Any) -> Any:
            problem = problem_with(message.headers, message.body, message.content_type, message.content_encoding)
            if problem is None:
                return handle(message)
            Consumer.set_aside += 1
            logger.warning("message_set_aside", reason=problem, set_aside_so_far=Consumer.set_aside)
            return message.reject_log_error(logger, self.connection_errors)

        return handle_if_ours
