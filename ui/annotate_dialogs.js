// Part of the Annotate page's script: notices and dialogs.
const dialog = (name) => root.querySelector(`.va-${name}.va-dialog`);
const openDialog = () => root.querySelector("dialog[open]");

function open(name) {
  const opened = dialog(name);
  if (!opened.open) opened.showModal();
  return opened;
}

// Closing gives the focus back to the row.
root.addEventListener("close", () => current && rowOf(current)?.focus({ preventScroll: true }), true);
root.addEventListener("click", ({ target }) => target.matches("dialog") && target.close());

let noticeAction = null;

function notice(text, kind = "", label = "", action = null) {
  const box = root.querySelector(".va-notice"), button = box.querySelector('[data-do="notice-action"]');
  box.hidden = !text;
  box.dataset.kind = kind;
  box.querySelector("p").textContent = text;
  button.hidden = !action;
  button.textContent = label;
  noticeAction = action;
}

// The answer to a yes-or-no question; `lines` are what it is about. Enter says yes, unless it had better be `careful`.
function askFirst(title, text, lines, yes, careful = false) {
  const asking = dialog("question");
  asking.querySelector("h2").textContent = title;
  const about = document.createElement("p");
  about.textContent = text;
  const list = document.createElement("ul");
  for (const line of lines) list.appendChild(document.createElement("li")).textContent = line;
  asking.querySelector(".va-asked").replaceChildren(about, list);
  asking.querySelector(".va-yes").textContent = yes;
  open("question");
  asking.querySelector(careful ? 'footer [data-do="close"]' : ".va-yes").focus();
  return new Promise((resolve) => {
    // at once, before the next key: a dialog tells later that it was closed
    asking.querySelector(".va-yes").onclick = () => { resolve(true); asking.close(); };
    asking.onclose = () => resolve(false);
  });
}

function showGuideline(number) {
  const guide = open("guidelines");
  for (const article of guide.querySelectorAll("article")) article.hidden = article.dataset.guidelineOf !== String(number);
  for (const choice of guide.querySelectorAll("nav button"))
    choice.setAttribute("aria-pressed", String(choice.dataset.guideline === String(number)));
  guide.querySelector("article:not([hidden])").focus();
  guide.scrollTop = 0;
}

function askWhySkip() {
  const skipping = open("skip");
  skipping.querySelector("input").value = "";
}

async function showHistory(before = null) {
  const shown = open("history"), list = shown.querySelector("ol");
  if (before === null) list.replaceChildren();
  const reply = await ask({ do: "history", project: session.project, before });
  if (!reply || reply.error) {
    shown.close();
    return reply ? refused(reply) : notice(NO_CONNECTION, "down");
  }
  list.insertAdjacentHTML("beforeend", reply.html);
  for (const time of list.querySelectorAll("time"))
    time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const older = shown.querySelector('[data-do="older"]');
  older.hidden = reply.before === null;
  older.onclick = () => showHistory(reply.before);
}

root.addEventListener("click", ({ target }) => {
  const link = target.closest("[data-guideline]");
  if (link) showGuideline(Number(link.dataset.guideline));
  const reason = target.closest("[data-reason]");
  if (reason) skipWith(reason.dataset.reason);
  const back = target.closest("[data-reopen]");
  if (back) {
    openDialog().close();
    fetchFace({ do: "reopen", item: Number(back.dataset.reopen) });
  }
});
