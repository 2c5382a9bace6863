// What the course says, as it stands, with its commands made into buttons and its lines of the learner's file into links.
const COMMAND = /(?:python -m lessons )?\b(check|hint|quiz|demo|solution|reset|start|progress|list)\b(?: (\d\d))?((?: --[a-z]+)*)/;
const WHOLE = new RegExp(`^(?:${COMMAND.source})$`);
const IN_TEXT = new RegExp(
  [/python -m lessons (?:check|hint|quiz|demo|solution|reset|start|list|progress)(?: \d\d)?(?: --[a-z]+)*/,
    /\b(?:check|hint|quiz|demo|solution|reset) \d\d(?: --[a-z]+)*/, /python work\/\d\d_\w+\.py/, /\bwork\/\d\d_\w+\.py:\d+/]
    .map((part) => part.source).join("|"), "g");

export function button(label, act, title = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  if (title) made.title = title;
  made.addEventListener("click", () => act(made));
  return made;
}

/** The element that stands for a command or a place in a file, or null. act: see lesson.js. */
function active(text, act) {
  const place = /^work\/(\d\d_\w+)\.py:(\d+)$/.exec(text);
  if (place) return place[1] === act.name ? button(text, () => act.show(+place[2]), "Go to this line") : null;
  const file = /^python work\/(\d\d_\w+)\.py$/.exec(text);
  if (file) return file[1] === act.name ? button(text, () => act.draw()) : null;
  const found = WHOLE.exec(text);
  return found && act.has(found[1], found[2]) ? button(text, () => act.command(found[1], found[2] ?? "", found[3].trim())) : null;
}

/** Writes a text into an element. Everything in it is text; only what `active` knows is more. */
export function tell(element, text, act) {
  element.replaceChildren();
  let from = 0;
  for (const found of text.matchAll(IN_TEXT)) {
    const made = active(found[0], act);
    if (!made) continue;
    made.className = "command";
    element.append(text.slice(from, found.index), made);
    from = found.index + found[0].length;
  }
  element.append(text.slice(from));
}

/** Commands in the lesson's own text, where they stand alone in a piece of code. */
export function enliven(main, act) {
  for (const code of main.querySelectorAll("code")) {
    if (code.closest("pre")) continue;
    const made = /^python /.test(code.textContent) && active(code.textContent, act);
    if (made) {
      made.className = "command";
      code.replaceWith(made);
    }
  }
}

/** What scrolls sideways can be reached by keyboard. */
export function reachable() {
  for (const box of document.querySelectorAll("main pre, .scrolls, .formula")) {
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", box.matches(".formula") ? "formula" : box.matches(".scrolls") ? "table" : "text");
    } else if (box.getAttribute("role") === "region") for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
  }
}
