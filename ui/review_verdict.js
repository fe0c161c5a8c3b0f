// Part of the Review page's script (ui/review.py joins the parts into one function; `element`, `server` are Gradio's).
// The verdict that is being made: it lives in the buttons and fields of the page, and a copy of it in this tab.
const root = element.querySelector(".vr");
const body = root.querySelector(".vr-body");
const page = () => body.querySelector(".vr-page");
const item = () => body.querySelector(".vr-item");
const rows = () => [...body.querySelectorAll(".vr-row")];
const sheet = { model: false, warned: false };

// ---- one row

const pressed = (row, name) => row.querySelector(`[data-set=${name}][aria-pressed=true]`)?.value ?? null;

function press(row, name, value) {
  for (const button of row.querySelectorAll(`[data-set=${name}]`))
    button.setAttribute("aria-pressed", String(value !== null && button.value === String(value)));
}

function verdict(row) {
  const intensity = pressed(row, "intensity");
  return {
    number: Number(row.dataset.number),
    occurrence: pressed(row, "occurrence"),
    intensity: intensity && Number(intensity),
    side: pressed(row, "side"),
    text: (row.querySelector(".vr-text")?.value.trim() ?? row.dataset.text) || null,
  };
}

function lay(row, { occurrence = null, intensity = null, side = null, text = null }) {
  press(row, "occurrence", occurrence);
  press(row, "intensity", intensity);
  press(row, "side", side);
  const sentence = row.querySelector(".vr-text");
  if (sentence) sentence.value = text ?? "";
  else row.dataset.text = text ?? ""; // one that only says what is marked is taken along without being shown
}

// Choosing the same again takes it back; an intensity or a side makes the unit present.
function choose(row, name, value) {
  const next = verdict(row);
  next[name] = next[name] === value ? null : value;
  if (name !== "occurrence") next.occurrence = "present";
  if (next.occurrence !== "present") next.intensity = next.side = null;
  if (!row.querySelector(".vr-text")) next.text = null;
  lay(row, next);
  changed();
}

const said = (button) => JSON.parse(button.dataset.take);
const answers = (row) => [...row.querySelectorAll("[data-take]")];

function take(row, button) {
  lay(row, said(button));
  changed();
}

// The answer to the left or right of the one that was taken; at first the leftmost or rightmost.
function takeBeside(row, step) {
  const all = answers(row);
  const now = all.findIndex((button) => button.classList.contains("vr-taken"));
  const first = step > 0 ? all.length - 1 : 0;
  const next = all[now < 0 ? first : Math.min(Math.max(now + step, 0), all.length - 1)];
  if (next) take(row, next);
}

function takeAll(person) {
  const theirs = body.querySelectorAll(`[data-take][data-person="${person}"]`);
  theirs.forEach((button) => lay(button.closest(".vr-row"), said(button)));
  if (theirs.length) changed();
}

function confirmAgreed() {
  const agreed = rows().filter((row) => row.dataset.common);
  agreed.forEach((row) => lay(row, { ...JSON.parse(row.dataset.common), text: verdict(row).text }));
  if (!agreed.length) return tell("There is nothing on which all agree.");
  agreed[0].closest("details").open = true;
  changed();
}

// ---- all rows

const marked = () => rows().filter((row) => pressed(row, "occurrence"));
const contradictions = () => rows().filter((row) => row.dataset.kind === "0");
const stillOpen = () => contradictions().filter((row) => !pressed(row, "occurrence"));

function answer() {
  return {
    units: rows().map(verdict).filter(({ occurrence, text }) => occurrence || text),
    description: body.querySelector(".vr-description").value.trim() || null,
  };
}

const note = () => body.querySelector(".vr-note").value.trim();

function changed() {
  sheet.warned = false;
  showVerdict();
  keepCopy({ answer: answer(), note: note() });
}

function showVerdict() {
  for (const row of rows()) {
    const now = verdict(row);
    row.dataset.chosen = now.occurrence ?? "";
    for (const button of answers(row)) {
      const theirs = said(button);
      button.classList.toggle("vr-taken", ["occurrence", "intensity", "side"].every((name) => theirs[name] === now[name]));
    }
  }
  const all = contradictions().length, decided = all - stillOpen().length;
  const parts = [`${marked().length} marked`];
  if (all) parts.unshift(`${decided} of ${all} contradiction${all > 1 ? "s" : ""} decided`);
  tell(parts.join(" · "));
}

function tell(text, warning = false) {
  const status = body.querySelector(".vr-actions .vr-status");
  status.textContent = text;
  status.classList.toggle("vr-warning", warning);
}

// ---- the copy that survives a reload

const copyName = () => `vl-review ${item().dataset.item} ${item().dataset.mark}`;

function keepCopy(copy) {
  try { sessionStorage.setItem(copyName(), JSON.stringify(copy)); } catch { /* then it lasts as long as the page */ }
}

function dropCopy(name) {
  try { sessionStorage.removeItem(name); } catch { /* there is none */ }
}

function takeCopy() {
  let copy = null;
  try { copy = JSON.parse(sessionStorage.getItem(copyName())); } catch { /* there is none */ }
  if (!copy) return;
  for (const row of rows()) lay(row, copy.answer.units.find(({ number }) => number === Number(row.dataset.number)) ?? {});
  body.querySelector(".vr-description").value = copy.answer.description ?? "";
  body.querySelector(".vr-note").value = copy.note;
  marked().forEach((row) => { if (row.closest("details")) row.closest("details").open = true; });
}
