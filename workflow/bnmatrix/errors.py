"""The one exception for what a user can mend."""


class UserError(Exception):
    """Something that the user can mend: its message names the file, key or value, and what to do.

    The command line prints the message alone, without a traceback.
    """
