"""moto's server, one request at a time: its Kinesis loses records when two calls write to one shard together.

Usage: python locked-moto.py. Listens on a free port of loopback, and prints it as moto does.
"""

import signal
import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

application = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


def locked(environ, start_response):
    with lock:
        return list(application(environ, start_response))


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
# Threads, so that connections that are kept open do not wait for each other; the calls within them do.
run_simple("127.0.0.1", 0, locked, threaded=True, request_handler=MotoRequestHandler)
