"""The smallest contestant that keeps what it acknowledges: HTTP/1.1 from Python's own library.

It takes one metric a request, in a shape of its own, and answers 201. With HOLE set it forgets
every batch whose number that divides.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOLE = int(os.environ.get("HOLE", "0"))
runs = {}
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write an answer: two would wait for each other's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body["point"]["name"] == "" or self.headers["x-run"] not in self.path:
            return self.answer(400)
        number = body["number"]
        with lock:
            if not (HOLE and number % HOLE == 0):
                runs.setdefault(self.headers["x-run"], []).append(number)
        self.answer(201)

    def do_GET(self):
        run = self.path.rsplit("/", 1)[1]
        with lock:
            numbers = sorted(runs.get(run, []))
        ranges = []
        for number in numbers:
            if ranges and ranges[-1][1] + 1 == number:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
        account = {"producer": "g0", "present": ranges, "repeated": [], "metrics": len(numbers), "out_of_order": 0}
        self.answer(200, json.dumps({"run": run, "producers": [account]}).encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("tiny is up", flush=True)
server.serve_forever()
