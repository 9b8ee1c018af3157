"""Where does the installed command `dunning` begin?"""

from app.cli.program import main

__all__ = ["main"]
