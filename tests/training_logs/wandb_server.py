"""As much of a W&B server as the client asks for: GraphQL, the stream of a run's files, uploads."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "0123456789" * 4


class Server:
    """Listens on a free port of this machine, as a context manager.

    Args:
        dies_at: name of the GraphQL operation, or `"file_stream"`, from which on the server is
            dead; None for never.
        silent: whether a dead server takes requests and never answers, or closes connections.

    Attributes:
        url: where it listens.
        run: what the client said of the run when it created it.
        history: rows that it has streamed.
        artifacts: what it said of artifacts.
        uploads: path -> content of uploaded files.
        operations: names of what was asked for.
    """

    def __init__(self, dies_at: str | None = None, silent: bool = False):
        self.dies_at, self.silent, self.dead = dies_at, silent, False
        self.run, self.history, self.artifacts, self.uploads, self.operations = {}, [], [], {}, []
        self._end = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path: str, body: bytes) -> dict | None:
        """What to answer a request with; None for nothing at all."""
        if path.endswith("/graphql"):
            asked = json.loads(body)
            # The client leaves the name of some operations to the text.
            name = asked["operationName"] or asked["query"].split("(")[0].split()[-1]
            return self._unless_dead(name, lambda: self._graphql(name, asked.get("variables", {})))
        if path.endswith("/file_stream"):
            return self._unless_dead("file_stream", lambda: self._stream(json.loads(body)))
        if path.startswith("/upload/"):
            self.uploads[path.removeprefix("/upload/")] = body
        return {}

    def _unless_dead(self, name, work):
        self.operations.append(name)
        self.dead = self.dead or name == self.dies_at
        if self.dead and self.silent:
            self._end.wait()
        return None if self.dead else work()

    def _stream(self, body: dict) -> dict:
        for name, chunk in body.get("files", {}).items():
            if name == "wandb-history.jsonl":
                self.history += [json.loads(line) for line in chunk["content"]]
        return {}

    def _graphql(self, name: str, variables: dict) -> dict:
        def file(name):
            return {"name": name, "uploadUrl": f"{self.url}/upload/{name}", "uploadHeaders": []}

        project = {"id": "p", "name": "keras_wx", "entity": {"id": "e", "name": "me"}}
        if name == "Viewer":
            return _data(viewer={"id": "u", "entity": "me", "username": "me", "flags": "{}"})
        if name == "UpsertBucket":
            self.run = {**variables, "config": json.loads(variables["config"] or "{}")}
            bucket = {"id": "r", "name": variables["name"], "project": project}
            return _data(upsertBucket={"bucket": bucket, "inserted": True})
        if name == "ArtifactType":
            return _data(project=None)
        if name == "CreateRunFiles":
            files = [file(name) for name in variables["files"]]
            return _data(createRunFiles={"runID": "r", "uploadHeaders": [], "files": files})
        if name == "CreateArtifact":
            self.artifacts.append(variables["input"])
            artifact = {"id": "a", "state": "PENDING", "artifactSequence": {"id": "s"}}
            return _data(createArtifact={"artifact": artifact})
        if name == "CreateArtifactManifest":
            manifest = {"id": "m", "file": {"id": "f", **file("manifest.json")}}
            return _data(createArtifactManifest={"artifactManifest": manifest})
        if name == "CreateArtifactFiles":
            nodes = [
                {**file(f["name"]), "storagePath": f["name"], "artifact": {"id": "a"}}
                for f in variables["input"]["artifactFiles"]
            ]
            return _data(createArtifactFiles={"files": {"edges": [{"node": n} for n in nodes]}})
        if name == "CommitArtifact":
            return _data(commitArtifact={"artifact": {"id": "a", "digest": "d"}})
        return _data()


class _Http(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # The client hangs up when its process ends.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _data(**content) -> dict:
    return {"data": content}


def _handler(server: Server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            answer = server.answer(self.path, body)
            if answer is None:
                self.close_connection = True
                return
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_POST

        def log_message(self, *_):
            pass

    return Handler
