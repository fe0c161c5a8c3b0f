// Part of the Review page's script: rows that have the focus, and what each key does. Where the Annotate page has the
// same action it has the same key.
const inView = () => rows().filter((row) => row.offsetParent);
const chosenRow = () => body.querySelector(".vr-row[data-current]");
const currentRow = () => (chosenRow()?.offsetParent ? chosenRow() : inView()[0]);

function setCurrent(row) {
  for (const other of rows()) {
    other.tabIndex = other === row ? 0 : -1;
    other.toggleAttribute("data-current", other === row);
  }
}

function focusRow(row) {
  if (!row) return;
  if (row.closest("details")) row.closest("details").open = true;
  setCurrent(row);
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const all = inView();
  focusRow(all[Math.min(Math.max(all.indexOf(chosenRow()) + step, 0), all.length - 1)]);
}

// The next row that people contradict each other on and that has no verdict, from here on and then from the top.
function nextOpen() {
  const open = stillOpen(), here = rows().indexOf(chosenRow());
  focusRow(open.find((row) => rows().indexOf(row) > here) ?? open[0]);
}

const OCCURRENCES = { p: "present", a: "absent", u: "unsure", v: "not_visible" };
const SIDES = { l: "left", r: "right", b: "both" };
const KEYS = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  ArrowRight: () => takeBeside(currentRow(), 1),
  ArrowLeft: () => takeBeside(currentRow(), -1),
  Backspace: () => { lay(currentRow(), {}); changed(); },
  n: nextOpen,
  s: () => actions.settle(),
  c: confirmAgreed,
  w: () => actions.back(),
  x: () => actions.aside(),
  k: () => actions.later(),
  m: () => actions.model(),
  f: () => view(body.querySelector(".vr-picture").dataset.view === "photo" ? "chip" : "photo"),
  g: () => showGuideline(currentRow()?.dataset.number ?? 0),
};

const keysOff = () => { try { return localStorage.getItem("vl-annotate-keys") === "off"; } catch { return false; } };

function keyPressed(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", keyPressed);
  if (!item() || event.metaKey || event.altKey || root.querySelector("dialog[open], :popover-open")) return;
  const writing = event.target.closest("input, textarea, select");
  if (event.key === "Enter" && event.ctrlKey) return event.preventDefault(), actions.settle();
  if (writing || event.ctrlKey || keysOff()) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, row = currentRow();
  if (event.shiftKey && /^Digit[1-9]$/.test(event.code)) takeAll(Number(event.code.slice(5)) - 1);
  else if (key in OCCURRENCES) choose(row, "occurrence", OCCURRENCES[key]);
  else if (key in SIDES && row.querySelector("[data-set=side]")) choose(row, "side", SIDES[key]);
  else if (/^[1-5]$/.test(key)) choose(row, "intensity", Number(key));
  else if (key in KEYS) KEYS[key]();
  else return;
  event.preventDefault();
}
document.addEventListener("keydown", keyPressed);

function showGuideline(number) {
  const guide = root.querySelector(".va-guidelines");
  if (!guide.open) guide.showModal();
  for (const article of guide.querySelectorAll("article")) article.hidden = article.dataset.guidelineOf !== String(number);
  for (const choice of guide.querySelectorAll("nav button"))
    choice.setAttribute("aria-pressed", String(choice.dataset.guideline === String(number)));
  guide.scrollTop = 0;
}
