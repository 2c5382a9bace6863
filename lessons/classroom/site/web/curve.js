// A curve that grows: how a training goes, drawn as SVG and said in words.
const WIDE = 340, HIGH = 190, LEFT = 40, RIGHT = 10, TOP = 12, BOTTOM = 26;

const make = (name, attributes, parent) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
};

/** title: what is drawn. max: the upper end of its axis. ticks: [[value, text]]. guess: [value, text] of somebody who guesses.
    dots: each point is a dot, too. */
export function curve(parent, {title, max, ticks, guess, dots = false}) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  const picture = make("svg", {viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", class: "curve"});
  caption.textContent = title;
  figure.append(caption, picture);
  parent.append(figure);
  const x = (share) => LEFT + share * (WIDE - LEFT - RIGHT);
  const y = (value) => HIGH - BOTTOM - (Math.min(Math.max(value, 0), max) / max) * (HIGH - BOTTOM - TOP);
  for (const [value, text] of ticks) {
    make("line", {x1: LEFT, x2: WIDE - RIGHT, y1: y(value), y2: y(value), class: "grid"}, picture);
    make("text", {x: LEFT - 5, y: y(value) + 4, "text-anchor": "end"}, picture).textContent = text;
  }
  make("line", {x1: LEFT, x2: WIDE - RIGHT, y1: y(guess[0]), y2: y(guess[0]), class: "guess"}, picture);
  make("text", {x: WIDE - RIGHT, y: y(guess[0]) - 5, "text-anchor": "end"}, picture).textContent = guess[1];
  const names = make("g", {}, picture), line = make("polyline", {class: dots ? "line second" : "line"}, picture), marks = make("g", {}, picture);
  return {
    /** points: [[epochs since the beginning, value]]; epochs: how many there will be; words: the same in a sentence. */
    set(points, epochs, words) {
      line.setAttribute("points", points.map(([epoch, value]) => `${x(epoch / epochs).toFixed(1)},${y(value).toFixed(1)}`).join(" "));
      if (dots) marks.replaceChildren(...points.map(([epoch, value]) => make("circle", {cx: x(epoch / epochs), cy: y(value), r: 3, class: "dot"})));
      picture.setAttribute("aria-label", `${title}: ${words}`);
      names.replaceChildren(...[0, Math.round(epochs / 2), epochs].map((epoch) => {
        const name = make("text", {x: x(epoch / epochs), y: HIGH - 8, "text-anchor": epoch === epochs ? "end" : "middle"});
        name.textContent = epoch === epochs ? `epoch ${epoch}` : epoch;
        return name;
      }));
    },
  };
}
