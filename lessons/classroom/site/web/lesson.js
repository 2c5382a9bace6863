// The page of a lesson: its cells of code as editors, and the commands of the course as buttons.
import {editor} from "./editor.js";
import {fitted, joined} from "./file.js";
import {Python} from "./python.js";
import {quiz} from "./quiz.js";
import * as store from "./store.js";
import {trainer} from "./train.js";
import {button, enliven, reachable, tell} from "./told.js";

const lesson = JSON.parse(document.getElementById("data").textContent);
const FILE = `${lesson.name}.py`;
const LIMIT = Number(new URLSearchParams(location.search).get("limit")) || lesson.limit; // seconds; ?limit=60 for a slow machine
const DRAWING = 10 * LIMIT;
const main = document.getElementById("main");
const status = document.getElementById("python");
const saved = document.createElement("span");
const stop = button("Stop", () => (training?.training() ? training.end() : python.end()), "Ends what Python does");
stop.hidden = true;
status.after(saved, stop);
saved.setAttribute("role", "status");
saved.id = "saved";

const python = new Python((text, state) => {
  status.textContent = text;
  stop.hidden = state !== "busy";
});

// The file: what the editors show, kept at each pause of typing
let cells, editors = [], whole = null, kept, timer = 0;

/** The file as it stands in the editors, and how many of its lines stand in front of each. */
function written() {
  if (whole) return {text: whole.text(), offsets: [0]};
  let next = 0;
  const made = joined(cells.map((cell) => (cell.kind === "code" ? {...cell, text: editors[next++].text()} : cell)));
  return {text: made.text, offsets: made.offsets.filter((_, i) => cells[i].kind === "code")};
}
const text = () => written().text;
const number = () => written().offsets.forEach((offset, i) => editors[i]?.number(offset));

async function keep() {
  clearTimeout(timer);
  timer = 0;
  const now = text();
  if (now === kept) return;
  number();
  try {
    await store.write({[FILE]: now});
    kept = now;
    saved.textContent = timer ? "" : "Saved."; // not while more is typed
    saved.className = "";
  } catch (error) {
    unkept(error);
  }
}
/** Says why something is not stored. */
function unkept(error) {
  saved.textContent = store.reason(error);
  saved.className = "wrong";
}
function changed() {
  saved.textContent = "";
  clearTimeout(timer);
  timer = setTimeout(keep, 400);
}
/** Shows the file as it is stored by now; a stub that nobody has touched is not stored. */
const opened = (stored) => {
  const own = stored === undefined ? lesson.cells : fitted(lesson.cells, stored);
  if (own && !whole && editors.length) {
    cells = own;
    own.filter((cell) => cell.kind === "code").forEach((cell, i) => editors[i].text() === cell.text || editors[i].set(cell.text));
    number();
    clearTimeout(timer);
    timer = 0;
  } else if (editors.length || whole) {
    kept = text(); // what is shown is over: leaving the page must not write it again
    return location.reload(); // its cells are others now
  } else own ? openCells(own) : openWhole(stored);
  kept = stored ?? text();
};

function openCells(own) {
  cells = own;
  document.querySelectorAll(".cell").forEach((box, i) => {
    const cell = own.filter((c) => c.kind === "code")[i];
    box.replaceChildren();
    editors.push(editor(box, cell.text, {label: `Code ${i + 1}`, changed, check: () => (cell.runs ? run(box, i) : command("check", "", box))}));
    const buttons = [];
    if (cell.checks) buttons.push(button("Check", () => command("check", "", box), "Ctrl-Enter"), button("Hint", () => command("hint", "", box)));
    if (cell.runs) buttons.push(button(cell.runs === "draws" ? "Draw" : "Run", () => run(box, i)));
    outputs(box, buttons);
  });
  number();
}

function openWhole(stored) {
  const box = document.createElement("section");
  box.className = "whole";
  box.innerHTML = `<h2>Your file, whole</h2><p>It has other cells than this lesson; so here it stands in one piece. The code
    further down is the lesson's own.</p>`;
  document.querySelector("h1").after(box);
  whole = editor(box, stored, {label: "Your whole file", changed, check: () => command("check", "", box)});
  outputs(box, [button("Check", () => command("check", "", box)), button("Hint", () => command("hint", "", box))]);
}

