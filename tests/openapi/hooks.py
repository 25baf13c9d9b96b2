"""Texts for the formats that JSON Schema does not know. schemathesis reads this file, and generates only these."""

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("cron", st.sampled_from(["0 3 * * *", "*/5 8-17 * * MON-FRI", "0 0 1,15 * *"]))
schemathesis.openapi.format("rrule", st.sampled_from(["FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;BYDAY=MO,WE"]))
schemathesis.openapi.format("timezone", st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles"]))
