"""Starts a node, makes a token for every role, and runs Schemathesis with each. The last line is `N passed, N failed`."""

import argparse
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

HERE = Path(__file__).parent
# The administrator comes last: it alone can disable principals and revoke tokens.
ROLES = ["regulator", "officer", "practitioner", "reviewer", "registrar", "administrator"]


def main() -> int:
    options = arguments()
    data = options.work / "data"
    reports = options.work / "reports"
    for folder in (data, reports):
        shutil.rmtree(folder, ignore_errors=True)
    reports.mkdir(parents=True)
    node = Node(options.hanse, data, options.work / "node.log")
    try:
        tokens = Tokens(node).for_roles(ROLES)
        runs = [run_role(options, node, role, tokens[role], reports) for role in options.roles]
        alive = node.is_ready()
    finally:
        clean_stop = node.stop()
    return verdict(options, runs, alive, clean_stop)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hanse", type=Path, required=True, help="the binary to start")
    parser.add_argument("--work", type=Path, required=True, help="folder for data, log and reports")
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=ROLES)
    parser.add_argument("--examples", type=int, default=25, help="cases per operation, role and phase, at most")
    parser.add_argument("--cases-min", type=int, default=5000, help="fewer cases than this fail the test")
    parser.add_argument("--role-seconds-max", type=int, default=130, help="time of one role, at most")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--only", help="regular expression of paths to test")
    return parser.parse_args()


class Node:
    """A node with sample data on a free port."""

    def __init__(self, hanse: Path, data: Path, log: Path):
        self.log = log.open("w")
        command = [hanse, "up", "--sample", "--json", "--data", data, "--rate", "100000"]
        for listener in ["--listen", "--metrics", "--xmpp", "--xmpp-tls", "--xmpp-s2s"]:
            command += [listener, "127.0.0.1:0"]
        environment = {**os.environ, "RUST_BACKTRACE": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment
        )
        self.banner = self.read_banner()
        self.url = find(self.banner, "url", "http", "api", "base_url")
        self.bootstrap_token = find(self.banner, "bootstrap_token", "bootstrap")
        threading.Thread(target=self.drain, daemon=True).start()

    def read_banner(self) -> dict:
        """The first JSON object on standard output, on one line or several."""
        text = ""
        for line in self.process.stdout:
            self.log.write(line)
            text += line
            try:
                banner = json.loads(text)
            except json.JSONDecodeError:
                continue
            if isinstance(banner, dict):
                return banner
        raise SystemExit(f"contract: the node did not start; see {self.log.name}")

    def drain(self) -> None:
        for line in self.process.stdout:
            self.log.write(line)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/readiness", timeout=10) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> bool:
        """Whether the node ended by itself and well when asked to."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False


def find(banner: dict, *names: str) -> str:
    for name in names:
        if isinstance(banner.get(name), str):
            return banner[name].rstrip("/")
    raise SystemExit(f"contract: the node's banner has none of {', '.join(names)}: {banner}")


class Tokens:
    """The first administrator, and through it one principal and token for each role."""

    def __init__(self, node: Node):
        self.node = node
        body = {
            "bootstrap_token": node.bootstrap_token,
            "id": "contract-root",
            "display_name": "Contract test",
        }
        self.root = self.post("/v1/bootstrap", body, None)

    def for_roles(self, roles: list) -> dict:
        return {role: self.issue(role) for role in roles}

    def issue(self, role: str) -> str:
        regulator = {"kind": "regulator"}
        standing = regulator if role == "regulator" else {"kind": "staff", "roles": [role]}
        principal = f"contract-{role}"
        self.post(
            "/v1/principals",
            {"id": principal, "kind": "person", "display_name": role, "standing": standing},
            self.root,
        )
        return self.post("/v1/tokens", {"principal": principal, "lifetime_s": 7200}, self.root)

    def post(self, path: str, body: dict, token: str | None):
        """The token in the answer, if there is one."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(
            self.node.url + path, data=json.dumps(body).encode(), headers=headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return token_in(json.load(answer))
        except urllib.error.HTTPError as error:
            raise SystemExit(f"contract: POST {path}: {error.code} {error.read().decode()}") from error