function outputs(box, buttons) {
  if (!buttons.length) return;
  const bar = document.createElement("p"), out = document.createElement("pre"), drawn = document.createElement("div");
  bar.className = "buttons";
  bar.append(...buttons);
  out.className = "out";
  out.setAttribute("role", "status");
  drawn.className = "drawn";
  box.append(bar, out, drawn);
}

// The commands
const act = {
  name: lesson.name,
  has: (name, number) => !number || number === lesson.number || ["start", "check"].includes(name),
  show(line) {
    if (whole) return whole.show(line);
    let at = 0;
    written().offsets.forEach((offset, i) => (at = offset < line ? i : at));
    editors[at].show(line);
  },
  draw() {
    const boxes = [...document.querySelectorAll(".cell")];
    const last = lesson.cells.filter((c) => c.kind === "code").findLastIndex((c) => c.runs === "draws");
    if (last < 0 || whole) return;
    boxes[last].scrollIntoView({block: "center"});
    run(boxes[last], last);
  },
  command(name, number, options) {
    if (name === "list" || name === "progress") return location.assign("../index.html");
    if (number && number !== lesson.number) return location.assign(`../index.html#lesson-${number}`);
    if (name === "quiz" || name === "demo") return document.getElementById(name)?.scrollIntoView();
    if (name === "start") return document.querySelector(".cell, .whole").scrollIntoView({block: "center"});
    if (name === "reset") return reset();
    if (name === "solution") return solution(options);
    command(name, options, place());
  },
};
/** Where an answer is shown: at the cell that was used last. */
let used = null;
const place = () => used ?? document.querySelector(".cell:has(.out), .whole");

/** Runs a command of the course and shows what it says at `box`. */
async function command(name, options, box) {
  used = box;
  await keep();
  const out = box.querySelector(".out"), drawn = box.querySelector(".drawn");
  out.className = "out";
  out.textContent = {check: "Checking …", hint: "One moment …"}[name] ?? "…";
  drawn.replaceChildren();
  const words = [name, lesson.number, ...options.split(" ").filter(Boolean)];
  const packages = options.includes("--plot") ? ["matplotlib"] : [];
  const code = await answered(out, drawn, () => call("command", [words, LIMIT, columns(out)], {packages}));
  if (name === "check") out.classList.add(code === 0 ? "right" : "wrong");
  out.scrollIntoView({block: "nearest"});
}

/** Runs one cell, and shows what it prints and draws. */
async function run(box, i) {
  used = box;
  await keep();
  const out = box.querySelector(".out"), drawn = box.querySelector(".drawn");
  const draws = lesson.cells.filter((c) => c.kind === "code")[i].runs === "draws";
  out.className = "out";
  out.textContent = draws ? "Drawing: some seconds, in a lesson that trains a minute or two. Until then, what a right solution draws:" : "Running …";
  drawn.replaceChildren();
  if (draws) {
    const expected = document.querySelector('img[src="expected.png"]')?.cloneNode();
    if (expected) drawn.append(expected);
  }
  await answered(out, drawn, () => call("run", [lesson.number, i, DRAWING], {packages: draws ? ["matplotlib"] : []}));
  reachable();
}

/** How many letters fit into a line of what is said there: 40 on a telephone, and never more than a laptop's 80. */
function columns(out) {
  const pen = document.createElement("canvas").getContext("2d"), style = getComputedStyle(out);
  pen.font = `${style.fontSize} ${style.fontFamily}`;
  const room = out.closest("main").clientWidth - 2 * parseFloat(getComputedStyle(main).paddingLeft) - 2 * parseFloat(style.paddingLeft) - 5;
  return Math.max(40, Math.min(80, Math.floor(room / pen.measureText("0").width)));
}

/** The learner's files as they stand; where nothing can be stored, this page's own. */
const files = async () => ({...(await store.all().catch(() => ({}))), [FILE]: text()});

/** Calls Python, one call after the other: each gets the files that the one before it left. What waits is ended with Python. */
let turn = Promise.resolve();
function call(name, args, options) {
  const {starts} = python;
  turn = turn.catch(() => {}).then(() => (python.starts === starts ? asked(name, args, options) : {stopped: true}));
  return turn;
}

async function asked(name, args, options) {
  const given = await files();
  const answer = await python.call(name, args, {files: given, ...options});
  const changed = answer.files ?? {};
  if (!Object.keys(changed).length) return answer;
  if (FILE in changed && text() !== given[FILE]) changed[store.backup(FILE, {...given, ...changed})] = text(); // typed meanwhile
  await store.write(changed).catch(unkept);
  if (FILE in changed) opened(changed[FILE]);
  showOwn();
  return answer;
}

