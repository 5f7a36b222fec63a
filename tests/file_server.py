"""A file server on loopback, with faults that tests switch on."""

import http.server
import re
import threading


class Server:
    """A file server with faults that tests switch on."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.cut_after: list[int] = []  # number of bytes after which transfers break off
        self.faults: list[tuple[int, dict[str, str]]] = []  # statuses and headers of answers
        self.resets = 0  # number of requests to which the server closes the connection
        self.content_type: str | None = None
        self.ranges = True
        self.requests: list[tuple[str, str, str | None]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.answer(body=False)

            def do_GET(self):
                self.answer(body=True)

            def answer(self, body):
                wanted = self.headers.get("Range")
                server.requests.append((self.command, self.path, wanted))
                if server.resets:
                    server.resets -= 1
                    self.close_connection = True
                    return
                if server.faults:
                    status, headers = server.faults.pop(0)
                    self.send_response(status)
                    for name, value in (headers | {"Content-Length": "0"}).items():
                        self.send_header(name, value)
                    self.end_headers()
                    return
                content = server.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                start = 0
                if wanted and server.ranges:
                    start = int(re.match(r"bytes=(\d+)-", wanted)[1])
                    self.send_response(206)
                    last = len(content) - 1
                    self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
                else:
                    self.send_response(200)
                if server.content_type:
                    self.send_header("Content-Type", server.content_type)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                if not body:
                    return
                rest = content[start:]
                if server.cut_after:
                    self.wfile.write(rest[: server.cut_after.pop(0)])
                    self.close_connection = True
                    return
                self.wfile.write(rest)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def gets(self, path):
        return [
            wanted for method, where, wanted in self.requests if (method, where) == ("GET", path)
        ]

    def close(self):
        self.http.shutdown()
        self.http.server_close()
