"""The tables of the first migration, one module for each subject.

They must not change when `app.models` changes later.
"""