/** Shows the answer of a call; gives its exit code, or null if it came to no end. */
async function answered(out, drawn, ask) {
  let answer;
  try {
    answer = await ask();
  } catch (error) {
    out.textContent = error.message;
    drawn.replaceChildren();
    return null;
  }
  drawn.replaceChildren();
  if (answer.answer) {
    tell(out, answer.answer.text.trimEnd(), act);
    for (const [name, bytes] of Object.entries(answer.pictures)) drawn.append(picture(name, bytes));
    reachable();
    return answer.answer.code;
  }
  out.textContent = unanswered(answer);
  return null;
}

/** Why a call came to no end, in a sentence. */
function unanswered({late, stopped, dead, failed}) {
  if (late) return `${lesson.slow.replace("{seconds}", LIMIT)}\nIt did not let itself be stopped, so Python was ended and is started again.`;
  if (stopped) return "Stopped. Python is started again.";
  if (dead) return `${/exit/i.test(failed) ? lesson.ended : lesson.crashed}\nPython is started again.`;
  return `This is an error of the course itself and not yours: please report it.\n${failed}`;
}

function picture(name, bytes) {
  const made = document.createElement("img");
  made.src = URL.createObjectURL(new Blob([bytes], {type: name.endsWith(".gif") ? "image/gif" : "image/png"}));
  made.alt = `What your code draws: ${name}`;
  return made;
}

// Your file: the answer, another beginning, and what was kept
async function solution(options = "") {
  const box = document.querySelector("#own .out");
  await keep();
  const asked = ["solution", lesson.number, ...options.split(" ").filter(Boolean)];
  const code = await answered(box, box.nextElementSibling, () => call("command", [asked, LIMIT, columns(box)]));
  box.scrollIntoView({block: "nearest"});
  if (code === 2) box.append("\n\n", button("Show it all the same", () => solution("--yes")));
  else if (code === 0 && !options.includes("--write")) box.append("\n\n", button("Write it as my file (mine is kept as a backup)", () => solution("--yes --write")));
}

async function reset() {
  if (!confirm("Begin this lesson again? Your file is kept as a backup.")) return;
  const box = document.querySelector("#own .out");
  await keep();
  await answered(box, box.nextElementSibling, () => call("command", [["reset", lesson.number], LIMIT]));
}

async function showOwn() {
  const list = document.getElementById("backups");
  const names = Object.keys(await files()).filter((name) => name.startsWith(`${lesson.name}.backup-`)).sort();
  list.hidden = !names.length;
  list.querySelector("ul").replaceChildren(...names.map((name) => {
    const item = document.createElement("li");
    item.append(name, " ", button("Put it back", async () => {
      const now = await files();
      try {
        await store.write({[FILE]: now[name], [store.backup(FILE, now)]: now[FILE]});
      } catch (error) {
        return unkept(error);
      }
      opened(now[name]);
      showOwn();
    }, "The present one is kept as another backup"));
    return item;
  }));
}

function openOwn() {
  const section = document.getElementById("own");
  outputs(section, [button("Solution", () => solution()), button("Begin again", () => reset())]);
  const list = document.createElement("div");
  list.id = "backups";
  list.hidden = true;
  list.innerHTML = "<h3>Backups</h3><ul></ul>";
  section.append(list);
}

const box = document.getElementById("train");
const training = box && trainer(box, {python, what: lesson.number, seconds: LIMIT, files: () => keep().then(files), say: (to, said) => tell(to, said, act), unanswered});

addEventListener("pagehide", keep);
addEventListener("beforeunload", (event) => {
  keep(); // a busy machine may end the page before it has written what pagehide gives it
  if (saved.className) event.preventDefault(); // asks first where something is not kept
});
document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? keep() : follow()));
addEventListener("blur", keep); // a window beside this one may go on with the same file
addEventListener("focus", follow);
async function follow() {
  const stored = await store.read(FILE).catch(() => undefined);
  if (stored !== undefined && stored !== kept && !timer && !saved.className) opened(stored);
}
addEventListener("resize", reachable);

let stored;
try {
  stored = await store.read(FILE);
  store.keep();
} catch (error) {
  unkept(error);
}
openOwn();
opened(stored);
quiz(lesson.quiz);
enliven(main, act);
reachable();
showOwn();
document.body.dataset.shown = "yes";
window.minivit = {python, editors, keep, text, training}; // for whoever looks in from the console, and for the tests
