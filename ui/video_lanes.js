// The curves under the player: one lane for each chosen action unit, all on one time axis.
const LANE_PX = 46, AXIS_PX = 22, NARROW_PX = 560;
const rows = find(".vv-rows"), axis = find(".vv-axis"), headline = find(".vv-head");

// What is looked at: a face, some units, probability "p" or intensity "i".
const view = { track: null, units: [], measure: "p", touched: false, time: 0 };
const currentTrack = () => (view.track === null ? null : reel.tracks.get(view.track));
const until = () => Math.max(reel.duration_s, reel.times.at(-1) ?? 0, 0.1);
const lanesLeft = () => rows.querySelector("canvas")?.offsetLeft ?? 0;
const lanesWidth = () => rows.querySelector("canvas")?.clientWidth ?? 0;

function buildLanes() {
  const numbers = reel.units.filter((number) => view.units.includes(number));
  rows.replaceChildren(...numbers.map((number) => {
    const unit = unitOf(number);
    const lane = document.createElement("div");
    lane.className = "vv-lane";
    lane.dataset.unit = number;
    lane.innerHTML = `<div class="vv-lane-name"><b>AU${number}</b> <span></span><output></output></div><canvas role="img"></canvas>`;
    lane.querySelector("span").textContent = unit.name;
    return lane;
  }));
  find(".vv-no-lane").hidden = numbers.length > 0;
  headline.hidden = axis.hidden = !numbers.length;
  drawLanes();
}

function drawLanes() {
  const track = currentTrack();
  for (const lane of rows.children) {
    const unit = reel.place.get(Number(lane.dataset.unit));
    const canvas = lane.querySelector("canvas");
    drawLane(canvas, track, unit);
    canvas.setAttribute("aria-label", laneInWords(track, unit));
  }
  drawAxis();
  moveHead();
}

// A canvas as sharp as the screen; gives its context, already cleared, in CSS pixels.
function prepared(canvas, height) {
  const ratio = globalThis.devicePixelRatio || 1, width = canvas.clientWidth;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [pen, width];
}

function drawLane(canvas, track, unit) {
  const [pen, width] = prepared(canvas, LANE_PX);
  const colour = colours();
  const x = (time) => (time / until()) * width;
  const top = view.measure === "p" ? 1 : 5, low = LANE_PX - 6;
  const y = (value) => low - (value / top) * (low - 4);
  pen.fillStyle = colour.track;
  const read = reel.done ? until() : reel.times.at(-1) ?? 0;
  pen.fillRect(x(read), 2, width - x(read), LANE_PX - 4); // not read (yet)
  pen.fillRect(0, low, width, 1);
  if (!track) return;
  for (const event of eventsOf(track, reel.units[unit])) drawEvent(pen, event, x, low, colour);
  if (view.measure === "p") {
    pen.strokeStyle = colour.quiet;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    pen.moveTo(0, y(reel.thresholds[unit]));
    pen.lineTo(width, y(reel.thresholds[unit]));
    pen.stroke();
    pen.setLineDash([]);
  }
  drawCurve(pen, track, track[view.measure][unit], x, y, Math.ceil(width), colour.accent);
}

function drawEvent(pen, event, x, low, colour) {
  const from = x(event.onset), to = Math.max(x(event.offset), from + 2);
  pen.fillStyle = colour.soft;
  pen.fillRect(from, 2, to - from, low - 2);
  pen.fillStyle = colour.accent;
  pen.fillRect(from, low - 1, to - from, 5);
  if (event.begun) pen.fillRect(from - 1, low - 6, 2, 10);
  if (event.ended) pen.fillRect(to - 1, low - 6, 2, 10);
  pen.beginPath();
  pen.arc(x(event.apex), low + 1.5, 4.5, 0, 7);
  pen.fillStyle = colour.text;
  pen.fill();
}

