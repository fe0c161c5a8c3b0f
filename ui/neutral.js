// Runs when the fold under a result is put on the page (`element`). Sends a neutral photo and shows, on the result above,
// how far each action unit is from it: a mark on the bar, a number, an order of its own, columns in the files.
const fold = element.querySelector(".vl-neutral");
const input = element.querySelector("input");
const said = element.querySelector(".vl-neutral-said");
const remove = element.querySelector("[data-do=remove]");
const result = () => document.querySelector(".vl-result");
let saidBefore = ""; // stands again when a photo cannot be used: what was compared before it is still shown

async function send(file) {
  if (!file || fold.hasAttribute("aria-busy")) return;
  fold.setAttribute("aria-busy", "true");
  saidBefore = said.textContent;
  said.textContent = "Reading it …";
  try {
    // a name of its own, as in the drop zone
    const { path } = await upload(new File([file], `${crypto.getRandomValues(new Uint32Array(4)).join("")}.photo`, file));
    trigger("neutral", { path, name: file.name });
  } catch {
    fold.removeAttribute("aria-busy"); // Gradio has said why
  }
  input.value = "";
}

new MutationObserver(() => {
  if (!fold.hasAttribute("aria-busy") && said.textContent === "Reading it …") said.textContent = saidBefore;
}).observe(fold, { attributes: true });

const signed = (text) => `${Number(text) < 0 ? "−" : Number(text) > 0 ? "+" : "±"}${text.replace("-", "")}`;
const points = (value) => signed((100 * value).toFixed(0));
const steps = (value) => signed(value.toFixed(1));

function clear() {
  if (!result()) return;
  result().classList.remove("vl-compared");
  for (const added of result().querySelectorAll("[data-neutral]")) added.remove();
  for (const radio of result().querySelectorAll(".vl-orders input[value=likely]")) if (!radio.checked) radio.click();
  for (const link of result().querySelectorAll(".vl-downloads a[data-plain]")) {
    link.href = link.dataset.plain;
    delete link.dataset.plain;
  }
  remove.hidden = true;
  said.textContent = "";
}

function compare({ name, values }) {
  clear();
  result().classList.add("vl-compared");
  for (const face of result().querySelectorAll(".vl-face")) {
    const rows = [...face.querySelectorAll(".vl-unit")].map((row) => showDifference(row, values));
    rows.sort((a, b) => Math.abs(b.change) - Math.abs(a.change)).forEach(({ row }, place) => { row.dataset.change = place; });
    for (const heading of face.querySelectorAll(".vl-heading")) heading.dataset.change = 999;
    addOrder(face);
  }
  for (const link of result().querySelectorAll(".vl-downloads a")) addColumns(link, values);
  remove.hidden = false;
  said.textContent = `Compared with ${name}. The numbers are percentage points.`;
  result().querySelector(".vl-face:not([hidden]) .vl-orders input[value=change]").click();
  result().querySelector(".vl-face:not([hidden]) .vl-legend").scrollIntoView({ block: "start" });
}

function showDifference(row, values) {
  const [p, i] = values[row.querySelector("input").value];
  const change = row.dataset.p - p, strength = row.dataset.i - i;
  const mark = Object.assign(document.createElement("span"), { className: "vl-rest" });
  mark.dataset.neutral = "";
  mark.style.left = `${100 * p}%`;
  row.querySelector(".vl-track").append(mark);
  const number = Object.assign(document.createElement("span"), { className: "vl-change", textContent: points(change) });
  number.dataset.neutral = "";
  number.setAttribute("aria-label", `${points(change)} points against the neutral photo`);
  row.querySelector(".vl-percent").after(number);
  const words = Object.assign(document.createElement("p"), { className: "vl-verdict" });
  words.dataset.neutral = "";
  words.textContent = `At rest: ${Math.min(Math.max(Math.round(100 * p), 1), 99)} % likely, intensity ${i.toFixed(1)}. Against that `
    + `${points(change)} points, and ${steps(strength)} in intensity (0 to 5).`;
  row.querySelector(".vl-verdict").after(words);
  return { row, change };
}

function addOrder(face) {
  const orders = face.querySelector(".vl-orders"), name = `vl-order-${face.dataset.face}`;
  const order = document.createElement("span");
  order.dataset.neutral = "";
  order.innerHTML = `<input class="vl-hidden" type="radio" name="${name}" id="${name}-change" value="change"><label for="${name}-change">Most changed first</label>`;
  orders.append(order);
}

// The differences come as the last columns, under the names that the command line gives them.
function addColumns(link, values) {
  link.dataset.plain = link.href;
  const text = new TextDecoder().decode(Uint8Array.from(atob(link.href.split(",")[1]), (sign) => sign.charCodeAt(0)));
  const faces = [...result().querySelectorAll(".vl-face")];
  const differences = faces.map((face) => Object.fromEntries([...face.querySelectorAll(".vl-unit")]
    .map((row) => [Number(row.querySelector("input").value), row])
    .sort(([one], [other]) => one - other)
    .flatMap(([number, row]) => ["p", "i"].map((measure, place) => [
      `AU${String(number).padStart(2, "0")}_${measure}_diff`, Number((row.dataset[measure] - values[number][place]).toFixed(4))]))));
  const csv = () => text.trimEnd().split("\n").map((line, index) =>
    [line, ...(index ? Object.values(differences[index - 1]) : Object.keys(differences[0]))].join(",")).join("\n") + "\n";
  const json = () => JSON.stringify(JSON.parse(text).map((record, index) => ({ ...record, ...differences[index] })), null, 1);
  const isJson = link.href.startsWith("data:application/json");
  link.href = `data:${isJson ? "application/json" : "text/csv"};charset=utf-8,${encodeURIComponent(isJson ? json() : csv())}`;
}

element.addEventListener("click", ({ target }) => {
  const action = target.closest("[data-do]")?.dataset.do;
  if (action === "choose") input.click();
  if (action === "remove") clear();
});
input.addEventListener("change", () => send(input.files[0]));
watch("value", () => {
  fold.removeAttribute("aria-busy");
  if (props.value && result()) compare(JSON.parse(props.value));
  else clear();
});
