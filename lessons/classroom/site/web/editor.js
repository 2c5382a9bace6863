// An editor for one cell of code. Its lines have the numbers of the learner's file, so that "05_gelu.py:31" is found.
import {indentWithTab} from "@codemirror/commands";
import {python} from "@codemirror/lang-python";
import {HighlightStyle, indentUnit, syntaxHighlighting} from "@codemirror/language";
import {Compartment} from "@codemirror/state";
import {EditorView, keymap, lineNumbers} from "@codemirror/view";
import {tags} from "@lezer/highlight";
import {basicSetup} from "codemirror";

const look = EditorView.theme({
  "&": {color: "var(--ink)", backgroundColor: "var(--paper-2)"},
  "&.cm-focused": {outline: "3px solid var(--focus)"},
  ".cm-content": {caretColor: "var(--ink)"},
  ".cm-cursor, .cm-dropCursor": {borderLeftColor: "var(--ink)"},
  ".cm-gutters": {color: "var(--ink-2)", backgroundColor: "var(--paper-2)", borderRight: "1px solid var(--line)"},
  ".cm-activeLine, .cm-activeLineGutter": {backgroundColor: "transparent"},
  "&.cm-focused .cm-activeLine, &.cm-focused .cm-activeLineGutter": {backgroundColor: "var(--paper-3)"},
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {background: "var(--chosen)"},
  ".cm-tooltip": {color: "var(--ink)", backgroundColor: "var(--paper)", border: "1px solid var(--line)"},
});
const colours = HighlightStyle.define([
  {tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword], color: "var(--keyword)"},
  {tag: [tags.string, tags.special(tags.string)], color: "var(--string)"},
  {tag: [tags.number, tags.bool, tags.null], color: "var(--number)"},
  {tag: tags.comment, color: "var(--ink-2)", fontStyle: "italic"},
  {tag: [tags.function(tags.definition(tags.variableName)), tags.className], color: "var(--name)", fontWeight: "600"},
]);

/** label: its name for screen readers. changed(): after each change. check(): Ctrl-Enter. */
export function editor(parent, text, {label, changed, check}) {
  const numbers = new Compartment();
  const numbered = (offset) => lineNumbers({formatNumber: (n) => String(n + offset)});
  const view = new EditorView({
    doc: text,
    parent,
    extensions: [
      keymap.of([{key: "Mod-Enter", run: () => (check(), true)}]),
      numbers.of(numbered(0)),
      basicSetup,
      keymap.of([indentWithTab]),
      python(),
      indentUnit.of("    "),
      look,
      syntaxHighlighting(colours),
      EditorView.contentAttributes.of({"aria-label": label, "aria-describedby": "editing", tabindex: "0"}),
      EditorView.updateListener.of((update) => update.docChanged && changed()),
    ],
  });
  let offset = 0;
  return {
    text: () => view.state.doc.toString(),
    set: (fresh) => view.dispatch({changes: {from: 0, to: view.state.doc.length, insert: fresh}}),
    /** How many lines of the file stand in front of it. */
    number(lines) {
      if (lines !== offset) view.dispatch({effects: numbers.reconfigure(numbered((offset = lines)))});
    },
    show(line) {
      const at = view.state.doc.line(Math.min(Math.max(1, line - offset), view.state.doc.lines));
      view.dispatch({selection: {anchor: at.from}, effects: EditorView.scrollIntoView(at.from, {y: "center"})});
      view.focus();
    },
  };
}
