"""The tables of the first migration, a module for each subject.

They are as that migration makes them, whatever becomes of `app.models` later.
"""
