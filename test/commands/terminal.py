"""A terminal for a command: python3 terminal.py COMMAND ARG...
What the command shows goes to stdout. A line on stdin does something: `hangup` closes the terminal, `^C` types Ctrl-C,
`say X` types X and Enter.
At the end one line on stderr says how the command ended: `exit N` or `signal N`.
"""
import os, pty, select, sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
sources = [terminal, 0]
while terminal in sources:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        if source == terminal:
            if data:
                os.write(1, data)
            else:
                sources.remove(terminal)
        elif not data:
            sources.remove(0)
        elif b"hangup" in data:
            os.close(terminal)
            sources.remove(terminal)
        elif b"^C" in data:
            os.write(terminal, b"\x03")
        elif data.startswith(b"say "):
            os.write(terminal, data[4:])
status = os.waitpid(pid, 0)[1]
how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
os.write(2, how.encode())
