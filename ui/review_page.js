// Part of the Review page's script: where one is, what is sent, and what each button does.
const NO_CONNECTION = "No answer from the server. What you marked is kept in this tab. Try again in a moment.";

function place() {
  const { tab, state, project } = page()?.dataset ?? {};
  return { tab, state, project: Number(project) || null, item: Number(item()?.dataset.item) || null };
}

const go = (to) => send({ ...place(), ...to, do: "go" });

// ---- what comes back

function show(html) {
  body.innerHTML = html;
  notice("");
  if (!page().dataset.tab) return;
  keepPlace();
  if (item()) showFace();
  if (body.querySelector("[data-at-once]")) send({ ...place(), do: "measure" });
}

function showFace() {
  sheet.warned = false;
  showModel(sheet.model);
  takeCopy();
  showVerdict();
  const card = body.querySelector(".vr-strip [aria-current]");
  if (card) card.closest("ol").scrollLeft = card.closest("li").offsetLeft - 40;
  window.scrollTo(0, 0);
  setCurrent(inView()[0]);
  inView()[0]?.focus({ preventScroll: true });
}

function showModel(on) {
  sheet.model = on;
  item().classList.toggle("vr-with-model", on);
  body.querySelector("[data-do=model]")?.setAttribute("aria-pressed", String(on));
}

function view(name) {
  const picture = body.querySelector(".vr-picture"), image = picture.querySelector("img");
  picture.dataset.view = name;
  image.src = image.dataset[name];
  for (const button of body.querySelectorAll("[data-view][aria-pressed]")) button.setAttribute("aria-pressed", String(button.dataset.view === name));
}

// ---- what can be done with a face

function nextInList() {
  const cards = [...body.querySelectorAll(".vr-strip [data-open]")].map((card) => Number(card.dataset.open));
  const next = cards[cards.indexOf(Number(item().dataset.item)) + 1] ?? cards[0];
  return next === Number(item().dataset.item) ? null : next ?? null;
}

async function decide(verb, more = {}) {
  closeDialogs();
  const copy = copyName();
  const reply = await send({ ...place(), note: note(), ...more, do: "decide", verb, mark: item().dataset.mark, next: nextInList() });
  if (reply?.html !== undefined) dropCopy(copy);
}

function somethingIsMarked() {
  if (!marked().length) tell("Nothing is marked. Mark at least one action unit, ask for one more answer, or set the face aside.", true);
  return marked().length > 0;
}

function settle() {
  if (!somethingIsMarked()) return;
  const open = stillOpen();
  if (!open.length || sheet.warned) return decide("settle", { answer: answer() });
  sheet.warned = true;
  focusRow(open[0]);
  const names = open.map((row) => `AU${row.dataset.number}`).join(", ");
  tell(`${names} ${open.length > 1 ? "are" : "is"} still open. Settle again to leave it so: there the answers stand as they are.`, true);
}

function setAside() {
  const reason = body.querySelector(".vr-reason");
  if (reason.value.trim()) decide("aside", { note: reason.value.trim() });
  else reason.focus();
}

const offered = (name, action) => () => body.querySelector(`.vr-actions [data-do=${name}]`) && action();
const actions = {
  settle: offered("settle", settle),
  back: offered("back", () => decide("back")),
  gold: offered("gold", () => somethingIsMarked() && ask("gold")),
  "gold-yes": () => decide("gold", { answer: answer() }),
  aside: offered("aside", () => ask("aside")),
  "aside-yes": setAside,
  later: () => go({ item: nextInList() ?? place().item }),
  confirm: confirmAgreed,
  model: () => showModel(!sheet.model),
  measure: () => send({ ...place(), do: "measure" }),
  guide: () => showGuideline(currentRow()?.dataset.number ?? 0),
  close: closeDialogs,
};

root.addEventListener("click", ({ target }) => {
  if (target.matches("dialog")) return target.close();
  const button = target.closest("button"), row = target.closest(".vr-row");
  if (row) setCurrent(row);
  if (!button) return;
  const { set, person, takeAll: all, sentence, open, state, tab, view: picture, reason, guideline } = button.dataset;
  if (set) choose(row, set, set === "intensity" ? Number(button.value) : button.value);
  else if (person) take(row, button);
  else if (all) takeAll(all);
  else if (sentence) { body.querySelector(".vr-description").value = sentence; changed(); }
  else if (open) go({ tab: "faces", item: Number(open) });
  else if (state) go({ state, item: null });
  else if (tab) go({ tab });
  else if (picture) view(picture);
  else if (reason) body.querySelector(".vr-reason").value = reason;
  else if (guideline) showGuideline(guideline);
  else actions[button.dataset.do]?.();
});

root.addEventListener("focusin", ({ target }) => target.closest(".vr-row") && setCurrent(target.closest(".vr-row")));
root.addEventListener("input", ({ target }) => target.matches(".vr-text, .vr-description, .vr-note") && changed());
root.addEventListener("change", ({ target }) => target.closest(".vr-project") && go({ project: Number(target.value), item: null }));
root.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches(".vr-reason")) return;
  event.preventDefault();
  setAside();
});

root.addEventListener("submit", (event) => {
  if (!event.target.matches(".vr-settings")) return exporting(event.target);
  event.preventDefault();
  const settings = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, Number(value)]));
  send({ ...place(), do: "change", settings });
});

// The file goes to the browser's downloads; what comes into the frame is a refusal.
function exporting(form) {
  const status = form.querySelector(".vr-status");
  status.textContent = "The download begins when everything is packed.";
  form.querySelector("iframe").onload = ({ target }) => {
    const text = target.contentDocument?.body?.textContent;
    if (!text) return;
    try { status.textContent = JSON.parse(text).message; } catch { status.textContent = "The download failed. Try again."; }
  };
}

send({ ...there, project: Number(there.project) || null, item: Number(there.item) || null, do: "go" });
