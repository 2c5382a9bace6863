// The quiz of a lesson: each answer is explained, the right one and the others.

/** questions: [{letter, because}], one for each fieldset of the page. */
export function quiz(questions) {
  document.querySelectorAll("#quiz fieldset").forEach((box, i) => {
    const said = box.querySelector("[role=status]"), {letter, because} = questions[i];
    box.querySelector("button").addEventListener("click", () => {
      const chosen = box.querySelector("input:checked")?.value;
      said.className = chosen === letter ? "right" : "wrong";
      said.textContent = !chosen ? "Choose one first." : `${chosen === letter ? "Yes." : `It is ${letter}.`} ${because}`;
    });
  });
}
