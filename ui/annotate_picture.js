// Part of the Annotate page's script: the picture on the left, its zoom, and the outline of the region to look at.
const ZOOMS = [1, 1.5, 2, 3, 4];
const look = { zoom: 0, x: 0.5, y: 0.5, outline: true };

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
