// The page's side of worker.js: starts it, calls it, ends it when it does not answer.
const GRACE = 3; // seconds that a file has to let itself be interrupted
const ENOUGH = 1.5e9; // bytes: a browser's Python never gives memory back, so that one that holds so much is started anew
const ROOT = new URL(".", import.meta.url).href;

export class Python {
  /** tell(text, state): how Python is, for people; state is "loading", "ready", "busy" or "broken". */
  constructor(tell) {
    this.tell = tell;
    this.calls = new Map();
    this.count = 0;
    this.start();
  }

  start() {
    this.worker?.terminate();
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
    if ("report" in data) {
      call.wait(); // each report has the seconds anew
      return call.report(data.report);
    }
    this.calls.delete(data.id);
    clearTimeout(call.timer);
    if (!call.quiet) this.tell("Python is ready.", "ready");
    if (data.dead || data.bytes > ENOUGH) this.start();
    call.answer(data);
  }

  /** Calls a function of inside.py. Resolves to worker.js's answer, or {late: true} if it had to be ended, or {stopped: true}.
      seconds: see worker.js. patience: after so many Python itself is ended; by default a little more than `seconds`.
      report(value): for a call that reports. quiet: nobody is told that Python is busy, since it is for a moment. */
  async call(call, args, {files, seconds = 0, packages = [], patience = seconds + GRACE, report = () => {}, quiet = false} = {}) {
    await this.ready;
    const id = ++this.count;
    if (!quiet) this.tell("Python is busy …", "busy");
    return new Promise((answer) => {
      const call = {answer, report, quiet, timer: 0};
      call.wait = () => {
        clearTimeout(call.timer);
        if (seconds) call.timer = setTimeout(() => this.end({late: true}), 1000 * patience);
      };
      call.wait();
      this.calls.set(id, call);
      this.worker.postMessage({id, call, args, files, seconds, packages});
    });
  }

  /** Asks calls that report to stop after their next report. */
  stop() {
    for (const id of this.calls.keys()) this.worker.postMessage({stop: id});
  }

  /** Hands a value to the calls that report. */
  hand(value) {
    for (const id of this.calls.keys()) this.worker.postMessage({tell: id, value});
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
