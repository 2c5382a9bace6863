// The list of lessons: how far the learner is, and their work as a zip, out and in.
import {pack, unpack} from "./archive.js";
import * as store from "./store.js";
import {button} from "./told.js";

const lessons = JSON.parse(document.getElementById("data").textContent);
const said = document.getElementById("said");
const say = (text, wrong = false) => {
  said.textContent = text;
  said.className = wrong ? "wrong" : "";
};

async function show() {
  let files = {};
  try {
    files = await store.all();
  } catch (error) {
    say(store.reason(error), true);
  }
  const states = store.progress(files["progress.txt"]);
  for (const {number, name} of lessons) {
    const state = states[number];
    const done = state?.status === "passed" ? "✓ done" : state?.status === "skipped" ? "skipped" : state ? `${state.done} of ${state.total}` : name + ".py" in files ? "begun" : "";
    const item = document.getElementById(`lesson-${number}`);
    item.querySelector(".state").textContent = done;
    item.classList.toggle("done", state?.status === "passed");
  }
  const next = lessons.find(({number}) => !["passed", "skipped"].includes(states[number]?.status));
  const line = document.getElementById("next");
  const passed = Object.values(states).filter(({status}) => status === "passed").length;
  line.replaceChildren(`${passed} of ${lessons.length} lessons done. `);
  if (next) {
    const link = document.createElement("a");
    link.href = `${next.name}/index.html`;
    link.className = "go";
    link.textContent = `${passed ? "Go on" : "Begin"}: ${next.number} ${next.title}`;
    line.append(link);
  }
}

document.getElementById("out").addEventListener("click", async () => {
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([pack(await store.all())], {type: "application/zip"}));
    link.download = "minivit-work.zip";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say("Taken out: minivit-work.zip.");
  } catch (error) {
    say(store.reason(error), true);
  }
});

const file = document.getElementById("file");
document.getElementById("in").addEventListener("click", () => file.click());
file.addEventListener("change", async () => {
  const [chosen] = file.files;
  file.value = "";
  if (!chosen) return;
  try {
    ask(await unpack(chosen), await store.all());
  } catch (error) {
    say(error.message, true);
  }
});

/** Shows what a zip holds, and what it would replace, before anything is written. */
function ask({files, left}, own) {
  say("");
  const names = Object.keys(files).filter((name) => files[name] !== own[name]).sort();
  const same = Object.keys(files).length - names.length;
  const lines = names.map((name) => `${name}: ${name in own ? "replaces yours, which is kept as a backup" : "new"}`);
  if (same) lines.push(`${same} more ${same === 1 ? "is" : "are"} as you have ${same === 1 ? "it" : "them"} already`);
  if (left.length) lines.push(`not taken, since they are no files of the course: ${left.slice(0, 10).join(", ")}${left.length > 10 ? ", …" : ""}`);
  if (!lines.length) lines.push("There is nothing in this zip.");
  const list = document.createElement("ul");
  list.append(...lines.map((line) => Object.assign(document.createElement("li"), {textContent: line})));
  said.append(list);
  if (!names.length) return;
  const bring = button("Bring them in", async () => {
    try {
      const now = await store.all(), write = {}; // another tab may have gone on writing since
      for (const name of names) {
        if (name in now) write[store.backup(name, {...now, ...files, ...write})] = now[name];
        write[name] = files[name];
      }
      await store.write(write);
      say(`Brought in: ${names.join(", ")}.`);
    } catch (error) {
      say(store.reason(error), true);
    }
    show();
  });
  said.append(bring, " ", button("Leave it", () => say("Nothing was changed.")));
  bring.focus();
}

document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && show());
await show();
document.body.dataset.shown = "yes";
