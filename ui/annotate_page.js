// Part of the Annotate page's script: faces come and go, and what each button and key does.
const NO_CONNECTION = "No answer from the server. What you marked is kept in this browser. Try again in a moment.";
const remembered = {
  get: (name) => { try { return localStorage.getItem(`vl-annotate-${name}`); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(`vl-annotate-${name}`, value); } catch { /* for this visit only */ } },
};
let keysOn = remembered.get("keys") !== "off";
look.evidence = remembered.get("evidence") === "on";

// ---- faces come

function show(reply) {
  if (reply.me !== undefined) session.me = reply.me;
  if (reply.project !== undefined) showProjects(reply);
  if (reply.html !== undefined) showDesk(reply);
  if (reply.own !== undefined) session.own = reply.own;
  if (reply.total !== undefined) Object.assign(session, { finished: reply.finished, total: reply.total });
  if (reply.round !== undefined) showRound(reply.round);
  showProgress();
}

function showDesk(reply) {
  [task, current, unsaved] = [reply.task, null, false];
  clearTimeout(timer);
  say("", "");
  desk.innerHTML = reply.html;
  if (!task) return;
  // what is hidden by choice has not been seen; a face that was worked on with the model stays so
  aided = remembered.get("aid") !== "off";
  wasAided = aided || remembered.get("seen") === String(task.item) || Boolean(task.draft?.units.length && !task.draft.blind);
  if (wasAided) remembered.set("seen", task.item);
  const copy = copyFound(task.item);
  take(copy ?? task.draft);
  look.zoom = 0;
  showAid();
  showContradictions();
  focusRow(rows().map(numberOf).find((number) => !marks.get(number)?.occurrence) ?? numberOf(rows()[0]));
  window.scrollTo(0, 0);
  if (copy) {
    notice("What you had marked and this browser kept is back.");
    changed();
  } else if (task.draft) say("Saved", "saved");
}

function showProjects({ project, projects }) {
  session.project = project;
  const choice = root.querySelector(".va-projects");
  choice.hidden = projects.length < 2;
  choice.replaceChildren(...projects.map(([key, name]) => new Option(name, key, false, key === project)));
}

function showRound(round) {
  const line = root.querySelector(".va-round");
  if (session.round && !round) notice("You have passed the qualification round. From now on your answers count.");
  session.round = round;
  line.hidden = !round;
  line.textContent = round
    ? `Qualification round: face ${Math.min(round[0] + 1, round[1])} of ${round[1]}. These do not count yet; take your time and read the guidelines.`
    : "";
}

function showProgress() {
  const { own, finished, total } = session;
  const parts = own === undefined ? [] : [`You: ${own} ${own === 1 ? "face" : "faces"}`];
  if (total) parts.push(`Project: ${finished} of ${total} done`);
  root.querySelector(".va-progress").textContent = parts.join(" · ");
}

// A message that brings another face, or what stands in its place.
async function fetchFace(message) {
  if (sending) return;
  sending = true;
  root.classList.add("va-sending");
  const left = task;
  const reply = await ask(message);
  sending = false;
  root.classList.remove("va-sending");
  if (!reply) return notDone();
  if (reply.asked) return reply;
  if (reply.error) return refused(reply);
  notice("");
  if (reply.done && left) dropCopy(left.item);
  show(reply);
  if (reply.done && session.own % 10 === 0) refreshProgress();
  return reply;
}

function notDone() {
  notice(NO_CONNECTION, "down");
  if (task) changed();
}

function refused(reply) {
  if (reply.error === "NotSignedIn" && !task) return show({ html: reply.html, task: null });
  const signIn = reply.error === "NotSignedIn";
  const gone = ["AlreadySubmitted", "LeaseError", "Conflict", "NotAllowed", "NotFound"].includes(reply.error);
  if (signIn) notice(`${reply.message} What you marked is kept in this browser.`, "down", "Sign in", () => window.open("./account"));
  else if (!task) notice(reply.message, "down", "Try again", start);
  else if (gone) notice(reply.message, "down", "Next face", () => { dropCopy(task.item); start(); });
  else notice(reply.message, "down");
}

async function refreshProgress() {
  const reply = await ask({ do: "progress", project: session.project });
  if (reply && !reply.error) show(reply);
}

async function start() {
  const project = Number(remembered.get("project")) || null;
  const reply = await fetchFace({ do: "open", project });
  if (!reply && !task && desk.querySelector(".va-loading")) {
    desk.innerHTML = '<section class="va-empty"><h2>No connection</h2><p></p></section>';
    desk.querySelector("p").textContent = NO_CONNECTION;
    setTimeout(start, TRY_AGAIN_MS);
  }
}

// ---- faces go

async function submitFace(despite = false) {
  if (!task) return;
  if (![...marks.values()].some(({ occurrence }) => occurrence))
    return notice("Nothing is marked yet. Mark at least one action unit, or skip this face.", "down");
  const message = { do: "submit", project: session.project, lease: task.lease, answer: answer(), despite };
  const reply = await fetchFace(message);
  if (!reply?.asked) return;
  showContradictions(reply.contradictions);
  const lines = Object.values(reply.contradictions);
  const title = lines.length === 1 ? "One sentence does not fit its mark" : `${lines.length} sentences do not fit their marks`;
  if (await askFirst(title, "Go back and change the sentence or the mark, or submit both as they are.", lines, "Submit as it is", true))
    submitFace(true);
}

function skipWith(reason) {
  if (!reason.trim()) return dialog("skip").querySelector("input").focus();
  openDialog()?.close();
  if (task) fetchFace({ do: "skip", project: session.project, lease: task.lease, reason });
}

