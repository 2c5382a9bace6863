// A sheet to draw a digit on: mouse, pen, finger, or the keyboard.
const FINE = 64; // pixels of a drawing, a side, as training.py has them
const INSIDE = 256, PEN = 18; // of the canvas

/** changed(): after each stroke, and while it is drawn. */
export function paper(parent, changed) {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d", {willReadFrequently: true});
  const cursor = document.createElement("span"), frame = document.createElement("div");
  canvas.width = canvas.height = INSIDE;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Sheet to draw a digit on");
  canvas.setAttribute("aria-describedby", "keys");
  frame.className = "paper";
  cursor.className = "cursor";
  cursor.hidden = true;
  frame.append(canvas, cursor);
  parent.append(frame);
  const small = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  small.canvas.width = small.canvas.height = FINE;
  small.imageSmoothingQuality = "high";
  let last = null, down = false, at = [INSIDE / 2, INSIDE / 2], empty = true;

  function stroke(to) {
    pen.strokeStyle = "#000";
    pen.lineWidth = PEN;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...(last ?? to));
    pen.lineTo(...to);
    pen.stroke();
    last = to;
    empty = false;
    changed();
  }
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * INSIDE, ((event.clientY - box.top) / box.height) * INSIDE];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    cursor.hidden = true;
    last = null;
    stroke(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last && event.buttons & 1) for (const part of event.getCoalescedEvents?.() ?? [event]) stroke(place(part));
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));

  canvas.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8]}[event.key];
    if (step) {
      at = at.map((value, i) => Math.min(Math.max(value + step[i], 0), INSIDE));
      if (down) stroke(at);
    } else if (event.key === " " || event.key === "Enter") {
      down = !down;
      last = null;
      if (down) stroke(at);
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else return;
    event.preventDefault();
    cursor.hidden = false;
    cursor.classList.toggle("down", down);
    cursor.style.left = `${(100 * at[0]) / INSIDE}%`;
    cursor.style.top = `${(100 * at[1]) / INSIDE}%`;
  });

  function clear() {
    pen.clearRect(0, 0, INSIDE, INSIDE);
    [last, down, empty] = [null, false, true];
    changed();
  }
  return {
    clear,
    empty: () => empty,
    /** FINE * FINE numbers from 0 to 255, row by row. */
    ink() {
      small.clearRect(0, 0, FINE, FINE);
      small.drawImage(canvas, 0, 0, FINE, FINE);
      return Array.from({length: FINE * FINE}, ((alpha) => (_, i) => alpha[4 * i + 3])(small.getImageData(0, 0, FINE, FINE).data));
    },
  };
}
