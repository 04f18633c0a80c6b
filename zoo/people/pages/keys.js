// Keys on top of what the browser does by itself: a number chooses in the current question, Enter saves.
"use strict";
const form = document.querySelector("form.questions");
const questions = [...form.querySelectorAll("fieldset")];
const radios = (question) => [...question.querySelectorAll("input")];
const answered = (question) => radios(question).some((radio) => radio.checked);
let current = questions.find((question) => !answered(question)) || questions[0];

function mark(question) {
  current = question;
  questions.forEach((other) => other.classList.toggle("current", other === question));
}

function focusOn(question) {
  mark(question);
  (radios(question).find((radio) => radio.checked) || radios(question)[0]).focus();
}

questions.forEach((question) => question.addEventListener("focusin", () => mark(question)));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const chosen = radios(current).find((radio) => radio.dataset.key === event.key);
  if (chosen) {
    event.preventDefault();
    chosen.checked = true;
    focusOn(questions[questions.indexOf(current) + 1] || current);
  } else if (event.key === "Enter" && !event.target.closest("a, button")) {
    event.preventDefault();
    if (!event.repeat) form.requestSubmit(form.querySelector("button"));
  }
});
form.querySelectorAll(".keys").forEach((hint) => (hint.hidden = false));
mark(current);
const notice = document.querySelector(".alert");
if (notice) focusOn(questions.find((question) => question.classList.contains("missing")) || current);
