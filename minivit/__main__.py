import sys

try:
    from .program.cli import main

    code = main()
except KeyboardInterrupt:  # while the modules were still being read
    print("minivit: stopped", file=sys.stderr)
    code = 130
sys.exit(code)
