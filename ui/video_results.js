// Beside and under the player: which face, which action units, the events, and the files to take away.
const faces = find(".vv-faces");
const unitBoxes = new Map(all(".vv-unit").map((label) => {
  const input = label.querySelector("input");
  return [Number(input.dataset.unit), { label, input, fill: label.querySelector("i") }];
}));

function chooseUnits(numbers) {
  view.units = numbers;
  for (const [number, { input }] of unitBoxes) input.checked = numbers.includes(number);
  buildLanes();
  showEvents();
  show(view.time);
}

function toggleUnit(number) {
  if (!reel.place.has(number)) return;
  view.touched = true;
  chooseUnits(view.units.includes(number) ? view.units.filter((each) => each !== number) : [...view.units, number]);
}

function chooseFace(number) {
  view.track = number;
  for (const input of faces.querySelectorAll("input")) input.checked = Number(input.value) === number;
  if (!view.touched) chooseUnits(mostActive(currentTrack(), 6));
  else chooseUnits(view.units);
  sayWarnings();
}

// Faces by their pictures, those that are seen longest first; a row only when there are several.
function showFaces() {
  const tracks = [...reel.tracks.values()].sort((a, b) => b.at.length - a.at.length);
  faces.hidden = tracks.length < 2;
  const key = tracks.map((track) => [track.number, track.portrait.length, seconds(track.at.length * reel.step_s)]).join();
  if (faces.dataset.key === key) return;
  faces.dataset.key = key;
  const focused = faces.contains(document.activeElement);
  faces.innerHTML = `<p>${tracks.length} faces. Choose one:</p><div>${tracks.map((track) => `<div class="vl-choice">
    <input class="vl-hidden" type="radio" name="vv-face" id="vv-face-${track.number}" value="${track.number}">
    <label for="vv-face-${track.number}"><img src="${track.portrait}" alt=""><span>Face ${track.number + 1}</span>
    <small>${seconds(track.at.length * reel.step_s)}</small></label></div>`).join("")}</div>`;
  for (const input of faces.querySelectorAll("input")) {
    input.checked = Number(input.value) === view.track;
    if (focused && input.checked) input.focus();
  }
}

const seconds = (time) => (time < 10 ? `${time.toFixed(1)} s` : `${Math.round(time)} s`);
const WARNINGS = {
  yaw: "turned far to the side", pitch: "tilted far up or down", size: "small", blur: "blurred",
  confidence: "perhaps no face, or badly outlined", edge: "cut off by the edge", occlusion: "partly covered",
};

function sayWarnings() {
  const track = currentTrack(), line = find(".vv-face-note");
  const found = [...track.warned].map(([code, count]) => [book.warnings[code], count / track.at.length]).filter(([, share]) => share >= 0.05);
  line.hidden = !found.length;
  line.textContent = `Read this face with care: ${found.map(([code, share]) => `${WARNINGS[code] ?? code} in ${Math.round(100 * share)} % of the pictures`).join(", ")}.`;
}

function showEvents() {
  const everything = find("[data-all-events]").checked;
  const events = reel.events
    .filter((event) => event.track === view.track && (everything || view.units.includes(event.number)))
    .sort((a, b) => a.onset - b.onset || a.number - b.number);
  find(".vv-no-events").hidden = events.length > 0;
  find(".vv-no-events").textContent = events.length ? "" : whyNoEvents(everything);
  find(".vv-table").hidden = !events.length;
  find(".vv-table tbody").innerHTML = events.map((event) => `<tr role="row" data-onset="${event.onset}" data-apex="${event.apex}" data-offset="${event.offset}">
    <th scope="row" role="rowheader"><b>AU${event.number}</b> ${unitOf(event.number).name}</th>
    ${["onset", "apex", "offset"].map((name) => `<td role="cell"><button type="button" data-go="${event[name]}" aria-label="Go to the ${name}">${
      name === "onset" && !event.begun ? "before " : name === "offset" && !event.ended ? "after " : ""}${clock(event[name])}</button></td>`).join("")}
    <td role="cell">${(event.offset - event.onset).toFixed(2)} s</td><td role="cell">${event.letter}, ${Math.min(Math.round(100 * event.peak), 99)} %</td></tr>`).join("");
}

// Why the table is empty: of which action units there is no event, and which others have some.
function whyNoEvents(everything) {
  const yet = reel.done ? "" : " so far";
  if (view.track === null) return `There are no events${yet}.`;
  const others = new Set(reel.events.filter((event) => event.track === view.track).map((event) => event.number));
  if (everything || !others.size) return `This face has no events${yet}.`;
  const first = view.units.length ? `The chosen action units have no events${yet}.` : "No action unit is chosen.";
  const codes = reel.units.filter((number) => others.has(number)).map((number) => `AU${number}`);
  const list = new Intl.ListFormat("en-GB").format(codes);
  return `${first} This face has events of ${list}: tick “of all action units” to see them.`;
}

function download(button) {
  const text = reel.tables[button.dataset.file];
  const link = document.createElement("a");
  link.download = `${reel.name.replace(/\.[^.]*$/, "") || "video"}-${button.dataset.ending}`;
  link.href = URL.createObjectURL(new Blob(text, { type: "text/csv" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

faces.addEventListener("change", ({ target }) => chooseFace(Number(target.value)));
find(".vv-units").addEventListener("change", ({ target }) => toggleUnit(Number(target.dataset.unit)));
find("[data-all-events]").addEventListener("change", showEvents);
find(".vv-table").addEventListener("click", ({ target }) => {
  const go = target.closest("[data-go]") ?? target.closest("tr")?.querySelector(`[data-go="${target.closest("tr").dataset.apex}"]`);
  if (!go) return;
  player.pause();
  seek(Number(go.dataset.go) + reel.step_s / (4 * reel.every));
});
all("[name=vv-measure]").forEach((input) => input.addEventListener("change", () => {
  view.measure = input.value;
  drawLanes();
  showNumbers();
}));
all("[data-mark]").forEach((input) => input.addEventListener("change", () => {
  marks[input.dataset.mark] = input.checked;
  drawOver();
}));
