"""The command line's parser."""

import argparse
import functools


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that tells a mistake in one line, with no usage in front of it. The line begins with the program:
    "python -m minivit train" and "minivit train" tell their mistakes as "minivit: ..."."""

    def error(self, message):
        program = self.prog.removeprefix("python -m ").partition(" ")[0]
        self.exit(2, f"{program}: {message}; see {self.prog} --help\n")

    def add_commands(self, **options):
        """Subparsers whose options must be written in full: --data must never pass for --data-dir."""
        whole_names = functools.partial(type(self), allow_abbrev=False)
        return self.add_subparsers(required=True, metavar="COMMAND", parser_class=whole_names, **options)
