// The page's side of worker.js: starts it, calls it, ends it when it does not answer.
const GRACE = 3; // seconds that a file has to let itself be interrupted
const ENOUGH = 1.5e9; // bytes: a browser's Python never gives memory back, so that one that holds so much is started anew
const ROOT = new URL(".", import.meta.url).href;

export class Python {
  /** tell(text, state): how Python is, for people; state is "loading", "ready", "busy" or "broken". */
  constructor(tell) {
    this.tell = tell;
    this.calls = new Map();
    this.count = this.starts = 0;
    this.start();
  }

  start() {
    this.worker?.terminate();
    this.starts += 1;
    this.tell("Python is loading …", "loading");
    // By way of a blob the worker has this page's Content-Security-Policy, whatever headers the web server sends.
    const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(ROOT + "worker.js")};`], {type: "text/javascript"}));
    this.worker = new Worker(script, {type: "module"});
    this.ready = new Promise((ready, broken) => {
      this.worker.onmessage = ({data}) => {
        if (data.ready) {
          this.marks = data.ready;
          this.tell("Python is ready.", "ready");
          ready();
        } else if (data.broken) broken(new Error(`Python could not be loaded: ${data.broken}. Reload the page to try again.`));
        else this.answered(data);
      };
      this.worker.onerror = (event) => broken(new Error(`Python could not be started: ${event.message ?? "the worker did not load"}`));
    });
    this.ready.catch((error) => this.tell(error.message, "broken"));
  }

  answered(data) {
    const call = this.calls.get(data.id);
    if (!call) return;
    if ("report" in data) return call.report(data.report);
    clearTimeout(call.timer);
    if ("clock" in data) {
      if (data.clock) call.timer = setTimeout(() => this.end({late: true}), 1000 * (data.clock + GRACE));
      return;
    }
    this.calls.delete(data.id);
    if (!call.quiet) this.tell("Python is ready.", "ready");
    call.answer(data);
    if (data.dead || data.bytes > ENOUGH) this.end(); // with what was asked meanwhile
  }

  /** Calls a function of inside.py. Resolves to worker.js's answer, or {late: true} if it had to be ended, or {stopped: true}.
      report: called with each report of a function that is a generator. quiet: nobody is told that Python is busy. */
  async call(call, args, {files, packages = [], report = null, quiet = false} = {}) {
    await this.ready;
    const id = ++this.count;
    if (!quiet) this.tell("Python is busy …", "busy");
    return new Promise((answer) => {
      this.calls.set(id, {answer, report, quiet, timer: 0});
      this.worker.postMessage({id, call, args, files, packages});
    });
  }

  /** Asks the call that reports to stop after its next report. */
  stop() {
    const id = this.reporting();
    if (id) this.worker.postMessage({stop: id});
  }

  /** Hands a value to the call that reports. False where there is none yet. */
  hand(value) {
    const id = this.reporting();
    if (id) this.worker.postMessage({tell: id, value});
    return Boolean(id);
  }

  reporting() {
    return [...this.calls.keys()].find((id) => this.calls.get(id).report);
  }

  /** Ends Python in the middle of whatever it does, and starts it anew. */
  end(why = {stopped: true}) {
    this.start();
    for (const call of this.calls.values()) {
      clearTimeout(call.timer);
      call.answer(why);
    }
    this.calls.clear();
  }
}
