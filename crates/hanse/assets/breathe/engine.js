// The seam between the page and the engine that decides. `RemoteEngine` speaks with the engine on the node. Another
// class with the same four methods and the same `onframe` may run the engine inside the page.

/** A session whose engine is on the node, over one WebSocket. */
export class RemoteEngine {
  /** @param {string} token a bearer token with the scopes of breath sessions */
  constructor(token) {
    this.token = token;
    this.onframe = () => {};
    this.onlost = () => {};
    this.socket = null;
    this.session = null;
  }

  /** Records consent where it is missing and opens a session. Answers with the node's view of it. */
  async open(opening) {
    // One key a person: said twice on this page, it is the same request.
    const consent = await this.#post("/v1/breath/consents", { person: opening.person }, `consent-${opening.person}`);
    if (consent.status !== 201 && consent.body.code !== "conflict") throw new Refused(consent.body);
    const created = await this.#post("/v1/breath/sessions", opening);
    if (created.status !== 201) throw new Refused(created.body);
    this.session = created.body;
    return created.body;
  }

  /** A session that this page opened before it was loaded again; nothing when it takes no input any more. */
  async resume(id) {
    const { status, body } = await this.#get(`/v1/breath/sessions/${id}`);
    if (status !== 200 || body.status === "ended") return null;
    this.session = body;
    return body;
  }

  /** Stops a session, whoever feeds it. */
  async stop(id) {
    const { status, body } = await this.#post(`/v1/breath/sessions/${id}/stop`, {});
    // One that has ended, or is gone, runs no more.
    if (status !== 200 && !["conflict", "gone"].includes(body.code)) throw new Refused(body);
  }

  /** What is kept to protect a person; nothing when no consent was recorded. */
  async safety(person) {
    const { status, body } = await this.#get(`/v1/breath/safety/${encodeURIComponent(person)}`);
    if (status === 404) return null;
    if (status !== 200) throw new Refused(body);
    return body;
  }

  /** Connects the live stream. Frames come to `onframe`. Answers with the first. */
  connect() {
    return new Promise((resolve, reject) => {
      const scheme = location.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(`${scheme}//${location.host}/v1/breath/sessions/${this.session.id}/live`);
      socket.onopen = () => socket.send(JSON.stringify({ kind: "hello", token: this.token }));
      socket.onmessage = (message) => {
        const frame = JSON.parse(message.data);
        this.onframe(frame);
        if (frame.kind === "state") resolve(frame);
      };
      socket.onclose = (event) => {
        reject(new Error(event.reason || "the node closed the connection"));
        this.onlost();
      };
      this.socket = socket;
    });
  }

  /** Sends inputs; each is `{kind, …}`. Answers whether they could be sent. */
  send(...inputs) {
    const open = this.socket?.readyState === WebSocket.OPEN;
    if (open) this.socket.send(JSON.stringify({ kind: "inputs", inputs }));
    return open;
  }

  /** Ends the stream; the session stays in the journal. */
  close() {
    this.onlost = () => {};
    this.socket?.close(1000);
  }

  /** What the node asks before a session. */
  static async questions() {
    const answer = await fetch("/breathe/screen.json");
    return answer.json();
  }

  async #get(path) {
    const answer = await fetch(path, { headers: { authorization: `Bearer ${this.token}` } });
    return { status: answer.status, body: await answer.json() };
  }

  async #post(path, body, key = fresh()) {
    const answer = await fetch(path, {
      method: "POST",
      headers: {
        authorization: `Bearer ${this.token}`,
        "content-type": "application/json",
        "idempotency-key": key,
      },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  }
}

/** A key that no request had before; pages without TLS have no `randomUUID`. */
function fresh() {
  return crypto.randomUUID?.() ?? `page-${Date.now()}-${Math.random()}`;
}

/** The node said no, with its reasons. */
export class Refused extends Error {
  constructor(problem) {
    const reasons = (problem.errors ?? []).map((error) => error.detail);
    super([problem.detail, ...reasons].filter(Boolean).join(" – "));
    this.code = problem.code;
    /** The session that stands in the way, where one does and may be known. */
    const other = problem.errors?.find(({ rule }) => rule === "another_session_runs");
    this.other = other?.detail.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/)?.[0] ?? null;
  }
}

/** How much faster or slower than it should the clock may go to get right again. */
const SLEW = 0.05;
/** A difference that no network makes: the clock leaps. */
const LEAP_MS = 5000;

/** The engine's time, carried forward between frames without a jump that an eye would see. */
export class EngineClock {
  constructor(speed = 1) {
    this.speed = speed;
    this.offset = null;
    this.wanted = 0;
    this.asked = 0;
  }

  /** Learns that it was `at_ms` on arrival. */
  learn(at_ms, now = performance.now()) {
    this.wanted = at_ms - now * this.speed;
    if (this.offset === null || Math.abs(this.wanted - this.offset) > LEAP_MS * this.speed) this.offset = this.wanted;
  }

  /** Milliseconds since the session opened, as a fraction. */
  at(now = performance.now()) {
    if (this.offset === null) return 0;
    const most = Math.max(0, now - this.asked) * this.speed * SLEW;
    this.asked = Math.max(this.asked, now);
    this.offset += Math.max(-most, Math.min(most, this.wanted - this.offset));
    return Math.max(0, now * this.speed + this.offset);
  }
}
