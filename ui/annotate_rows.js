// Part of the Annotate page's script: the rows of the action units, what is marked in them, and the row in focus.
let current = null; // number of the action unit in focus

const rows = () => [...desk.querySelectorAll(".va-row")];
const rowOf = (number) => desk.querySelector(`.va-row[data-unit="${number}"]`);
const numberOf = (row) => Number(row.dataset.unit);

// Puts one thing that is said of an action unit into its mark, and keeps the mark possible.
function mark(number, part, value) {
  const said = marks.get(number) ?? { occurrence: null, intensity: null, side: null, text: null };
  said[part] = value;
  if (part === "intensity" || part === "side") said.occurrence = "present";
  if (said.occurrence !== "present") said.intensity = said.side = null;
  if (said.occurrence || said.text !== null) marks.set(number, said);
  else marks.delete(number);
  showRow(number);
  showCount();
  showDescription();
  changed();
}

function clear(number) {
  marks.delete(number);
  showRow(number);
  showCount();
  showDescription();
  changed();
}

function confirmAsTheModel(number) {
  const said = model(number);
  if (!said) return;
  const text = marks.get(number)?.text ?? null;
  const occurrence = said.present ? "present" : "absent";
  marks.set(number, { occurrence, intensity: said.intensity, side: said.side, text });
  mark(number, "occurrence", occurrence);
}

const openNumbers = () => rows().map(numberOf).filter((number) => !marks.get(number)?.occurrence);

function showRow(number) {
  const row = rowOf(number), said = marks.get(number), given = model(number);
  row.dataset.occurrence = said?.occurrence ?? "";
  for (const input of row.querySelectorAll("input[type=radio]"))
    input.checked = String(said?.[input.dataset.part] ?? "") === input.value;
  const confirmed = given && said?.occurrence && (said.occurrence === "present") === given.present &&
    ["present", "absent"].includes(said.occurrence);
  row.querySelector(".va-model")?.classList.toggle("va-agreed", Boolean(confirmed));
  const follows = written(number);
  showText(row, said?.text, follows, given?.text);
}

function showText(place, own, follows, given) {
  const field = place.querySelector("textarea");
  if (field !== document.activeElement) field.value = own ?? follows ?? given ?? ""; // nobody's typing is disturbed
  const source = own !== null && own !== undefined ? "own" : follows ? "marks" : given ? "model" : "";
  const line = place.querySelector(".va-source");
  if (line.dataset.source === source) return;
  line.dataset.source = source;
  line.innerHTML = {
    own: 'your words <button type="button" data-do="forget-words">Take back</button>',
    marks: "follows your marks",
    model: "",
    "": "",
  }[source];
}

function showDescription() {
  const place = desk.querySelector(".va-description");
  if (place) showText(place, description, writtenDescription(), aided ? task.description : null);
}

function write(field, text) {
  const clean = text.trim();
  const row = field.closest(".va-row");
  if (row) {
    const number = numberOf(row);
    const said = marks.get(number);
    const offered = [written(number), model(number)?.text];
    const shown = said?.text ?? offered[0] ?? offered[1] ?? "";
    if (clean !== shown) mark(number, "text", clean && !offered.includes(clean) ? clean : null);
  } else {
    const offered = [writtenDescription(), aided ? task.description : null];
    const shown = description ?? offered[0] ?? offered[1] ?? "";
    if (clean === shown) return;
    description = clean && !offered.includes(clean) ? clean : null;
    showDescription();
    changed();
  }
}

function showCount() {
  const all = rows().length, open = openNumbers().length;
  desk.querySelector(".va-count").textContent = open ? `${all - open} of ${all} answered` : `All ${all} answered`;
  desk.querySelector(".va-actions").classList.toggle("va-complete", open === 0);
  const rest = desk.querySelector('[data-do="confirm-rest"]');
  if (rest) rest.disabled = !open || !aided;
}

function showContradictions(found = {}) {
  for (const place of desk.querySelectorAll(".va-row, .va-description")) {
    const line = place.querySelector(".va-contradiction"), text = found[place.dataset.unit ?? 0];
    line.hidden = !text;
    line.textContent = text ?? "";
  }
}

function showAid() {
  root.classList.toggle("va-unaided", !aided);
  const toggle = desk.querySelector('[data-do="aid"]');
  if (toggle) toggle.firstChild.textContent = aided ? "Hide the model " : "Show the model ";
  rows().forEach((row) => showRow(numberOf(row)));
  showDescription();
  showCount();
  showEvidence();
}

// ---- the row in focus

function focusRow(number, from = "keys") {
  if (number === current && from !== "keys") return;
  current = number;
  for (const row of rows()) row.toggleAttribute("data-current", numberOf(row) === number);
  const row = rowOf(number);
  if (from === "keys") {
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  if (look.zoom) [look.x, look.y] = middleOf(number);
  showPicture();
  showRegion();
  showEvidence();
}

function step(by) {
  const all = rows().map(numberOf);
  const place = all.indexOf(current) + by;
  if (place >= 0 && place < all.length) focusRow(all[place]);
}

function nextOpen() {
  const all = rows().map(numberOf), after = all.indexOf(current) + 1;
  const open = [...all.slice(after), ...all.slice(0, after)].find((number) => !marks.get(number)?.occurrence);
  if (open) focusRow(open);
}

desk.addEventListener("focusin", ({ target }) => {
  const row = target.closest(".va-row");
  if (row) focusRow(numberOf(row), "pointer");
});
desk.addEventListener("pointerdown", ({ target }) => {
  const row = target.closest(".va-row");
  if (row) focusRow(numberOf(row), "pointer");
});
desk.addEventListener("change", ({ target }) => {
  const { part } = target.dataset;
  if (part) mark(numberOf(target.closest(".va-row")), part, part === "intensity" ? Number(target.value) : target.value);
});
// Pressing what is chosen takes it back.
let chosenBefore = null;
desk.addEventListener("pointerdown", ({ target }) => {
  const input = target.closest(".va-row label")?.querySelector("input");
  chosenBefore = input?.checked ? input : null;
});
desk.addEventListener("click", (event) => {
  const input = chosenBefore;
  chosenBefore = null;
  if (!input || event.target.closest("label")?.querySelector("input") !== input) return;
  event.preventDefault();
  const number = numberOf(input.closest(".va-row"));
  if (input.dataset.part === "occurrence") clear(number);
  else mark(number, input.dataset.part, null);
});
desk.addEventListener("focusout", ({ target }) => {
  if (!task || !target.matches("textarea")) return;
  const row = target.closest(".va-row");
  queueMicrotask(() => (row ? showRow(numberOf(row)) : showDescription()));
});
desk.addEventListener("input", ({ target }) => {
  if (!target.matches("textarea")) return;
  target.value = target.value.replace(/[\r\n]+/g, " ");
  write(target, target.value);
});
