// Runs when the account page's gr.HTML is there (`element`). Sends what is typed as JSON to the routes below ./account/.
const nobody = element.querySelector(".vk-nobody");
const somebody = element.querySelector(".vk-somebody");
const forms = [...element.querySelectorAll("form")];
const people = element.querySelector(".vk-people");
const next = new URLSearchParams(location.search).get("next");

const ROLES = {
  annotator: "Annotator: you say what you see on faces.",
  reviewer: "Reviewer: you also settle what others disagree on.",
  admin: "Admin: you also run the project, export, and give others their roles.",
};

globalThis.vlVisitor.then(show, () => show({ name: null }));

function show({ name, role, first_is_admin: first }) {
  nobody.hidden = Boolean(name);
  somebody.hidden = !name;
  element.querySelector(".vk-first").hidden = !first;
  if (name) {
    element.querySelector(".vk-name").textContent = name;
    element.querySelector(".vk-role").textContent = ROLES[role];
    people.hidden = role !== "admin";
  } else choose(first ? "sign-up" : "sign-in");
}

function choose(way) {
  element.querySelectorAll("[data-way]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.way === way));
  nobody.querySelectorAll("form").forEach((form) => { form.hidden = form.dataset.do !== way; });
  nobody.querySelectorAll("[data-for]").forEach((text) => { text.hidden = text.dataset.for !== way; });
  nobody.querySelector("form:not([hidden]) input").focus({ preventScroll: true });
}

// What the server answers, or null after saying in `status` what is wrong; without fields it is only asked.
async function ask(what, status, fields) {
  const sent = fields && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields) };
  say(status, "");
  try {
    const answer = await fetch(`./account/${what}`, sent);
    const told = await answer.json();
    if (answer.ok) return told;
    say(status, told.message);
  } catch {
    say(status, "The server does not answer. Nothing was changed. Check the connection and try again.");
  }
  return null;
}

function say(status, text, good = false) {
  status.textContent = text;
  status.toggleAttribute("data-good", good);
}

async function send(form) {
  const press = form.querySelector("[type=submit]");
  const fields = { ...Object.fromEntries(new FormData(form)), language: navigator.language || "en" };
  press.disabled = true;
  const told = await ask(form.dataset.do, form.querySelector(".vk-status"), fields);
  press.disabled = false;
  if (told) done(form, told);
  else form.querySelector("input[type=password]")?.select();
}

function done(form, { name, message }) {
  const way = form.dataset.do;
  if (way === "withdraw") {
    form.reset();
    say(form.querySelector(".vk-status"), message, true);
  } else if (way === "password") {
    form.reset();
    say(form.querySelector(".vk-status"), "The password is changed. Your other browsers are signed out.", true);
  } else if (way === "sign-out") location.assign("./");
  else location.assign(/^[a-z]+$/.test(next ?? "") ? `./${next}` : "./annotate");
}

forms.forEach((form) => form.addEventListener("submit", (event) => {
  event.preventDefault();
  send(form);
}));

element.addEventListener("click", ({ target }) => {
  if (target.dataset.way) return choose(target.dataset.way);
  if (!target.classList.contains("vk-show")) return;
  const input = target.parentElement.querySelector("input");
  const shown = input.type === "text";
  input.type = shown ? "password" : "text";
  target.setAttribute("aria-pressed", !shown);
});

async function listPeople() {
  const found = await ask("people", people.querySelector(".vk-status"));
  if (found) people.querySelector("ul").replaceChildren(...found.map(person));
}

// Texts that people typed are only ever set as text.
function person({ name, pseudonym, role, blocked, own, local }) {
  const row = document.createElement("li");
  row.dataset.name = name;
  const title = row.appendChild(document.createElement("span"));
  title.append(name, document.createElement("small"));
  title.lastChild.textContent = own ? `${pseudonym}, you` : pseudonym;
  if (own) return row;
  const choice = row.appendChild(document.createElement("select"));
  choice.setAttribute("aria-label", `Role of ${name}`);
  choice.append(...Object.keys(ROLES).map((each) => new Option(each, each, each === role, each === role)));
  row.append(button(blocked ? "unblock" : "block", blocked ? "Let in again" : "Keep out"));
  if (local) row.append(button("reset", "New password"));
  return row;
}

function button(what, text) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className: "vk-quiet", textContent: text });
  made.dataset.person = what;
  return made;
}

async function change(row, what, role = "") {
  const status = people.querySelector(".vk-status");
  const told = await ask(what, status, { name: row.dataset.name, role });
  await (told && listPeople());
  if (told?.password) say(status, `${row.dataset.name} signs in with ${told.password} now, and should change it then.`, true);
  else if (told) say(status, told.message, true);
}

people.addEventListener("toggle", () => people.open && listPeople());
people.addEventListener("change", ({ target }) => change(target.closest("li"), "role", target.value));
people.addEventListener("click", ({ target }) => {
  if (target.dataset.person) change(target.closest("li"), target.dataset.person);
});
