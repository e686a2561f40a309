"use strict";
const buttons = [...document.querySelectorAll(".tools button")];
const articles = [...document.querySelectorAll("article")];
const shown = document.querySelector(".shown");
function choose(wanted) {
  let count = 0;
  for (const item of articles) {
    const kinds = item.dataset.kinds.split(" ");
    item.hidden = wanted !== "all" && !kinds.includes(wanted);
    if (!item.hidden) count += 1;
  }
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.kind === wanted));
  shown.textContent = count + " of " + articles.length + " shown";
}
for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.kind));
