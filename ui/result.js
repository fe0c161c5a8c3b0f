// Runs once, when the result's gr.HTML is put on the page (`element`); listens there for whatever is shown later.
// It keeps the visitor's order of the bars and the chosen action unit when another face or photo comes.
const memory = { order: "likely", unit: null };

function arrange(face) {
  const units = face.querySelector(".vl-units");
  if (!face.querySelector(`.vl-orders input[value="${memory.order}"]`)) memory.order = "likely"; // neutral.js adds one
  units.dataset.order = memory.order;
  [...units.children]
    .sort((a, b) => a.dataset[memory.order] - b.dataset[memory.order])
    .forEach((child) => units.append(child));
  face.querySelector(`.vl-orders input[value="${memory.order}"]`).checked = true;
  const wanted = memory.unit && face.querySelector(`.vl-unit input[value="${memory.unit}"]`);
  if (wanted) wanted.checked = true;
}

function showFace(index) {
  element.querySelectorAll(".vl-face").forEach((face) => {
    face.hidden = face.dataset.face !== index;
    if (!face.hidden) arrange(face);
  });
  element.querySelectorAll(".vl-box").forEach((box) => box.classList.toggle("vl-chosen", box.htmlFor === `vl-face-${index}`));
}

element.addEventListener("change", ({ target }) => {
  const face = target.closest(".vl-face");
  if (target.name === "vl-face") showFace(target.value);
  else if (target.closest(".vl-orders")) { memory.order = target.value; arrange(face); }
  else if (target.closest(".vl-unit")) {
    memory.unit = target.value;
    // In one column the details open under the row, and those above it have just closed.
    const oneColumn = getComputedStyle(target.closest(".vl-units")).display === "block";
    target.labels[0].scrollIntoView({ block: oneColumn ? "start" : "nearest" });
  }
});

element.addEventListener("click", ({ target }) => {
  if (target.closest(".vl-again")) trigger("again");
  const link = target.closest("[data-choose]");
  if (!link) return;
  const unit = document.getElementById(link.dataset.choose);
  unit.click();
  unit.focus();
});

// Gradio patches the old page into the new one and leaves what was clicked as it was: set it anew.
watch("value", () => {
  memory.unit = null;
  element.querySelectorAll("input[type=radio]").forEach((input) => { input.checked = input.defaultChecked; });
  if (!element.querySelector(".vl-result")) return;
  showFace("0");
  window.scrollTo(0, 0);
  element.querySelector(".vl-result").focus({ preventScroll: true }); // what had the focus has left the page
});
