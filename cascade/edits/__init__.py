"""Edits of any shape that models write, read into changes, applied to files, and written as one unified diff."""
