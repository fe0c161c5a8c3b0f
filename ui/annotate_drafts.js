// Part of the Annotate page's script: what is in hand, and keeping it on the server and, until that is done, here.
const SAVE_AFTER_MS = 1500;
const TRY_AGAIN_MS = 5000;
const NO_ANSWER_MS = 20000;
const IDLE_MS = 60000;
const KEPT_DAYS = 30;

let session = { me: null, project: null };
let task = null; // the face in hand, as ui/annotate_view.py describes it
let marks = new Map(); // number -> mark
let description = null; // what the person wrote of the whole face
let seconds = 0;
let aided = true; // what the model says is shown
let wasAided = true; // it has been shown while this face was in hand
let sending = false; // a message that brings another face is on its way

// One message and its reply; undefined when there was none, because the connection or the server is down.
async function ask(message) {
  const late = new Promise((resolve) => setTimeout(resolve, NO_ANSWER_MS));
  const reply = await Promise.race([server.act(message), late]);
  return reply ?? undefined;
}

// Of the sentences only those that the person typed; what the page writes to fit the marks is nobody's own.
function answer() {
  const units = NUMBERS.filter((number) => marks.has(number)).map((number) => {
    const { occurrence, intensity, side, text } = marks.get(number);
    return { number, occurrence, intensity, side, text };
  });
  return { units, description, seconds: Math.round(seconds), blind: !wasAided };
}

const model = (number) => (aided ? task?.model[number] : undefined);

// The sentence that follows from the mark, when what the model wrote does not fit it; null leaves the model's.
function written(number) {
  const mark = marks.get(number), said = model(number);
  if (!said?.text || !mark?.occurrence) return null;
  const agrees =
    (mark.occurrence === "present") === said.present &&
    (mark.intensity === null || mark.intensity === said.intensity) &&
    (mark.side === null || mark.side === said.side);
  return agrees ? null : sentence(number, mark);
}

function writtenDescription() {
  if (!aided || !task?.description || !task.named) return null;
  const sides = new Map(task.named.map((number) => [number, task.model[number]?.side ?? "both"]));
  for (const [number, { occurrence, side }] of marks) {
    if (occurrence === "present") sides.set(number, side ?? sides.get(number) ?? "both");
    if (occurrence === "absent") sides.delete(number);
  }
  const same = sides.size === task.named.length && task.named.every((number) => sides.has(number));
  return same ? null : describeFace(sides);
}

// What was kept, back into marks; copies of an earlier version of this page hold sentences that it wrote itself.
function take(kept) {
  marks = new Map(kept?.units.map(({ number, ...mark }) => [number, { intensity: null, side: null, text: null, ...mark }]));
  for (const [number, mark] of marks) if (mark.text !== null && mark.text === written(number)) mark.text = null;
  description = kept?.description ?? null;
  if (description === writtenDescription()) description = null;
  seconds = kept?.seconds ?? 0;
}

// ---- this browser's own copy, until the server has it

const copyName = (item) => `vl-draft-${session.me}-${item}`;

function copyHere() {
  try {
    localStorage.setItem(copyName(task.item), JSON.stringify({ at: Date.now(), answer: answer() }));
    return true;
  } catch {
    return false; // no room, or not allowed
  }
}

function copyFound(item) {
  try {
    return JSON.parse(localStorage.getItem(copyName(item)))?.answer ?? null;
  } catch {
    return null;
  }
}

function dropCopy(item) {
  try {
    localStorage.removeItem(copyName(item));
  } catch {
    // where nothing can be kept there is nothing to remove
  }
}

function dropOldCopies() {
  try {
    for (const name of Object.keys(localStorage).filter((key) => key.startsWith("vl-draft-"))) {
      const { at } = JSON.parse(localStorage.getItem(name)) ?? {};
      if (!(Date.now() - at < KEPT_DAYS * 86400000)) localStorage.removeItem(name);
    }
  } catch {
    // as above
  }
}

// ---- the server's copy

let unsaved = false, saving = false, timer = 0;

function changed() {
  unsaved = true;
  say(copyHere() ? "Not saved yet" : "Not saved yet, and this browser keeps no copy", "waiting");
  later(SAVE_AFTER_MS);
}

function later(ms) {
  clearTimeout(timer);
  timer = setTimeout(save, ms);
}

async function save() {
  clearTimeout(timer);
  if (!unsaved || saving || sending || !task) return;
  const { lease, item } = task;
  [unsaved, saving] = [false, true];
  say("Saving …", "waiting");
  const reply = await ask({ do: "draft", lease, answer: answer() });
  saving = false;
  if (task?.lease !== lease) return;
  if (!reply) {
    unsaved = true;
    say("No connection. What you marked is kept in this browser.", "down");
    return later(TRY_AGAIN_MS);
  }
  if (reply.error) {
    unsaved = true;
    say("Not saved", "down");
    return refused(reply);
  }
  showContradictions(reply.contradictions);
  if (unsaved) return later(SAVE_AFTER_MS); // more was marked meanwhile
  dropCopy(item);
  say("Saved", "saved");
}

function say(text, state) {
  const line = root.querySelector(".va-saved");
  line.textContent = text;
  line.dataset.state = state;
}

// ---- time spent: while the page is in view and somebody is doing something

let lastSign = Date.now();
for (const sign of ["keydown", "pointermove", "pointerdown", "scroll"])
  document.addEventListener(sign, () => { lastSign = Date.now(); }, { passive: true, capture: true });
setInterval(() => {
  if (task && !document.hidden && Date.now() - lastSign < IDLE_MS) seconds += 1;
}, 1000);

document.addEventListener("visibilitychange", () => document.hidden && save());
window.addEventListener("online", save);
