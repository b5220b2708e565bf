// Where heart beats come from: a strap over Bluetooth, or a recording played back.

/** A Bluetooth heart-rate strap (service 0x180D). The bytes go to the engine as they are; it alone decodes them. */
export class Strap {
  constructor() {
    this.speed = 1;
    this.clock = "host";
  }

  /** Asks the person which strap; must be called from a click. */
  async choose() {
    if (!navigator.bluetooth) {
      throw new Error("This browser has no Web Bluetooth. Chrome or Edge on Android, Windows, macOS or ChromeOS have it.");
    }
    this.device = await navigator.bluetooth.requestDevice({ filters: [{ services: ["heart_rate"] }] });
  }

  /** What the person does; the node says when. */
  stamp(input) {
    return input;
  }

  async start(send, say) {
    this.stopped = false;
    this.device.addEventListener("gattserverdisconnected", () => this.reconnect(send, say));
    await this.listen(send);
    say(`${this.device.name ?? "The strap"} is connected`);
  }

  async listen(send) {
    const server = await this.device.gatt.connect();
    const service = await server.getPrimaryService("heart_rate");
    const measurement = await service.getCharacteristic("heart_rate_measurement");
    measurement.addEventListener("characteristicvaluechanged", (event) => {
      const { buffer, byteOffset, byteLength } = event.target.value;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      send({ kind: "measurement", bytes: [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("") });
    });
    await measurement.startNotifications();
  }

  async reconnect(send, say) {
    for (let attempt = 0; !this.stopped && attempt < 30; attempt += 1) {
      say("The strap is gone. Trying to find it again …");
      try {
        await this.listen(send);
        return say("The strap is back");
      } catch {
        await new Promise((resume) => setTimeout(resume, 2000));
      }
    }
  }

  stop() {
    this.stopped = true;
    this.device?.gatt?.disconnect();
  }
}

/** A recorded series, sent as a strap would: one packet a second with the beats that ended in it. */
export class Recording {
  constructor(name, speed) {
    this.name = name;
    this.speed = speed;
    this.clock = "sender";
    this.sent_ms = 0;
    /** Whose heart it is: nobody's who sits here. What it does is counted for nobody else. */
    this.person = `demo-${Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }

  async choose() {
    const answer = await fetch(`/breathe/recordings/${this.name}.json`);
    this.ticks = (await answer.json()).rr_1024;
  }

  /** Plays it; from a later moment where a session goes on. */
  async start(send, say, from_ms = 0) {
    say("A recording is played");
    let [beat, beat_ms, second] = [0, (this.ticks[0] * 1000) / 1024, Math.ceil(from_ms / 1000)];
    const started = performance.now() - (second * 1000) / this.speed;
    while (from_ms > 0 && beat < this.ticks.length && beat_ms <= second * 1000) {
      beat += 1;
      beat_ms += ((this.ticks[beat] ?? 0) * 1000) / 1024;
    }
    this.sent_ms = second * 1000;
    const step = () => {
      // Timers of hidden tabs are late; the time that passed decides how much is sent.
      const passed = (performance.now() - started) * this.speed;
      while ((second + 1) * 1000 <= passed && beat < this.ticks.length) {
        second += 1;
        const rr = [];
        while (beat < this.ticks.length && beat_ms <= second * 1000) {
          rr.push(this.ticks[beat]);
          beat += 1;
          beat_ms += ((this.ticks[beat] ?? 0) * 1000) / 1024;
        }
        send({ kind: "packet", at_ms: second * 1000, rr, contact: true });
        send({ kind: "tick", at_ms: second * 1000 });
        this.sent_ms = second * 1000;
      }
      if (beat >= this.ticks.length) say("The recording is over");
    };
    this.timer = setInterval(step, Math.max(50, 250 / this.speed));
  }

  /** What the person does, at the last moment of the recording that was sent: time never goes back. */
  stamp(input) {
    return { ...input, at_ms: this.sent_ms };
  }

  stop() {
    clearInterval(this.timer);
  }
}
