// The player: the visitor's own file, what was found drawn over it, and the numbers of the moment.
const player = find("video"), over = find(".vv-stage canvas"), seekBar = find(".vv-seek");
const marks = { box: true, outline: true, names: true };
let address = null; // of the file in this browser

function openFile(file) {
  closeFile();
  find(".vv-unplayable").hidden = true;
  player.hidden = false;
  address = URL.createObjectURL(file);
  player.src = address;
}

function closeFile() {
  player.pause();
  if (!address) return;
  player.removeAttribute("src");
  player.load();
  URL.revokeObjectURL(address);
  address = null;
}

const playable = () => find(".vv-unplayable").hidden;
player.addEventListener("error", () => {
  if (!address) return;
  find(".vv-unplayable").hidden = false;
  player.hidden = true;
});

function seek(time) {
  const wanted = Math.min(Math.max(time, 0), until());
  if (playable() && player.readyState > 0) player.currentTime = Math.min(wanted, player.duration || wanted);
  show(wanted);
}

// To the picture before or after, of those that were looked at; a little after its time, so that the player shows that one.
function stepTo(direction) {
  player.pause();
  const place = Math.min(Math.max(pictureAt(view.time) + direction, 0), reel.times.length - 1);
  if (reel.times.length) seek(reel.times[place] + reel.step_s / (4 * reel.every));
}

function togglePlay() {
  if (!playable()) return;
  if (!player.paused) return player.pause();
  if (player.ended) player.currentTime = 0;
  player.play().catch(() => {}); // refused only before anything was pressed
}

for (const name of ["play", "pause", "ended"])
  player.addEventListener(name, () => { find(".vv-play").textContent = player.paused ? "Play" : "Pause"; });
player.addEventListener("seeked", () => reel && show(player.currentTime));

// Where browsers tell the time of each picture they show, that is exact; else the clock of the player has to do.
function follow(_, shown) {
  if (reel && !player.paused) show(shown?.mediaTime ?? player.currentTime);
  if (player.requestVideoFrameCallback) player.requestVideoFrameCallback(follow);
  else if (!player.paused) requestAnimationFrame(follow);
}
if (player.requestVideoFrameCallback) player.requestVideoFrameCallback(follow);
else player.addEventListener("play", () => requestAnimationFrame(follow));

// Everything that depends on the time.
function show(time) {
  view.time = time;
  seekBar.max = until();
  seekBar.value = time;
  seekBar.setAttribute("aria-valuetext", `${clock(time)} of ${clock(until())}`);
  find(".vv-clock").textContent = `${clock(time)} / ${clock(until())}`;
  moveHead();
  drawOver();
  showNumbers();
}

function drawOver() {
  const [wide, high] = reel.size;
  over.width = over.clientWidth * (globalThis.devicePixelRatio || 1);
  over.height = over.clientHeight * (globalThis.devicePixelRatio || 1);
  const pen = over.getContext("2d"), scale = Math.min(over.width / wide, over.height / high);
  pen.setTransform(scale, 0, 0, scale, (over.width - wide * scale) / 2, (over.height - high * scale) / 2);
  const picture = pictureAt(view.time);
  if (picture < 0 || Math.abs(reel.times[picture] - view.time) > longestGap()) return;
  const line = over.width / over.clientWidth / scale; // one CSS pixel
  for (const track of reel.tracks.values()) {
    const place = faceAt(track, picture);
    if (place >= 0) drawFace(pen, track, place, line, track.number === view.track);
  }
}

function drawFace(pen, track, place, line, chosen) {
  const [left, top, right, bottom] = track.box[place];
  if (marks.box) {
    for (const [width, colour] of [[4, "rgb(0 0 0 / 60%)"], [2, chosen ? "#62b0f0" : "#ffffff"]]) {
      pen.lineWidth = width * line;
      pen.strokeStyle = colour;
      pen.strokeRect(left, top, right - left, bottom - top);
    }
    if (reel.tracks.size > 1) tag(pen, `Face ${track.number + 1}`, left, top, line, "#1c2530");
  }
  if (!chosen) return;
  const active = view.units.filter((number) => isActive(track, place, number));
  if (marks.outline) drawOutlines(pen, track.outline[place], active, line);
  if (marks.names) active.slice(0, 8).forEach((number, row) => {
    const letter = letterOf(track.i[reel.place.get(number)][place]);
    const text = `AU${number} ${letter}`;
    tag(pen, text, right + 6 * line, top + row * 24 * line + 20 * line, line, "#0b5fa5", reel.size[0]);
  });
}

const isActive = (track, place, number) => {
  const unit = reel.place.get(number);
  return track.p[unit][place] >= reel.thresholds[unit];
};

// The outline of the face, and of the parts that the chosen units move; brighter where one of them is seen now.
function drawOutlines(pen, points, active, line) {
  const chosen = new Set(view.units.map((number) => unitOf(number).region));
  const moved = new Set(active.map((number) => unitOf(number).region));
  for (const [part, lines] of Object.entries(book.lines)) {
    if (part !== "face" && !chosen.has(part)) continue;
    pen.lineWidth = (moved.has(part) ? 2.6 : part === "face" ? 1 : 1.4) * line;
    pen.strokeStyle = moved.has(part) ? "#ffd58a" : part === "face" ? "rgb(255 255 255 / 45%)" : "rgb(255 255 255 / 85%)";
    pen.shadowColor = "rgb(0 0 0 / 80%)";
    pen.shadowBlur = 2;
    for (const places of lines) {
      pen.beginPath();
      places.forEach((point, index) => pen[index ? "lineTo" : "moveTo"](points[2 * point], points[2 * point + 1]));
      pen.stroke();
    }
  }
  pen.shadowBlur = 0;
}

function tag(pen, text, x, y, line, colour, edge = Infinity) {
  pen.font = `600 ${13 * line}px ${getComputedStyle(root).fontFamily}`;
  const width = pen.measureText(text).width + 10 * line;
  const left = Math.max(0, Math.min(x, edge - width)), top = Math.max(y, 20 * line);
  pen.fillStyle = colour;
  pen.fillRect(left, top - 20 * line, width, 20 * line);
  pen.fillStyle = "#fff";
  pen.fillText(text, left + 5 * line, top - 5.5 * line);
}

// The small bars in the list of units and the numbers beside the lanes.
function showNumbers() {
  const track = currentTrack(), picture = pictureAt(view.time);
  const place = track && picture >= 0 ? faceAt(track, picture) : -1;
  for (const [number, box] of unitBoxes) {
    const unit = reel.place.get(number), value = unit !== undefined && place >= 0 ? track.p[unit][place] : 0;
    box.fill.style.width = `${100 * value}%`;
    box.label.classList.toggle("vv-seen", unit !== undefined && place >= 0 && value >= reel.thresholds[unit]);
  }
  for (const lane of rows.children) {
    const number = Number(lane.dataset.unit), unit = reel.place.get(number);
    lane.querySelector("output").textContent = place < 0 ? "" : view.measure === "p"
      ? `${Math.min(Math.max(Math.round(100 * track.p[unit][place]), 1), 99)} %`
      : `${track.i[unit][place].toFixed(1)}`;
  }
}

seekBar.addEventListener("input", () => seek(Number(seekBar.value)));
find("[data-speed]").addEventListener("change", ({ target }) => { player.playbackRate = Number(target.value); });
new ResizeObserver(() => reel && drawOver()).observe(over);
