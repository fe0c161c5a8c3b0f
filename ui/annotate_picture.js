// Part of the Annotate page's script: the picture on the left, its zoom, the region to look at, and the evidence.
const ZOOMS = [1, 1.5, 2, 3, 4];
const HEAT_PX = 48;
const look = { zoom: 0, x: 0.5, y: 0.5, outline: true, evidence: false };

const desk = root.querySelector(".va-desk");
const picture = (selector) => desk.querySelector(`.va-frame ${selector}`);

function middleOf(number) {
  const places = book.units[number]?.region ?? [[0.5, 0.5]];
  return [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
}

// The point (x, y) of the picture comes to the middle, as far as no edge comes into view.
function showPicture() {
  const canvas = picture(".va-canvas");
  if (!canvas) return;
  const zoom = ZOOMS[look.zoom], margin = 0.5 / zoom;
  [look.x, look.y] = [look.x, look.y].map((at) => Math.min(Math.max(at, margin), 1 - margin));
  canvas.style.transform = `scale(${zoom}) translate(${(0.5 - look.x) * 100}%, ${(0.5 - look.y) * 100}%)`;
  canvas.style.setProperty("--zoom", zoom);
  canvas.closest(".va-frame").classList.toggle("va-near", zoom > 1);
}

function zoomBy(steps) {
  look.zoom = Math.min(Math.max(look.zoom + steps, 0), ZOOMS.length - 1);
  if (current) [look.x, look.y] = middleOf(current);
  showPicture();
}

function showRegion() {
  const drawing = picture(".va-region");
  if (!drawing) return;
  const places = look.outline && current ? book.units[current].region : [];
  drawing.innerHTML = places
    .map(([x, y, rx, ry]) => `<ellipse cx="${x}" cy="${y}" rx="${rx}" ry="${ry}"/>`.repeat(2))
    .join("");
  desk.querySelector('[data-do="region"]').setAttribute("aria-pressed", String(look.outline));
  const line = desk.querySelector(".va-focus");
  line.replaceChildren();
  if (!current) return;
  const name = document.createElement("b");
  name.textContent = book.units[current].label;
  line.append(name, ` ${book.units[current].look}`);
}

// Where the network looked: one picture has the maps of all action units, one below the other in their order. It is asked
// for when the face is there, and not at all while the model is hidden.
let maps = null;

function fetchMaps() {
  const source = desk.querySelector(".va-evidence")?.dataset.src, chip = picture(".va-chip");
  if (!source || !aided || sending || maps?.source === source) return; // a face that is being given back is not ours
  if (!chip.complete) return chip.addEventListener("load", fetchMaps, { once: true });
  maps = { source, image: new Image() };
  maps.image.onload = showEvidence;
  maps.image.src = source;
}

function paint(canvas, image, ...place) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (image) pen.drawImage(image, ...place, 0, 0, canvas.width, canvas.height);
}

function showEvidence() {
  const button = desk.querySelector(".va-evidence"), chip = picture(".va-chip");
  if (!button) return;
  fetchMaps();
  const place = current && task ? Object.keys(task.model).indexOf(String(current)) : -1;
  const there = aided && place >= 0 && maps?.source === button.dataset.src && maps.image.complete && maps.image.naturalWidth;
  for (const canvas of desk.querySelectorAll(".va-heat"))
    paint(canvas, there ? maps.image : null, 0, place * HEAT_PX, HEAT_PX, HEAT_PX);
  if (there) paint(button.querySelector(".va-grey"), chip, 0, 0, chip.naturalWidth, chip.naturalHeight);
  button.setAttribute("aria-pressed", String(look.evidence));
  picture(".va-canvas").classList.toggle("va-lit", Boolean(there && look.evidence));
}

function toggleEvidence() {
  look.evidence = !look.evidence;
  remembered.set("evidence", look.evidence ? "on" : "off");
  if (look.evidence && desk.querySelector(".va-frame").dataset.view === "photo") togglePhoto();
  showEvidence();
}

function togglePhoto() {
  const frame = desk.querySelector(".va-frame"), photo = picture(".va-photo");
  const whole = frame.dataset.view === "face";
  frame.dataset.view = whole ? "photo" : "face";
  if (whole && !photo.src) photo.src = photo.dataset.src;
  desk.querySelector('[data-do="photo"]').setAttribute("aria-pressed", String(whole));
}

// Drag to move the enlarged picture; a double click looks closer at that point.
let drag = null;
desk.addEventListener("pointerdown", (event) => {
  const frame = event.target.closest(".va-near[data-view=face]");
  if (!frame) return;
  drag = { id: event.pointerId, x: event.clientX, y: event.clientY, side: frame.clientWidth * ZOOMS[look.zoom] };
  frame.setPointerCapture(event.pointerId);
});
desk.addEventListener("pointermove", (event) => {
  if (drag?.id !== event.pointerId) return;
  look.x -= (event.clientX - drag.x) / drag.side;
  look.y -= (event.clientY - drag.y) / drag.side;
  [drag.x, drag.y] = [event.clientX, event.clientY];
  showPicture();
});
for (const end of ["pointerup", "pointercancel"]) desk.addEventListener(end, () => { drag = null; });
desk.addEventListener("dblclick", (event) => {
  const frame = event.target.closest(".va-frame[data-view=face]");
  if (!frame) return;
  const { left, top, width, height } = frame.getBoundingClientRect(), zoom = ZOOMS[look.zoom];
  look.x += ((event.clientX - left) / width - 0.5) / zoom;
  look.y += ((event.clientY - top) / height - 0.5) / zoom;
  look.zoom = look.zoom === ZOOMS.length - 1 ? 0 : look.zoom + 1;
  showPicture();
});

// On a phone the face is small, so that the rows have room; a tap makes it large and small again.
desk.addEventListener("click", ({ target }) => target.closest(".va-frame")?.classList.toggle("va-large"));
