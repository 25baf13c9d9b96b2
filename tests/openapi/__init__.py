"""Runs schemathesis against a real API process and the whole OpenAPI document."""