// However many pictures there are, each column of pixels gets one line from its least to its largest value.
function drawCurve(pen, track, values, x, y, width, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.6;
  pen.lineJoin = "round";
  pen.beginPath();
  let column = null, before = -Infinity, drawing = false;
  const flush = () => {
    if (!column) return;
    if (!drawing) pen.moveTo(column.x, y(column.first));
    else pen.lineTo(column.x, y(column.first));
    if (column.low !== column.high) {
      pen.lineTo(column.x, y(column.low));
      pen.lineTo(column.x, y(column.high));
      pen.lineTo(column.x, y(column.last));
    }
    if (!drawing) pen.lineTo(column.x + 0.6, y(column.last)); // one picture alone is a dot
    drawing = true;
  };
  for (let place = 0; place < values.length; place++) {
    const time = reel.times[track.at[place]], value = values[place];
    if (Number.isNaN(value)) continue;
    const at = Math.min(Math.round(x(time) * 2) / 2, width);
    const broken = time - before > longestGap();
    if (column && at === column.x && !broken) {
      column.low = Math.min(column.low, value);
      column.high = Math.max(column.high, value);
      column.last = value;
    } else {
      flush();
      if (broken) drawing = false;
      column = { x: at, first: value, low: value, high: value, last: value };
    }
    before = time;
  }
  flush();
  pen.stroke();
}

function drawAxis() {
  const width = lanesWidth();
  axis.style.marginLeft = `${lanesLeft()}px`;
  axis.style.width = `${width}px`;
  const [pen] = prepared(axis, AXIS_PX);
  if (!width) return;
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60];
  const gap = steps.find((each) => (each / until()) * width >= 56) ?? 120;
  pen.fillStyle = pen.strokeStyle = colours().subdued;
  pen.font = `12px ${getComputedStyle(root).fontFamily}`;
  for (let count = 0; count * gap <= until() + 1e-9; count++) {
    const time = count * gap, at = (time / until()) * width;
    pen.fillRect(Math.min(at, width - 1), 0, 1, 5);
    const text = gap < 1 ? time.toFixed(1) : `${Math.floor(time / 60)}:${String(time % 60).padStart(2, "0")}`;
    pen.textAlign = count ? (at > width - 20 ? "right" : "center") : "left";
    pen.fillText(text, at, 18);
  }
}

function moveHead() {
  headline.style.left = `${lanesLeft() + (view.time / until()) * lanesWidth()}px`;
}

const eventsOf = (track, number) => reel.events.filter((event) => event.track === track.number && event.number === number);

function laneInWords(track, unit) {
  const name = `AU${reel.units[unit]} ${unitOf(reel.units[unit]).name}`;
  if (!track) return name;
  const events = eventsOf(track, reel.units[unit]);
  if (!events.length) return `${name}: no event`;
  return `${name}: ${events.length} event${events.length > 1 ? "s" : ""}, the apex ${events.map(
    (event) => `at ${clock(event.apex)} with intensity ${event.letter}`).slice(0, 5).join(", ")}`;
}

// The page's own colours, light or dark.
let known = null;
const colours = () => (known ??= (() => {
  const style = getComputedStyle(root), of = (name) => style.getPropertyValue(name).trim();
  return {
    accent: of("--vl-accent"), soft: of("--vl-accent-soft"), quiet: of("--vl-quiet"), track: of("--vl-track"), text: of("--vl-tick"),
    subdued: of("--body-text-color-subdued"),
  };
})());

new ResizeObserver(() => {
  known = null;
  if (reel && !find(".vv-result").hidden) requestAnimationFrame(drawLanes);
}).observe(rows);

// Click or drag anywhere in the lanes to go there.
const lanes = find(".vv-lanes");
let dragging = false;
function goTo(event) {
  const left = rows.getBoundingClientRect().left + lanesLeft();
  seek(((event.clientX - left) / lanesWidth()) * until());
}
lanes.addEventListener("pointerdown", (event) => {
  if (!event.target.closest("canvas") || event.button) return;
  dragging = true;
  lanes.setPointerCapture(event.pointerId);
  goTo(event);
});
lanes.addEventListener("pointermove", (event) => dragging && goTo(event));
for (const end of ["pointerup", "pointercancel"]) lanes.addEventListener(end, () => { dragging = false; });
