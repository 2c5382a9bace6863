// Training in the page: a button, curves that grow, and a sheet to draw on, which the model reads as far as it has learned.
import {curve} from "./curve.js";
import {paper} from "./paper.js";
import {button} from "./told.js";

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const element = (name, className, parent, text = "") => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  parent?.append(made);
  return made;
};

/** Fills `section`. what: see train() of training.py. seconds: for one step, 0 without end. files(): the learner's folder.
    say(element, text): shows what the course says. unanswered(answer): the sentence where it came to no end. */
export function trainer(section, {python, what, seconds = 0, files = async () => undefined, say = (to, text) => (to.textContent = text), unanswered = ({failed}) => `This is an error of the page itself and not yours: please report it.\n${failed}`}) {
  const bar = element("p", "buttons", section);
  const begin = button("Train", () => train()), stop = button("Stop", () => end(), "Keeps what the last epoch made");
  stop.disabled = true;
  bar.append(begin, stop);
  const speed = element("span", "speed", bar), told = element("p", "", section);
  told.setAttribute("role", "status");
  const problem = element("pre", "out wrong", section);
  problem.setAttribute("role", "status");
  const curves = element("div", "curves", section);
  const loss = curve(curves, {title: "Loss", max: 2.6, ticks: [[0, "0"], [1, "1"], [2, "2"]], guess: [Math.log(10), "guessing: 2.30"]});
  const right = curve(curves, {title: "Test digits read correctly", max: 100, ticks: [[0, "0 %"], [50, "50 %"], [95, "95 %"]], guess: [10, "guessing: 10 %"], dots: true});
  let losses, shares, epochs, state, ending = false;
  const show = () => {
    const best = shares.at(-1);
    loss.set(losses, epochs, losses.length ? `${losses.at(-1)[1].toFixed(2)} after ${losses.length} steps` : "nothing yet");
    right.set(shares, epochs, best ? `${best[1].toFixed(1)} % after epoch ${best[0]}` : "nothing yet");
  };
  const end = () => {
    ending = true;
    python.stop();
  };
  const begun = () => ([losses, shares, epochs] = [[], [], 10]);

  async function train() {
    begun();
    show();
    [state, problem.textContent, ending] = ["training", "", false];
    [begin.disabled, stop.disabled] = [true, false];
    stop.focus();
    told.textContent = "Training begins as soon as Python is ready.";
    const packages = ["pillow"]; // with which a drawing is made into a digit
    const answer = await python.call("train", [what, seconds], {files: await files(), packages, report}).catch((error) => ({broken: error.message}));
    [state, speed.textContent, asking] = ["done", "", false];
    [begin.disabled, stop.disabled, begin.textContent] = [false, true, "Train again"];
    if (document.activeElement === document.body || document.activeElement === stop) begin.focus();
    const reached = shares.length ? `${shares.at(-1)[1].toFixed(1)} % of the test digits after ${shares.length} of ${epochs} epochs` : "no epoch is complete";
    const ended = answer.answer === undefined || answer.answer === null;
    if (answer.stopped && ended) told.textContent = "Python was ended, and what it had learned is gone.";
    else if (answer.late || answer.failed || answer.broken) {
      told.textContent = "";
      problem.textContent = answer.broken ?? unanswered(answer);
    } else if (answer.answer?.code) {
      told.textContent = "";
      say(problem, answer.answer.text);
    } else told.textContent = `${ended ? "Stopped" : "Done"}: ${reached}. ${shares.length ? "Draw a digit." : "Nothing is kept but a model that has learned nothing."}`;
    read();
  }

  function report(now) {
    if (ending) python.stop(); // it was asked to end before it had begun
    if ("loss" in now) {
      epochs = now.epochs;
      if (now.step !== losses.length) losses.push([(now.step * epochs) / now.steps, now.loss]);
      speed.textContent = `epoch ${now.epoch} of ${epochs}, ${Math.round(now.speed).toLocaleString("en")} images a second`;
      if (now.accuracy != null) { // None is undefined here
        shares.push([shares.length + 1, 100 * now.accuracy]);
        told.textContent = `After epoch ${shares.length} of ${epochs}, ${percent(now.accuracy)} of the test digits are right.`;
      } else if (!shares.length) told.textContent = "Training …";
      show();
    }
    if (now.read) answered(now.read);
    else if (!("loss" in now)) answered(null);
    if (dirty) read();
  }

  // The sheet, and what the model says to it
  element(section.querySelector("h2") ? "h3" : "h2", "", section, "Draw a digit");
  const how = element("p", "", section, "With the mouse, a pen or a finger, from 0 to 9, large. ");
  const keys = element("span", "", how, "By keyboard: arrows move, space puts the pen down or lifts it, delete clears.");
  keys.id = "keys";
  const desk = element("div", "desk", section);
  const left = element("div", "", desk), middle = element("figure", "gets", desk), list = element("ol", "shares", desk);
  const sheet = paper(left, () => (dirty = true) && read());
  left.append(button("Clear", () => sheet.clear()));
  const seen = element("canvas", "", middle).getContext("2d"), caption = element("figcaption", "", middle);
  seen.canvas.width = seen.canvas.height = 256;
  seen.canvas.setAttribute("role", "img");
  const rows = [...Array(10).keys()].map((digit) => {
    const row = element("li", "", list);
    element("b", "", row, digit);
    const length = element("i", "", element("span", "", row));
    return {row, length, share: element("span", "share", row)};
  });
  list.setAttribute("aria-label", "How likely each digit is");
  const answer = element("p", "answer", section);
  answer.setAttribute("role", "status");
  let dirty = false, asking = false, pause = 0;

  /** Asks for the drawing as it is now, one question at a time, the newest always last. */
  async function read() {
    if (asking) return;
    if (sheet.empty()) return answered(null);
    [dirty, asking] = [false, true];
    if (state === "training") {
      asking = python.hand(sheet.ink()); // it answers after its step, or is asked then
      dirty = !asking;
      return;
    }
    const said = await python.call("read", [sheet.ink()], {packages: ["pillow"], quiet: true}).catch(() => ({}));
    answered(said.answer ?? null);
  }

  function answered(said) {
    asking = false;
    const shares = said?.probabilities ?? Array(10).fill(0), order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
    rows.forEach(({row, length, share}, digit) => {
      length.style.width = `${100 * shares[digit]}%`;
      share.textContent = said ? `${Math.round(100 * shares[digit])} %` : "";
      row.classList.toggle("best", Boolean(said) && digit === order[0]);
    });
    picture(said);
    clearTimeout(pause);
    pause = setTimeout(() => (answer.textContent = words(said, shares, order)), said ? 300 : 0); // not at every move of the pen
    if (dirty && !sheet.empty()) read();
  }

  function words(said, shares, order) {
    if (!said) return sheet.empty() ? "Nothing is drawn." : state ? "Nothing can be read from it yet." : "Nothing is trained yet: press Train.";
    const most = said.looks ? said.looks.indexOf(Math.max(...said.looks)) : -1;
    const look = most < 0 ? "" : ` It looks most at row ${1 + (most >> 2)} of 4, column ${1 + (most & 3)}.`;
    const age = said.epoch ? `After ${said.epoch} epoch${said.epoch > 1 ? "s" : ""}` : "Not trained yet,";
    return `${age} it says ${order[0]} (${Math.round(100 * shares[order[0]])} %), then ${order[1]} (${Math.round(100 * shares[order[1]])} %).${look}`;
  }

  /** The 8 x 8 greys that the model gets; the more of a patch reaches the class token, the more orange it is. */
  function picture(said) {
    seen.fillStyle = "#fff";
    seen.fillRect(0, 0, 256, 256);
    said?.image.forEach((grey, i) => {
      seen.fillStyle = `rgb(0 0 0 / ${grey})`;
      seen.fillRect(32 * (i % 8), 32 * (i >> 3), 32, 32);
    });
    const most = Math.max(...(said?.looks ?? [0]));
    said?.looks?.forEach((share, i) => {
      seen.fillStyle = `rgb(230 120 0 / ${0.75 * (share / most) ** 2})`;
      seen.fillRect(64 * (i % 4), 64 * (i >> 2), 64, 64);
    });
    caption.textContent = said?.looks ? "What it gets, and where it looks: the more orange, the more" : "What it gets: 8 × 8";
    seen.canvas.setAttribute("aria-label", said ? "The drawing as the model gets it, 8 by 8 greys" : "Nothing yet");
  }

  begun();
  show();
  answered(null);
  return {end, training: () => state === "training"};
}
