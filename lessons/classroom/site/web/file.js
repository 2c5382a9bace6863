// A learner's file and the cells of its lesson: `# %%` begins a cell of code, `# %% [markdown]` one of text.

/** The blocks of a file, each with its first line, put together again by join(""). */
export const blocks = (text) => text.split(/^(?=# %%)/m).filter((block, i) => i > 0 || block.trim());

const isCode = (block) => /^# %%[ \t]*(\n|$)/.test(block); // one with a title of the learner's fits no cell, and so keeps it
const body = (block) => block.slice(block.indexOf("\n") + 1).replace(/\n+$/, "");

/** The cells of a lesson, [{kind, text}], with what stands in a learner's file: [{kind, text}], or null where it has other cells. */
export function fitted(cells, text) {
  const found = blocks(text);
  const fits = found.length === cells.length && cells.every((cell, i) => (cell.kind === "code") === isCode(found[i]));
  return fits ? cells.map((cell, i) => ({...cell, text: cell.kind === "code" ? body(found[i]) : found[i]})) : null;
}

/** The file, and the number of lines in front of each cell's own text. */
export function joined(cells) {
  const offsets = [];
  let text = "";
  cells.forEach((cell, i) => {
    text += i ? "\n" : "";
    const head = cell.kind === "code" ? "# %%\n" : "";
    offsets.push((text + head).split("\n").length - 1);
    text += head + cell.text.replace(/\n*$/, "\n");
  });
  return {text, offsets};
}