async function undoLast() {
  if (task && unsaved) await save();
  fetchFace({ do: "undo", project: session.project });
}

async function confirmRest() {
  const open = openNumbers().filter((number) => model(number));
  if (!open.length) return;
  const named = (present) => open.filter((number) => model(number).present === present).map(
    (number) => `AU${number}${present ? ` ${"ABCDE"[model(number).intensity - 1]}` : ""}`);
  const lines = [["Present", named(true)], ["Absent", named(false)]]
    .filter(([, names]) => names.length).map(([title, names]) => `${title}: ${names.join(", ")}`);
  const text = "You say with this that you looked at each of them and agree with the model.";
  const title = open.length === 1 ? "Confirm one action unit?" : `Confirm ${open.length} action units?`;
  if (!await askFirst(title, text, lines, open.length === 1 ? "Confirm it" : `Confirm all ${open.length}`)) return;
  open.forEach(confirmAsTheModel);
  notice(`${open.length} confirmed as the model says.`, "", "Take back", () => { open.forEach(clear); notice(""); });
}

function toggleAid() {
  if (!task || task.blind) return;
  aided = !aided;
  if (aided) {
    wasAided = true;
    remembered.set("seen", task.item);
  }
  remembered.set("aid", aided ? "on" : "off");
  showAid();
}

// ---- buttons and keys

const inRow = (target) => numberOf(target.closest(".va-row"));
const actions = {
  submit: () => submitFace(),
  skip: () => task && askWhySkip(),
  "skip-other": () => skipWith(dialog("skip").querySelector("input").value),
  undo: undoLast,
  history: () => showHistory(),
  keys: () => open("keys"),
  guide: (target) => showGuideline(target.closest(".va-row") ? inRow(target) : 0),
  confirm: (target) => confirmAsTheModel(inRow(target)),
  "confirm-rest": confirmRest,
  aid: toggleAid,
  photo: togglePhoto,
  "zoom-in": () => zoomBy(1),
  "zoom-out": () => zoomBy(-1),
  evidence: toggleEvidence,
  region: () => { look.outline = !look.outline; showRegion(); },
  "forget-words": (target) => {
    const row = target.closest(".va-row");
    if (row) return mark(numberOf(row), "text", null);
    description = null;
    showDescription();
    changed();
  },
  "look-again": start,
  close: (target) => target.closest("dialog").close(),
  dismiss: () => notice(""),
  "notice-action": () => noticeAction?.(),
};
root.addEventListener("click", ({ target }) => {
  const pressed = target.closest("button[data-do]");
  if (pressed) actions[pressed.dataset.do]?.(pressed);
});
root.querySelector(".va-projects").addEventListener("change", ({ target }) => {
  remembered.set("project", target.value);
  start();
});
root.addEventListener("change", ({ target }) => {
  if (target.dataset.do !== "keys-on") return;
  keysOn = target.checked;
  remembered.set("keys", keysOn ? "on" : "off");
  root.classList.toggle("va-no-keys", !keysOn);
});

const MOVES = {
  arrowdown: () => step(1),
  arrowup: () => step(-1),
  j: () => step(1),
  n: nextOpen,
  backspace: () => current && clear(current),
  t: () => current && edit(rowOf(current).querySelector("textarea")),
  d: () => edit(desk.querySelector(".va-description textarea")),
};
const GOES_ON = ["a", "u", "v", "c"]; // after these there is nothing more to say of an action unit

function edit(field) {
  field?.focus();
  field?.select();
}

// The control that a key stands on: in the row in focus, else anywhere on the page.
function controlFor(key) {
  const name = CSS.escape(key);
  return (current && rowOf(current)?.querySelector(`[data-key="${name}"]`)) ||
    root.querySelector(`.va-left [data-key="${name}"], .va-aids [data-key="${name}"], .va-bar [data-key="${name}"]`);
}

function press(event) {
  const key = (event.shiftKey && /^[a-z]$/i.test(event.key) ? "shift+" : "") + event.key.toLowerCase();
  const move = task && MOVES[key];
  if (move) {
    event.preventDefault();
    return move();
  }
  if ([" ", "enter", "tab"].includes(key)) return;
  const control = controlFor(key);
  if (!control || control.disabled || control.hidden) return;
  event.preventDefault();
  control.click();
  if (GOES_ON.includes(key) && current) step(1);
}

function pressInDialog(event) {
  const reason = dialog("skip").open && event.target.type !== "text" &&
    dialog("skip").querySelectorAll("[data-reason]")[Number(event.key) - 1];
  if (reason) reason.click();
  else if (dialog("skip").open && event.key === "Enter" && event.target.type === "text") skipWith(event.target.value);
  else return;
  event.preventDefault();
}

function onKey(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", onKey);
  if (event.isComposing || event.altKey || event.metaKey) return;
  if (openDialog()) return pressInDialog(event);
  if (event.ctrlKey) {
    if (event.key === "Enter") submitFace();
    return;
  }
  const field = event.target.closest?.("textarea, input[type=text], select");
  if (field) {
    if (["Escape", "Enter"].includes(event.key) && root.contains(field)) {
      event.preventDefault();
      if (current) rowOf(current).focus({ preventScroll: true });
    }
    return;
  }
  // Gradio's own controls around the page keep their keys
  if (event.target !== document.body && !root.contains(event.target)) return;
  if (keysOn) press(event);
}
document.addEventListener("keydown", onKey);

root.querySelector('[data-do="keys-on"]').checked = keysOn;
root.classList.toggle("va-no-keys", !keysOn);
dropOldCopies();
start();
