"""A server that look-ups ask: it knows everybody, and takes its time."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Enrichment(BaseHTTPRequestHandler):
    """Says after three seconds what it knows of anybody."""

    def do_GET(self) -> None:
        time.sleep(3)
        body = json.dumps({"score": 77, "zip": "90210"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


def start_enrichment() -> int:
    """A server on loopback for as long as this process lives; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Enrichment)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])
