"""The texts that Flower shows beside a task."""

import pytest

from app.broker.doorbells import LABELS_SHOWN, first_labels
from app.capture.snapshot import NAME_SHOWN, change_label


def test_a_label_names_the_resource_and_the_change() -> None:
    assert change_label("deployment", "nightly", "updated", 6) == "deployment:nightly updated r6"
    assert change_label("deployment", "nightly", "updated", 6, owner="etl") == "etl/nightly updated r6"
    assert change_label("work-queue", "default", "paused", 2, owner="pool") == "work-queue:pool/default paused r2"


@pytest.mark.parametrize("character", ["\n", "\x1b", "\x7f", "\u202e", "\u2028", "\x85", "\ud800"])
def test_control_characters_in_names_are_replaced(character: str) -> None:
    label = change_label("deployment", f"a{character}b", "updated", 6, owner=f"c{character}d")

    assert label == "c?d/a?b updated r6"


def test_long_names_are_shortened_in_a_label() -> None:
    label = change_label("deployment", "n" * 500, "updated", 6, owner="o" * 500)

    assert len(label) == 2 * NAME_SHOWN + len("/ updated r6")
    assert label.endswith("n… updated r6")


@pytest.mark.parametrize(
    ("count", "more"), [(LABELS_SHOWN, ""), (LABELS_SHOWN + 1, ", and 1 more"), (500, ", and 495 more")]
)
def test_a_list_of_labels_is_short_and_counts_the_omitted_ones(count: int, more: str) -> None:
    labels = [f"number {number}" for number in range(count)]

    assert first_labels(labels, count) == ", ".join(labels[:LABELS_SHOWN]) + more
