// Markdown with formulas, {name: text} on stdin, to {name: HTML} on stdout. Runs when the site is built, never in a browser.
import {readFileSync} from "node:fs";
import katex from "katex";
import {Marked} from "marked";

const formula = (tex, displayMode) => katex.renderToString(tex, {displayMode, output: "mathml", throwOnError: true, strict: "ignore"});
const escaped = (text) => text.replace(/[&<>"]/g, (c) => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})[c]);

const block = {
  name: "block",
  level: "block",
  start: (source) => source.match(/^\$\$/m)?.index,
  tokenizer(source) {
    const found = /^\$\$\s*([^]+?)\s*\$\$(?:\n|$)/.exec(source);
    return found ? {type: "block", raw: found[0], tex: found[1]} : undefined;
  },
  renderer: (token) => `<div class="formula">${formula(token.tex, true)}</div>\n`,
};
const inline = {
  name: "inline",
  level: "inline",
  start: (source) => source.indexOf("$"),
  tokenizer(source) {
    const found = /^\$([^$\n]+(?:\n[^$\n]+)?)\$/.exec(source);
    return found ? {type: "inline", raw: found[0], tex: found[1]} : undefined;
  },
  renderer: (token) => formula(token.tex, false),
};
const slug = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
const renderer = {
  html: (token) => escaped(token.text), // a text is text: no tag of its own reaches a page
  heading(token) {
    return `<h${token.depth} id="${slug(token.text)}">${this.parser.parseInline(token.tokens)}</h${token.depth}>\n`;
  },
  table(token) {
    const cell = (c, tag, i) => `<${tag}${token.align[i] ? ` class="${token.align[i]}"` : ""}>${this.parser.parseInline(c.tokens)}</${tag}>`;
    const row = (cells, tag) => `<tr>${cells.map((c, i) => cell(c, tag, i)).join("")}</tr>`;
    const head = token.header.some((c) => c.text) ? `<thead>${row(token.header, "th")}</thead>` : "";
    return `<div class="scrolls"><table>${head}<tbody>${token.rows.map((cells) => row(cells, "td")).join("\n")}</tbody></table></div>\n`;
  },
};
const marked = new Marked({renderer, extensions: [block, inline]});

const html = {};
for (const [name, text] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  try {
    html[name] = marked.parse(text);
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    process.exit(1);
  }
}
process.stdout.write(JSON.stringify(html));