def token_in(answer):
    """The text of a token, wherever the answer holds it."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name in ("token", "access_token") and isinstance(value, str):
                return value
            found = token_in(value)
            if found:
                return found
    return None


def run_role(options, node: Node, role: str, token: str, reports: Path) -> dict:
    report = reports / f"{role}.json"
    command = [
        Path(sys.executable).parent / "schemathesis",
        "--config-file", HERE / "schemathesis.toml",
        "run", f"{node.url}/openapi.json",
        "--checks", "all",
        "--mode", "all",
        "--header", f"Authorization: Bearer {token}",
        "--max-examples", str(options.examples),
        "--seed", str(options.seed),
        "--generation-database", "none",
        "--continue-on-failure",
        "--request-timeout", "30",
        "--suppress-health-check", "all",
        # One: parsing source in two threads at once fails in CPython 3.11 ("AST constructor recursion depth mismatch").
        "--workers", "1",
        "--report", "json",
        "--report-json-path", report,
        "--no-color",
    ]
    if options.only:
        command += ["--include-path-regex", options.only]
    print(f"contract: {role}", flush=True)
    started = time.monotonic()
    with (reports / f"{role}.log").open("w") as log:
        child = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=options.work,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "CONTRACT_OWN": own(role, token)},
        )
        try:
            code = child.wait(timeout=options.role_seconds_max)
        except subprocess.TimeoutExpired:
            # It reports what it did so far when it is interrupted.
            child.send_signal(signal.SIGINT)
            code = child.wait(timeout=60)
    return result(role, code, report, reports / f"{role}.log", time.monotonic() - started)


def own(role: str, token: str) -> str:
    """Ids that the run must not lose: those of its principal and its token (RFC 7519)."""
    claims = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return f"contract-{role} contract-root {claims['jti']}"


def result(role: str, code: int, report: Path, log: Path, seconds: float) -> dict:
    if not report.exists():
        print(log.read_text())
        return {"role": role, "cases": 0, "failed": 1, "what": [f"Schemathesis ended with {code}"]}
    found = json.loads(report.read_text())
    cases = found["test_cases"]
    what = [f"{f['title']}: {', '.join(f['operations'])} ({f['count']})" for f in found["failures"]]
    what += [f"error: {json.dumps(error)[:400]}" for error in found["errors"]]
    failed = cases["with_failures"] + cases["errored"] + len(found["errors"])
    # A reference without a target leaves a part of the API untested.
    unresolved = found["warnings"]["unresolvable_reference"]
    if unresolved:
        failed, what = failed + len(unresolved), [*what, f"unresolvable references: {json.dumps(unresolved)[:600]}"]
    if found["operations"]["tested"] == 0:
        failed, what = max(failed, 1), [*what, "no operation was tested"]
    print(f"contract: {role}: {cases['generated']} cases, {failed} failed, {seconds:.0f} s", flush=True)
    if failed:
        print(log.read_text()[-20000:])
    return {"role": role, "cases": cases["generated"], "failed": failed, "what": what}


def verdict(options, runs: list, alive: bool, clean_stop: bool) -> int:
    cases = sum(run["cases"] for run in runs)
    failed = sum(run["failed"] for run in runs)
    problems = [f"{run['role']}: {what}" for run in runs for what in run["what"]]
    if cases < options.cases_min:
        problems.append(f"only {cases} cases ran, fewer than {options.cases_min}")
    if not alive:
        problems.append("the node was not ready after the run")
    if not clean_stop:
        problems.append("the node did not stop by itself when asked to")
    for problem in problems:
        print(f"contract: {problem}")
    failed = max(failed, len(problems))
    print(f"{max(cases - failed, 0)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
