"""The machinery of the course: its commands, the checker, and the pages that are made from a lesson."""
