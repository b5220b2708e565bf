"""Prosody, ejabberd and Hanse, each started from nothing in a folder of its own, with the same duties.

A server here can be stopped, killed with SIGKILL and started again on the same data and ports. Only processes that this
program started are ever signalled.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import certs
import raw

# Whoever ends the judge ends its servers, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

EJABBERD_LIBS = "/usr/lib/x86_64-linux-gnu"


def free_port(address="127.0.0.1"):
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class Server:
    """What all three have in common. `start` returns when the server accepts clients."""

    name = ""

    def __init__(self, folder, domain="localhost", address="127.0.0.1", s2s_port=None, authority=None, peers=None,
                 certificate=None, options=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.domain, self.address = domain, address
        self.authority = authority or certs.Authority(self.folder / "authority")
        self.certificate = certificate or self.authority.issue(
            domain, f"conference.{domain}", f"upload.{domain}"
        )
        self.peers = peers or {}
        self.options = options or {}
        self.port, self.tls_port, self.http_port = (free_port(address) for _ in range(3))
        self.s2s_port = s2s_port or free_port(address)
        self.process = None
        self.passwords = {}

    def client_address(self, tls="starttls"):
        """Where clients connect."""
        return self.address, self.tls_port if tls == "direct" else self.port

    def password(self, user):
        """The password of an account made by `add`."""
        return self.passwords[user]

    def jid(self, user):
        """The bare address of an account."""
        return f"{user}@{self.domain}"

    def add(self, *users):
        """Makes accounts."""
        for user in users:
            self.passwords[user] = f"pw-{user}-8Jq"
            self._add(user, self.passwords[user])

    def _add(self, user, password):
        raw.register(self.client_address(), self.domain, user, password)

    def start(self):
        """Starts the server on what is in its folder."""
        self._spawn()
        until = time.monotonic() + 60
        while True:
            try:
                raw.Stream(self.client_address(), self.domain, timeout=5).close()
                return self
            except (OSError, raw.Refused, raw.Closed):
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{self.name} did not start; see {self.folder}") from None
                time.sleep(0.1)

    def _run(self, arguments, **extra):
        output = open(self.folder / "output.log", "ab")
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **extra
        )
        output.close()

    def kill(self):
        """SIGKILL, at once, to the server and whatever it started."""
        self._end(signal.SIGKILL)

    def stop(self):
        """Ends the server in order."""
        self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, number)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def memory(self):
        """Proportional set size in bytes."""
        text = Path(f"/proc/{self.pid()}/smaps_rollup").read_text()
        return int(re.search(r"^Pss: +(\d+) kB", text, re.M)[1]) * 1024

    def cpu(self):
        """CPU seconds used so far."""
        fields = Path(f"/proc/{self.pid()}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pid(self):
        """The process that serves."""
        return self.process.pid

    def alive(self):
        """Whether the process that was started still runs."""
        return self.process is not None and self.process.poll() is None

    def version(self):
        """Name and version for reports."""
        raise NotImplementedError

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_):
        self.kill()


class Prosody(Server):
    """Debian's Prosody with its file store, archive on."""

    name = "prosody"

    def version(self):
        text = subprocess.run(["prosodyctl", "about"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"^Prosody (\S+)", text, re.M)
        return f"Prosody {found[1] if found else '?'}"

    def _spawn(self):
        hosts = self.folder / "hosts"
        hosts.write_text("".join(f"{ip} {name}\n" for name, (ip, _) in self.peers.items()))
        crt, key = self.certificate
        archive = self.options.get("archive", True)
        config = f'''
run_as_root = true
pidfile = "{self.folder}/prosody.pid"
data_path = "{self.folder}/data"
network_backend = "epoll"
interfaces = {{ "{self.address}" }}
local_interfaces = {{ "{self.address}" }}
c2s_ports = {{ {self.port} }}
c2s_direct_tls_ports = {{ {self.tls_port} }}
s2s_ports = {{ {self.s2s_port} }}
http_ports = {{ {self.http_port} }}
https_ports = {{ }}
http_interfaces = {{ "{self.address}" }}
http_external_url = "http://{self.address}:{self.http_port}/"
unbound = {{ resolvconf = false; hoststxt = "{hosts}" }}
ssl = {{ certificate = "{crt}"; key = "{key}"; cafile = "{self.authority.ca}" }}
c2s_require_encryption = false
s2s_require_encryption = true
s2s_secure_auth = {str(self.options.get("secure_auth", True)).lower()}
allow_registration = true
authentication = "internal_hashed"
storage = "internal"
default_archive_policy = true
max_archive_query_results = 50
log = {{ info = "{self.folder}/prosody.log" }}
statistics = false
limits = {{ }}
modules_enabled = {{
  "disco", "roster", "saslauth", "tls", "smacks", "carbons", "csi_simple", "pep", "blocklist", "ping", "time", "version",
  "offline", {'"mam",' if archive else ''} "vcard4", "vcard_legacy", "bookmarks", "private", "register_ibr", "s2s", "dialback",
  "s2s_bidi", "external_services", "bosh", "websocket"
}}
modules_disabled = {{ }}
VirtualHost "{self.domain}"
  disco_items = {{ {{ "conference.{self.domain}" }}, {{ "upload.{self.domain}" }} }}
Component "conference.{self.domain}" "muc"
  modules_enabled = {{ "muc_mam" }}
  restrict_room_creation = false
  muc_room_default_public = true
  muc_log_by_default = true
Component "upload.{self.domain}" "http_file_share"
  http_file_share_access = {{ "{self.domain}" }}
  http_host = "{self.address}"
  http_file_share_secret = "for a test only, for a test only"
'''
        (self.folder / "prosody.cfg.lua").write_text(config)
        (self.folder / "data").mkdir(exist_ok=True)
        self._run(["prosody", "-F", "--config", str(self.folder / "prosody.cfg.lua")])

    def files(self):
        """Folders that hold what the server wrote."""
        return [self.folder / "data", self.folder / "prosody.log", self.folder / "output.log"]


class Ejabberd(Server):
    """Debian's ejabberd, on Mnesia as it comes, or with `options['store'] = 'sqlite'`."""

    name = "ejabberd"

    def version(self):
        listed = subprocess.run(["dpkg-query", "-W", "-f=${Version}", "ejabberd"], capture_output=True, text=True, check=False)
        return f"ejabberd {listed.stdout.split('-')[0]}"

    def _spawn(self):
        crt, key = self.certificate
        pem = self.folder / "server.pem"
        pem.write_bytes(crt.read_bytes() + key.read_bytes())
        sql = self.options.get("store") == "sqlite"
        archive = self.options.get("archive", True)
        listen = "\n".join(
            f"  - {{ port: {port}, ip: '{self.address}', {rest} }}"
            for port, rest in [
                (self.port, "module: ejabberd_c2s, starttls: true, max_stanza_size: 262144, shaper: none, access: all"),
                (self.tls_port, "module: ejabberd_c2s, tls: true, max_stanza_size: 262144, shaper: none, access: all"),
                (self.s2s_port, "module: ejabberd_s2s_in, max_stanza_size: 524288, shaper: none"),
                (self.http_port, "module: ejabberd_http, request_handlers: { /upload: mod_http_upload, /bosh: mod_bosh, /ws: ejabberd_http_ws }"),
            ]
        )
        database = f"default_db: sql\nsql_type: sqlite\nsql_database: '{self.folder}/ejabberd.db'\n" if sql else ""
        config = f'''
hosts: ['{self.domain}']
loglevel: warning
certfiles: ['{pem}']
ca_file: '{self.authority.ca}'
{database}auth_password_format: scram
s2s_use_starttls: {self.options.get("s2s_use_starttls", "required")}
outgoing_s2s_ipv4_address: '{self.address}'
registration_timeout: infinity
listen:
{listen}
acl: {{ loopback: {{ ip: [127.0.0.0/8] }} }}
access_rules:
  register: {{ allow: all }}
  trusted_network: {{ allow: loopback }}
shaper_rules: {{ max_user_sessions: 100000, max_user_offline_messages: infinity }}
modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_bosh: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_http_upload: {{ put_url: 'http://{self.address}:{self.http_port}/upload', docroot: '{self.folder}/upload', access: all }}
  mod_last: {{}}
  {"mod_mam: { default: always, assume_mam_usage: false }" if archive else ""}
  mod_muc: {{ default_room_options: {{ mam: true }} }}
  mod_offline: {{ access_max_user_messages: max_user_offline_messages, use_mam_for_storage: false }}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub: {{ plugins: [flat, pep], force_node_config: {{ 'eu.siacs.conversations.axolotl.*': {{ access_model: open }}, 'urn:xmpp:omemo:2:*': {{ access_model: open }} }} }}
  mod_push: {{}}
  mod_register: {{ ip_access: all, access: register, access_from: register, welcome_message: {{}} }}
  mod_roster: {{ versioning: true }}
  mod_s2s_dialback: {{}}
  mod_stream_mgmt: {{ resend_on_timeout: true, max_ack_queue: infinity, queue_type: ram }}
  mod_time: {{}}
  mod_vcard: {{}}
  mod_vcard_xupdate: {{}}
  mod_version: {{}}
'''
        path = self.folder / "ejabberd.yml"
        path.write_text(config)
        library = next(Path(EJABBERD_LIBS).glob("ejabberd-*/ebin"))
        environment = dict(
            os.environ,
            EJABBERD_CONFIG_PATH=str(path),
            EJABBERD_LOG_PATH=str(self.folder / "ejabberd.log"),
            EJABBERD_PID_PATH=str(self.folder / "ejabberd.pid"),
            ERL_CRASH_DUMP=str(self.folder / "crash.dump"),
            ERL_LIBS=EJABBERD_LIBS,
            HOME=str(self.folder),
        )
        (self.folder / "mnesia").mkdir(exist_ok=True)
        # Without Erlang's distribution, so that no port mapper is started and several servers do not meet.
        self._run(
            self._with_hosts() + ["erl", "+K", "true", "+P", "250000", "-noinput", "-pa", str(library), "-mnesia", "dir", f'"{self.folder}/mnesia"',
             "-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-s", "ejabberd"],
            env=environment,
            cwd=self.folder,
        )

    def _with_hosts(self):
        """A prefix to the command that gives the process an /etc/hosts of its own, which is where ejabberd looks peers up."""
        if not self.peers:
            return []
        hosts = self.folder / "hosts"
        own = "".join(f"{ip} {name}\n" for name, (ip, _) in self.peers.items())
        hosts.write_text("127.0.0.1 localhost\n" + own)
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        return ["unshare", "--mount", "--map-root-user", "sh", "-c", script, str(hosts)]

    def files(self):
        """Folders that hold what the server wrote."""
        found = [self.folder / "mnesia", self.folder / "ejabberd.log", self.folder / "output.log", self.folder / "upload"]
        return [path for path in found + sorted(self.folder.glob("ejabberd.db*")) if path.exists()]


class Hanse(Server):
    """Our node. `options['binary']` is the program; accounts are made by its operator, on the command line."""

    name = "hanse"

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.binary = self.options.get("binary") or os.environ.get("HANSE", "hanse")
        self.data = self.folder / "data"
        self.metrics_port = free_port(self.address)
        self.url = f"http://{self.address}:{self.http_port}"

    def version(self):
        said = subprocess.run([self.binary, "--version"], capture_output=True, text=True, check=False).stdout
        return f"Hanse {said.split()[-1] if said else '?'}"

    def _spawn(self):
        at = lambda port: f"{self.address}:{port}"
        command = [
            self.binary, "up", "--json", "--rate", "100000", "--data", str(self.data), "--listen", at(self.http_port),
            "--metrics", at(self.metrics_port), "--xmpp", at(self.port), "--xmpp-tls", at(self.tls_port),
            "--xmpp-s2s", at(self.s2s_port), "--domain", self.domain, "--sample",
        ]
        crt, key = self.certificate
        command += ["--xmpp-cert", str(crt), "--xmpp-key", str(key)]
        if self.options.get("secure_auth", True):
            command += ["--xmpp-ca", str(self.authority.ca)]
        for name, (ip, port) in self.peers.items():
            command += ["--xmpp-peer", f"{name}={ip}:{port}"]
        command += [str(argument) for argument in self.options.get("arguments", [])]
        packs = self.options.get("packs") or Path(__file__).resolve().parents[2] / "packs"
        command += ["--packs", str(packs)]
        self._run(command)

    def start(self):
        super().start()
        if not (self.data / "client.json").exists():
            self.command("token", "redeem", "-", stdin=self._bootstrap_token())
        return self

    def _bootstrap_token(self):
        """The one-time token, which the node prints when all of it is up."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            found = re.search(r"hanse-bootstrap-[\w-]+", (self.folder / "output.log").read_text())
            if found:
                return found[0]
            time.sleep(0.1)
        raise RuntimeError("the node did not say how to become its operator")

    def command(self, *arguments, stdin=""):
        """Runs the command line as the zone's operator; returns what it printed as JSON, if it did."""
        done = subprocess.run(
            [self.binary, "--json", "--data", str(self.data), "--url", self.url, *arguments],
            input=stdin, capture_output=True, text=True, check=False,
        )
        if done.returncode:
            raise RuntimeError(f"hanse {' '.join(arguments)}: {done.stderr or done.stdout}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    def _add(self, user, password):
        self.command("user", "add", self.jid(user), "--password-stdin", stdin=password)

    def files(self):
        """Folders that hold what the server wrote."""
        return [self.data, self.folder / "output.log"]


KINDS = {kind.name: kind for kind in (Hanse, Prosody, Ejabberd)}


def missing(name):
    """What has to be installed before this server can be started, or None."""
    program = {"prosody": "prosody", "ejabberd": "erl"}.get(name)
    if program and shutil.which(program) is None:
        return f"{name} is not installed; run tools/setup.sh"
    if name == "ejabberd" and not list(Path(EJABBERD_LIBS).glob("ejabberd-*/ebin")):
        return "ejabberd is not installed; run tools/setup.sh"
    return None


def make(name, folder, binary=None, **named):
    """A server by name; `ejabberd-sqlite` is ejabberd with everything in SQLite."""
    options = dict(named.pop("options", {}))
    if name == "ejabberd-sqlite":
        name, options["store"] = "ejabberd", "sqlite"
    if binary:
        options["binary"] = binary
    return KINDS[name](folder, options=options, **named)
