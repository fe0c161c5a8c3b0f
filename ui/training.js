// The Training page (`element` and `server` are Gradio's): every press is one message; the reply is the page from then on.
// While a run is going the page asks how far it is, and only what changed is put in.
const root = element.querySelector(".vt");
const body = root.querySelector(".vt-body");
const page = () => body.querySelector(".vt-page");
const NO_CONNECTION = "No answer from the server. Try again in a moment.";
const LOOK_EVERY_MS = 2000;

const place = () => ({ tab: page()?.dataset.tab, version: page()?.dataset.version });

function show(html) {
  const folds = opened();
  body.innerHTML = html;
  reopen(folds);
  notice("");
  if (!page().dataset.tab) return;
  keepPlace();
}

// What somebody opened or closed stays so when the page is drawn anew.
const opened = () => [...body.querySelectorAll("[data-fold]")].map((fold) => [fold.dataset.fold, fold.open]);

function reopen(folds) {
  for (const [name, open] of folds) {
    const fold = body.querySelector(`[data-fold=${name}]`);
    if (fold) fold.open = open;
  }
  const log = body.querySelector("[data-fold=log] pre");
  if (log) log.scrollTop = log.scrollHeight;
}

// ---- a run as it goes

async function look() {
  const run = Number(page()?.dataset.run);
  const busy = sending || document.hidden || root.querySelector("dialog[open]") || root.contains(document.activeElement?.closest("form"));
  if (run && !busy && page().dataset.tab === "training") {
    let reply = null;
    try { reply = await server.act({ ...place(), do: "watch", run }); } catch { /* the next look may get through */ }
    const live = body.querySelector(".vt-live");
    if (reply?.html !== undefined && !sending) show(reply.html);
    else if (reply?.live !== undefined && live && !sending) {
      const folds = opened(), focused = live.contains(document.activeElement) && document.activeElement.dataset.do;
      live.innerHTML = reply.live;
      reopen(folds);
      if (focused) live.querySelector(`[data-do=${focused}]`)?.focus();
    }
  }
  if (root.isConnected) setTimeout(look, LOOK_EVERY_MS);
}

// ---- what can be pressed

const actions = {
  "ask-cancel": () => ask("cancel"),
  "ask-promote": () => ask("promote"),
  "ask-back": () => ask("back"),
  cancel: () => { closeDialogs(); send({ do: "cancel", run: Number(page().dataset.run) }); },
  close: closeDialogs,
};

root.addEventListener("click", ({ target }) => {
  if (target.matches("dialog")) return target.close();
  const { tab, compare, do: action } = target.closest("button")?.dataset ?? {};
  if (tab) send({ do: "go", tab });
  else if (compare) send({ do: "go", tab: "candidate", version: compare });
  else actions[action]?.();
});

root.addEventListener("submit", (event) => {
  event.preventDefault();
  const { form, version, force } = event.target.dataset;
  const fields = Object.fromEntries(new FormData(event.target));
  closeDialogs();
  if (form === "start") send({ do: "start", what: fields.what, project: fields.project, reason: fields.reason });
  else if (form === "promote") send({ do: "promote", version, force: force === "true", reason: fields.reason });
  else send({ do: "back", reason: fields.reason });
});

send({ do: "go", tab: there.tab, version: there.version }).then(() => setTimeout(look, LOOK_EVERY_MS));
