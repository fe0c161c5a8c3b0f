// From the file to the last answer: sending it, asking for one turn of reading after the other, stopping, keys.
const zone = find(".vv-drop"), input = zone.querySelector("input"), result = find(".vv-result");
const reading = { file: null, since: 0, stop: false };

const say = (text) => { zone.querySelector(".vl-status").textContent = text; };

async function send(file) {
  if (!file || zone.dataset.state) return;
  say("");
  if (file.size > book.limits.bytes) {
    input.value = "";
    return say(`The video file is larger than ${book.limits.bytes / 1e6} MB. Cut it, or save it smaller.`);
  }
  zone.dataset.state = "sending";
  try {
    // The server keeps equal files under equal names, and removes each when it is open: let no two be equal.
    const name = `${crypto.getRandomValues(new Uint32Array(4)).join("")}.video`;
    const { path } = await upload(new File([file], name, { type: file.type }));
    zone.dataset.state = "reading";
    reading.file = file;
    reading.stop = false;
    trigger("video", { path, name: file.name, closely: find("[name=vv-closely]:checked").value });
  } catch {
    delete zone.dataset.state; // Gradio has said why
  }
  input.value = "";
}

function begin(message) {
  reel = newReel(message);
  Object.assign(view, { track: null, units: [], touched: false, time: 0 });
  reading.since = performance.now();
  delete zone.dataset.state;
  find(".vv-start").hidden = true;
  result.hidden = false;
  find(".vv-note").hidden = true;
  faces.dataset.key = "";
  faces.hidden = find(".vv-face-note").hidden = true;
  openFile(reading.file);
  chooseUnits([]);
  progress();
  globalThis.scrollTo(0, 0);
  result.focus({ preventScroll: true });
  trigger("more", {});
}

function take(message) {
  if (!reel || reel.done) return;
  const first = reel.times.length === 0;
  addToReel(message);
  if (first) find(".vv-stage").style.aspectRatio = `${reel.size[0]} / ${reel.size[1]}`;
  showFaces();
  if (view.track === null && reel.tracks.size) chooseFace([...reel.tracks.keys()][0]);
  else if (view.track !== null && !view.touched && (first || message.events.length || message.done)) chooseFace(view.track);
  else drawLanes();
  if (view.track !== null) sayWarnings();
  showEvents();
  show(view.time);
  progress();
  if (message.note) note(message.note);
  if (message.done) {
    if (!reel.tracks.size) note("No face was found in this video. Use one in which faces are seen from the front, in even light and uncovered.");
  } else trigger("more", { stop: reading.stop });
}

function note(text) {
  find(".vv-note").textContent = text;
  find(".vv-note").hidden = false;
}

function progress() {
  const share = reel.done ? 1 : Math.min((reel.times.at(-1) ?? 0) / reel.duration_s, 0.99);
  const spent = (performance.now() - reading.since) / 1000;
  const left = share > 0.02 && spent > 2 ? `, about ${duration((spent / share) * (1 - share))} left` : "";
  find(".vv-progress progress").value = share;
  find(".vv-bar").classList.toggle("vv-done", reel.done);
  find("[data-do=stop]").hidden = reel.done;
  find("[data-do=stop]").disabled = reading.stop;
  const pictures = `${reel.times.length} picture${reel.times.length === 1 ? "" : "s"}`;
  find(".vv-progress [role=status]").textContent = reel.done
    ? `${reading.stop ? "Stopped after" : "Read"} ${pictures}${reel.every > 1 ? `, one of ${reel.every}` : ""}, up to ${clock(reel.times.at(-1) ?? 0)}.`
    : `Reading: ${Math.round(100 * share)} %${left}`;
}

const duration = (time) => (time < 90 ? `${Math.max(1, Math.round(time))} s` : `${Math.round(time / 60)} min`);

// An error ended the reading; Gradio has told it. What was read before stays.
root.addEventListener("failed", () => {
  delete zone.dataset.state;
  if (!reel || reel.done) return;
  if (reel.times.length) {
    reel.done = reading.stop = true;
    drawLanes();
    progress();
  } else again();
});

function again() {
  trigger("leave");
  closeFile();
  reel = null;
  result.hidden = true;
  find(".vv-start").hidden = false;
  find(".vv-drop [data-do=choose]").focus();
}

watch("value", () => {
  const message = JSON.parse(props.value || "null");
  if (message?.kind === "begin") begin(message);
  else if (message) take(message);
});

const actions = {
  choose: () => input.click(),
  again,
  stop: () => { reading.stop = true; progress(); },
  play: togglePlay,
  back: () => stepTo(-1),
  on: () => stepTo(1),
  active: () => { view.touched = false; if (currentTrack()) chooseUnits(mostActive(currentTrack(), 6)); },
  none: () => { view.touched = true; chooseUnits([]); },
};
root.addEventListener("click", ({ target }) => {
  const { do: action, file } = target.closest("button")?.dataset ?? {};
  if (file) download(target.closest("button"));
  else actions[action]?.();
});

input.addEventListener("change", () => send(input.files[0]));
const anywhere = {
  dragover: (event) => { if (!reel) { event.preventDefault(); zone.classList.add("vl-over"); } },
  dragleave: () => zone.classList.remove("vl-over"),
  drop: (event) => {
    if (reel) return;
    event.preventDefault();
    zone.classList.remove("vl-over");
    const [file] = event.dataTransfer.files;
    if (file && (!file.type || file.type.startsWith("video/") || file.type === "image/gif")) send(file);
    else say("That is not a video. Drop a video file.");
  },
};

// ---- keys: the number of an action unit may have two digits, so the first waits a moment for the second

let typed = "", typing = 0;
function digit(key) {
  clearTimeout(typing);
  typed += key;
  const done = () => {
    const number = Number(typed);
    typed = "";
    if (indexOf.has(number)) toggleUnit(number);
  };
  if (typed.length > 1 || !book.units.some(({ number }) => number > 9 && String(number)[0] === typed)) done();
  else typing = setTimeout(done, 700);
}

const keys = {
  " ": togglePlay,
  ArrowLeft: (event) => (event.shiftKey ? seek(view.time - 1) : stepTo(-1)),
  ArrowRight: (event) => (event.shiftKey ? seek(view.time + 1) : stepTo(1)),
  Home: () => seek(0),
  End: () => seek(until()),
  b: () => find("[data-mark=box]").click(),
  f: () => find("[data-mark=outline]").click(),
  n: () => find("[data-mark=names]").click(),
};
anywhere.keydown = (event) => {
  if (!reel || event.ctrlKey || event.metaKey || event.altKey) return;
  const on = document.activeElement;
  if (on?.matches("select, textarea, input[type=text], input[type=radio]")) return;
  if (event.key === " " && on?.matches("button, summary, input[type=checkbox]")) return; // presses what has the focus
  if (/^[0-9]$/.test(event.key)) return digit(event.key);
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action(event);
};
for (const [name, action] of Object.entries(anywhere)) {
  const listener = (event) => (element.isConnected ? action(event) : document.removeEventListener(name, listener));
  document.addEventListener(name, listener);
}
