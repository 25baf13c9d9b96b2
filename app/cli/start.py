"""The entry point of `aftercommit`: loads the command, so that Ctrl-C ends it silently from the first moment.

Loading takes about a second, in which Python would answer Ctrl-C with a traceback.
"""

import importlib
import signal


def main() -> None:
    """Load and run the command."""
    usual = signal.getsignal(signal.SIGINT)
    # A shell may have started the command in the background, where Ctrl-C is ignored.
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    command = importlib.import_module("app.cli.main")
    signal.signal(signal.SIGINT, usual)
    command.main()
