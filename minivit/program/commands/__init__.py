"""The commands, a file each: add(commands) says what its options are, run(arguments) what it does."""

from . import compare, data, evaluate, explain, info, predict, train

COMMANDS = (train, evaluate, predict, explain, compare, data, info)  # in the order of the help
