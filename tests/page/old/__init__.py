"""The old one of Prefect's two web pages."""
