// Python, in a worker of its own: whatever a learner's file does to it, the page lives on, ends it and starts another.
//
// What the page sends, one call at a time:
//     {id, call, args, files, packages}
//         call      the name of a function of lessons/classroom/site/inside.py;  args  its arguments, as plain values
//         files     {name: text}: the learner's folder, put there before the call
//         packages  further ones of Pyodide's that the call needs: ["matplotlib"]; pillow comes by itself where a file imports it
//     {stop: id}    ends a call that reports (see below) after its next report
//     {tell: id, value}    hands such a call a value, which its `yield` gives; of several the last
// What it answers:
//     {ready: {core, numpy, all}}    once: it can be called; milliseconds since it began
//     {broken: text}                 once, instead: Python could not be loaded
//     {id, clock: seconds}           inside.py calls the learner's code now: after so many seconds its line is interrupted, as by
//                                    Ctrl-C, and a little later the page ends Python; 0: it came to its end
//     {id, report}                   any number of times, where the function is a generator: what it yields. After each, the
//                                    worker listens for {stop: id}
//     {id, answer, files, pictures, bytes}    what the function returned; the learner's files that it changed, {name: text}, and
//                                    what it drew, {name: Uint8Array}; how much memory Python holds by now
//     {id, failed, dead}             it raised an error, or ended Python (dead: this worker can do no more)
import {loadPyodide} from "./pyodide/pyodide.mjs";
import wheels from "./pyodide/wheels.js";

const at = (name) => new URL(name, import.meta.url).href;
let end = 0, running = 0;
self.clock = (seconds) => { // inside.py calls it
  end = seconds ? performance.now() + 1000 * seconds : 0;
  postMessage({id: running, clock: seconds});
};
const interrupt = { // Python looks at entry 0 every few bytecodes, and takes a 2 for Ctrl-C
  get 0() {
    if (!end || performance.now() < end) return 0;
    end = 0;
    return 2;
  },
  set 0(value) {},
};

if (wheels) { // Pyodide looks for them here, and says with each request which hash it must have
  const here = self.fetch;
  self.fetch = (what, how) => here(String(what).replace(/^.*\/([^/]+\.whl)$/, wheels + "$1"), how);
}

const quiet = {messageCallback: () => {}};
let python, inside, ffi;
const started = (async () => {
  const marks = {}, mark = (name) => (marks[name] = Math.round(performance.now()));
  const course = fetch(at("course.zip")).then((answer) => answer.arrayBuffer());
  python = await loadPyodide({indexURL: at("pyodide/"), stdin: () => null, stdout: () => {}, stderr: () => {}});
  ffi = python.ffi; // by now: a Python that has ended answers nothing any more
  mark("core");
  await python.loadPackage("numpy", quiet);
  if (!python.loadedPackages.numpy) throw new Error("NumPy did not come through, or was not the file that it should be");
  mark("numpy");
  python.unpackArchive(new Uint8Array(await course), "zip", {extractDir: "/course"});
  python.FS.createLazyFile("/course/minivit/data", "fashion-mini.npz", at("fashion-mini.npz"), true, false);
  python.runPython(`
import os, sys
sys.path.insert(0, "/course")
os.environ["MINIVIT_WORK"] = "/home/pyodide/work"
os.environ["MPLBACKEND"] = "Agg"
`);
  inside = python.pyimport("lessons.classroom.site.inside");
  python.setInterruptBuffer(interrupt);
  mark("all");
  postMessage({ready: marks});
})();
started.catch((error) => postMessage({broken: String(error.message ?? error)}));

/** A value of Python's as one of the page's. */
function plain(value) {
  if (!(value instanceof ffi.PyProxy)) return value;
  const made = value.toJs({dict_converter: Object.fromEntries, create_pyproxies: false});
  value.destroy();
  return made;
}

const listen = () => new Promise((then) => setTimeout(then)); // lets a message in
let stopped = null, told = {};

async function call({id, call, args = [], files, packages = []}) {
  const pillow = Object.values(files ?? {}).some((text) => /^\s*(import|from) PIL\b/m.test(text)) ? ["pillow"] : [];
  await python.loadPackage([...packages, ...pillow], quiet);
  if (files) inside.put(python.toPy(files));
  running = id;
  let answer = inside[call](...args.map((value) => python.toPy(value)));
  if (answer instanceof ffi.PyGenerator) {
    const generator = answer;
    let begun = false;
    for (;;) {
      const news = begun && told.id === id ? python.toPy(told.value) : undefined; // a generator takes nothing before it begins
      if (news) told = {};
      begun = true;
      const {done, value} = stopped === id ? generator.return(undefined) : generator.next(news);
      news?.destroy();
      answer = value;
      if (done) break;
      postMessage({id, report: plain(value)});
      await listen();
    }
    generator.destroy();
  }
  postMessage({id, answer: plain(answer), ...plain(inside.changed()), bytes: python._module.HEAPU8.length});
}

let last = started;
onmessage = ({data}) => {
  if (data.stop) return void (stopped = data.stop);
  if (data.tell) return void (told = {id: data.tell, value: data.value});
  last = last.then(() => call(data)).catch((error) => {
    end = 0;
    const text = String(error.message ?? error);
    const dead = !(error instanceof ffi.PythonError);
    postMessage({id: data.id, failed: text, dead});
  });
};
