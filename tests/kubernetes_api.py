"""A stand-in for the API of Kubernetes on loopback: records requests, and lets each pod fail."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: loopback
contexts: [{{name: loopback, context: {{cluster: loopback, user: nobody}}}}]
clusters: [{{name: loopback, cluster: {{server: "{address}"}}}}]
users: [{{name: nobody, user: {{}}}}]
"""


class KubernetesApi:
    """The stand-in.

    Attributes:
        requests: method, path without query, and body of each request.
        log: the text of every pod's log.
    """

    def __init__(self, log: str):
        self.log = log
        self.requests: list[tuple[str, str, dict]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                address = urlsplit(self.path)
                api.requests.append((self.command, address.path, body))
                status, answer = api.answer(
                    self.command, address.path, parse_qs(address.query), body
                )
                text = answer if isinstance(answer, str) else json.dumps(answer)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_DELETE = _answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, method: str, path: str, query: dict, body: dict) -> tuple[int, dict | str]:
        """Return the status and the answer to a request, as Kubernetes would."""
        if method == "POST" and path.endswith("/jobs"):
            resources = body["spec"]["template"]["spec"]["containers"][0]["resources"]
            for name in resources["requests"]:
                if "/gpu" in name and name not in resources.get("limits", {}):
                    return 422, {"message": f"limit must be set for non overcommitable {name}"}
        if method == "GET" and path.endswith("/log"):
            if query.get("previous") in (["true"], ["True"]):
                return 400, {"message": "previous terminated container not found"}
            return 200, self.log
        if method == "GET" and path.endswith("/pods"):
            ended = {"terminated": {"exitCode": 1}}
            container = {"name": "snakemake", "state": ended, "ready": False, "image": "x"}
            container |= {"imageID": "x", "restartCount": 0}
            pod = {"metadata": {"name": "pod"}, "status": {"containerStatuses": [container]}}
            return 200, {"kind": "PodList", "items": [pod]}
        if method == "GET":
            return 200, {"kind": "Job", "status": {"failed": 1}}
        return 200, body

    def sent(self, method: str, ending: str) -> list[dict]:
        """Return the bodies of requests of a method to paths with an ending."""
        return [body for m, path, body in self.requests if m == method and path.endswith(ending)]

    def kubeconfig(self, folder: Path) -> Path:
        """Write the file that tells clients the address; return its path."""
        host, port = self._server.server_address[:2]
        path = folder / "kubeconfig"
        path.write_text(KUBECONFIG.format(address=f"http://{host}:{port}"), encoding="utf-8")
        return path

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
