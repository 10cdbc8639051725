"""What runs inside the sandbox: a fork server and its jobs, on the standard library alone.

Nothing here may import the rest of the library: the server holds no secret, knows no configuration, and loads
in a few milliseconds.
"""
