"""The commands of the course, a file each.

HELP        one line for the list of all commands
arguments   arguments(parser) declares what a command takes beside `lesson`, if it takes more
run         does it: its arguments by name, its docstring what --help says; gives the exit code, or None where that is 0
"""

NAMES = (
    "list start check watch hint quiz demo solution reset skip progress notebook train export grade site verify doctor".split()
)
